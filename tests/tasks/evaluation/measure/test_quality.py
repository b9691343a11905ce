"""What of a picture is rated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.interfaces.capabilities import Image
from models.quality import niqe
from tasks.evaluation.measure.quality import AROUND, BLOCK, crop
from tests.tasks import support


def picture(width: int = 700, height: int = 600) -> Image:
    """Every pixel tells where it is."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x % 256, y % 256, x // 256 + 4 * (y // 256)], axis=2).astype(np.uint8)


def place(found: Image) -> tuple[int, int]:
    """(x, y) of the first pixel of a crop."""
    b, g, r = found[0, 0].tolist()
    return b + 256 * (r % 4), g + 256 * (r // 4)


def test_it_is_whole_blocks_around_the_middle_of_the_face() -> None:
    # 1.3 times 200 is 260: two blocks of 96, 34 pixels off each side of the square from 220 to 480.
    found = crop(picture(), support.face(350, 300, 200))
    assert found is not None and found.shape == (192, 192, 3) and place(found) == (254, 204)
    found = crop(picture(), support.face(350, 300, 222))
    assert found is not None and found.shape == (288, 288, 3) and place(found) == (206, 156)


def test_what_is_no_square_is_taken_by_its_size() -> None:
    tall = support.face(350, 300, 160)
    tall = type(tall)(tall.box + np.array([40, -80, -40, 80], np.float32), tall.score, tall.points)
    assert tall.size == pytest.approx(160)
    found = crop(picture(), tall)
    assert found is not None and found.shape == (192, 192, 3) and place(found) == (254, 204)


def test_the_edge_of_the_picture_cuts_it_off_without_filling() -> None:
    # From 0 to 190 across, from 200 to 400 down.
    found = crop(picture(), support.face(90, 300, 154))
    assert found is not None and found.shape == (192, 96, 3) and place(found) == (47, 204)
    found = crop(picture(), support.face(690, 590, 308))
    assert found is not None and found.shape == (192, 192, 3) and place(found) == (499, 399)


@pytest.mark.parametrize("side", [0, 20, 73])
def test_under_a_block_there_is_nothing(side: float) -> None:
    assert crop(picture(), support.face(350, 300, side)) is None
    exact = crop(picture(), support.face(350, 300, 74))
    assert exact is not None and exact.shape == (96, 96, 3) and place(exact) == (302, 252)


def test_a_face_out_of_the_picture_is_not_rated() -> None:
    for x, y in ((-300, 300), (1200, 300), (350, -300), (350, 900), (-130, 300)):
        assert crop(picture(), support.face(x, y, 150)) is None
    assert crop(np.zeros((90, 600, 3), np.uint8), support.face(300, 45, 200)) is None


@given(st.floats(-100, 800), st.floats(-100, 700), st.floats(0, 500))
def test_nothing_is_made_up(x: float, y: float, side: float) -> None:
    image = picture()
    found = crop(image, support.face(x, y, side))
    if found is not None:
        left, top = place(found)
        height, width = found.shape[:2]
        assert not height % BLOCK and not width % BLOCK and max(height, width) <= AROUND * side + 1
        assert np.array_equal(found, image[top : top + height, left : left + width])


def test_the_blocks_are_those_of_the_rating() -> None:
    assert BLOCK == niqe.BLOCK
