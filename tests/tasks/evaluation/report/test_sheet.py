"""Contact sheets, read back as pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from infra.media.frame import YuvFrame
from tasks.evaluation.report.sheet import sheet
from tests.tasks import support

COLOURS = [(40, 40, 200), (40, 200, 40), (200, 40, 40), (20, 20, 20), (200, 200, 40), (120, 120, 120)]


def plain(width: int = 320, height: int = 240) -> support.Opener:
    return support.opener([np.full((height, width, 3), colour, np.uint8) for colour in COLOURS])


def read(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def colour_at(image: np.ndarray, column: int, row: int, height: int) -> int:
    """Number of the colour in the middle of a tile."""
    found = image[row * height + 60, column * 300 + 150].astype(int)
    return int(np.argmin([np.abs(found - one).sum() for one in COLOURS]))


def test_tiles_stand_in_the_order_that_was_asked_for() -> None:
    image = read(sheet(plain(), [(3, "worst"), (0, "first"), (5, ""), (1, ""), (2, "2.00 s")]))
    # 294 pixels wide make 220 of 320 x 240, and 28 for the caption: 248.
    assert image.shape == (2 * 248, 4 * 300, 3)
    assert [colour_at(image, column, 0, 248) for column in range(4)] == [3, 0, 5, 1]
    assert colour_at(image, 0, 1, 248) == 2 and (image[300:, 310:] > 240).all()


def test_a_caption_is_written_below_its_picture() -> None:
    image = read(sheet(plain(), [(0, "1.25 s  0.31 sface"), (1, "")]))
    assert (image[224:246, :150] < 160).any() and (image[224:246, 310:] > 230).all()


def test_frames_beyond_the_end_are_left_out() -> None:
    image = read(sheet(plain(), [(9, "gone"), (4, "there"), (77, "gone")]))
    assert image.shape == (248, 300, 3) and colour_at(image, 0, 0, 248) == 4
    assert sheet(plain(), [(9, "gone")]) == b"" == sheet(plain(), [])


def test_a_frame_may_be_shown_twice() -> None:
    image = read(sheet(plain(), [(1, "a"), (1, "b")]))
    assert image.shape == (248, 600, 3) and colour_at(image, 0, 0, 248) == colour_at(image, 1, 0, 248) == 1


@pytest.mark.parametrize(("width", "height", "tile"), [(240, 320, 392 + 28), (1400, 2, 1 + 28), (64, 64, 294 + 28)])
def test_pictures_of_any_shape_are_whole(width: int, height: int, tile: int) -> None:
    assert read(sheet(plain(width, height), [(0, ""), (1, "")])).shape == (tile, 600, 3)


def test_no_more_is_read_than_is_needed() -> None:
    read_so_far: list[int] = []

    @contextlib.contextmanager
    def opened() -> Iterator[Iterator[YuvFrame]]:
        def frames() -> Iterator[YuvFrame]:
            for n in range(100):
                read_so_far.append(n)
                yield support.yuv(np.full((64, 64, 3), n, np.uint8), n)

        yield frames()

    assert sheet(opened, [(2, ""), (0, "")]) and read_so_far == [0, 1, 2]
