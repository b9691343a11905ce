"""Redaction covers at least the face, and nothing of it is left."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import redact
from tests.tasks import support

NONE = np.full((478, 3), np.nan, np.float32)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-300, 600), st.floats(-300, 600), st.floats(0.5, 400), st.integers(1, 200), st.integers(1, 150),
    st.booleans(),
)  # fmt: skip
def test_cover_holds_the_box_within_the_frame(
    x: float, y: float, side: float, half_width: int, half_height: int, meshed: bool
) -> None:
    width, height = 2 * half_width, 2 * half_height + half_height % 2
    box = support.box(x, y, side)
    low_x, low_y, high_x, high_y = redact.cover(box, support.mesh(x, y, side) if meshed else NONE, width, height)
    assert 0 <= low_x <= high_x <= width and 0 <= low_y <= high_y <= height
    inside = np.clip(box, 0, [width, height] * 2)
    if inside[2] > inside[0] and inside[3] > inside[1]:
        assert low_x <= inside[0] and low_y <= inside[1] and high_x >= inside[2] and high_y >= inside[3]
        assert high_x > low_x and high_y > low_y
    assert low_x % 2 == 0 and low_y % 2 == 0


def test_a_margin_is_left_around_the_box() -> None:
    region = redact.cover(support.box(100, 100, 40), NONE, 300, 300)
    assert (region[:2] <= 70).all() and (region[2:] >= 130).all()


def test_a_mesh_that_reaches_farther_than_the_box_is_covered_and_a_stray_mesh_is_not() -> None:
    box = support.box(160, 120, 40)
    wide = redact.cover(box, support.mesh(160, 120, 100), 320, 240)
    assert (wide[:2] <= (120, 71)).all() and (wide[2:] >= (200, 169)).all()
    far = redact.cover(box, support.mesh(20, 20, 30), 320, 240)
    assert np.array_equal(far, redact.cover(box, NONE, 320, 240))


def test_fill_leaves_one_colour_inside_and_every_bit_outside() -> None:
    picture = support.noise(1)[0]
    before = picture.copy()
    redact.fill(picture, np.array([40, 60, 120, 140]))
    assert (picture[60:140, 40:120] == redact.GREY).all()
    picture[60:140, 40:120] = before[60:140, 40:120]
    assert np.array_equal(picture, before)
