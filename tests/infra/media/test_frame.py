from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.media.frame import YuvFrame


def smooth(width: int, height: int, seed: int = 0) -> YuvFrame:
    """A frame of mild colours, where the conversion to BGR clips nothing."""
    rng = np.random.default_rng(seed)
    frame = YuvFrame(0, 0, width, height, np.empty(YuvFrame.shape_for(width, height), np.uint8))
    for plane, (low, high) in zip(frame.planes, [(90, 160), (110, 146), (110, 146)], strict=True):
        plane[:] = rng.integers(low, high, plane.shape)
    return frame


@pytest.mark.parametrize("size", [(64, 48), (63, 48), (64, 47)])
def test_round_trip_of_the_whole_frame(size: tuple[int, int]) -> None:
    frame = smooth(*size)
    original = frame.data.copy()
    frame.write_bgr(frame.to_bgr(), 0, 0)
    assert int(np.abs(frame.data.astype(int) - original).max()) <= 2


def test_matrix_is_the_one_opencv_uses() -> None:
    grey = YuvFrame(0, 0, 4, 4, np.full((6, 4), 128, np.uint8))
    grey.planes[0][:] = [[16, 81, 145, 235]] * 4
    colours = grey.small_bgr(4)
    assert colours[0, 0].tolist() == [0, 0, 0]
    assert colours[0, 3].tolist() == [255, 255, 255]
    odd = smooth(65, 33)
    even = YuvFrame(0, 0, 64, 32, np.empty((48, 64), np.uint8))
    y, u, v = even.planes
    y[:], u[:], v[:] = odd.planes[0][:32, :64], 120, 130
    odd.planes[1][:], odd.planes[2][:] = 120, 130
    assert int(np.abs(odd.to_bgr()[:32, :64].astype(int) - even.to_bgr()).max()) <= 1


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(-10, 70),
    y=st.integers(-10, 60),
    w=st.integers(1, 40),
    h=st.integers(1, 40),
    odd=st.booleans(),
    masked=st.booleans(),
)
def test_only_the_region_changes(x: int, y: int, w: int, h: int, odd: bool, masked: bool) -> None:
    frame = smooth(63 if odd else 64, 48)
    before = frame.copy()
    mask = np.random.default_rng(1).random((h, w)) < 0.5 if masked else None
    frame.write_bgr(np.full((h, w, 3), (200, 30, 60), np.uint8), x, y, mask)
    touched = np.zeros((frame.height, frame.width), bool)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, frame.width), min(y + h, frame.height)
    if left < right and top < bottom:
        inner = np.ones((h, w), bool) if mask is None else mask
        touched[top:bottom, left:right] = inner[top - y : bottom - y, left - x : right - x]
    assert np.array_equal(frame.planes[0][~touched], before.planes[0][~touched])
    blocks = touched if odd else touched.reshape(24, 2, 32, 2).any(axis=(1, 3))
    for changed, original in zip(frame.planes[1:], before.planes[1:], strict=True):
        assert np.array_equal(changed[~blocks], original[~blocks])
    if touched.any():
        assert not np.array_equal(frame.planes[0][touched], before.planes[0][touched])


def test_written_colour_comes_back() -> None:
    frame = smooth(64, 48)
    frame.write_bgr(np.full((20, 20, 3), (200, 30, 60), np.uint8), 11, 7)
    inside = frame.to_bgr()[9:25, 13:29].astype(int)
    assert np.abs(inside - np.array([200, 30, 60])).max() <= 2


def test_small_view_is_the_reduced_frame() -> None:
    frame = smooth(640, 360)
    small = frame.small_bgr(160)
    assert small.shape == (90, 160, 3)
    whole = frame.to_bgr().reshape(90, 4, 160, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - whole).max() < 3


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.sampled_from([90, 180, 270]))
def test_a_turned_frame_holds_the_same_samples_and_turns_back(w: int, h: int, even: bool, angle: int) -> None:
    width, height = (2 * w, 2 * h) if even else (w, h)
    data = np.random.default_rng(w + 10 * h).integers(0, 255, YuvFrame.shape_for(width, height)).astype(np.uint8)
    frame = YuvFrame(3, 7, width, height, data)
    made = frame.turned(angle)
    assert (made.index, made.pts) == (3, 7)
    assert (made.width, made.height) == ((height, width) if angle % 180 else (width, height))
    for plane, turned_plane in zip(frame.planes, made.planes, strict=True):
        assert np.array_equal(np.rot90(plane, -angle // 90), turned_plane)
    assert np.array_equal(made.turned(-angle).data, data)
    assert frame.turned(0) is frame


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_turned_picture_of_even_sides_keeps_its_full_colour(angle: int) -> None:
    picture = np.random.default_rng(5).integers(0, 255, (4, 6, 3)).astype(np.uint8)
    made = YuvFrame.from_bgr(picture).turned(angle)
    assert not made.subsampled
    assert np.abs(made.to_bgr().astype(int) - np.rot90(picture, -angle // 90).astype(int)).max() <= 2
