"""Which frame belongs to which, and which face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.media.frame import YuvFrame
from tasks.measure.pairing import Place, by_frame, counterpart, same_time, together
from tests.tasks.support import track


def frames(count: int) -> list[YuvFrame]:
    return [YuvFrame(n, n, 2, 2, np.zeros((3, 2), np.uint8)) for n in range(count)]


@given(st.integers(1, 60), st.integers(1, 60))
def test_each_frame_gets_the_one_nearest_in_time_or_none(ours: int, theirs: int) -> None:
    mine, other = np.arange(ours) / 25.0, np.arange(theirs) / 30.0
    found = same_time(mine, other)
    if ours == theirs:
        assert found.tolist() == list(range(ours))
        return
    step = 1 / 30 if theirs > 1 else np.inf
    for time, index in zip(mine, found, strict=True):
        gaps = np.abs(other - time)
        assert index == -1 or gaps[index] == pytest.approx(gaps.min())
        assert (index == -1) == (gaps.min() > step / 2 + 1e-6)
    assert (np.diff(found[found >= 0]) >= 0).all(), "so that both streams are read once"


def test_a_file_of_half_the_rate_serves_every_frame_it_can() -> None:
    assert same_time(np.arange(6) / 30, np.arange(3) / 15).tolist() == [0, 0, 1, 1, 2, 2]
    assert same_time(np.arange(4) / 30, np.zeros(0)).tolist() == [-1] * 4


def test_streams_are_read_once_and_a_frame_may_serve_twice() -> None:
    mapping = np.array([0, 0, 2, -1, 3])
    pairs = list(together(iter(frames(5)), iter(frames(4)), mapping))
    assert [(a.index, b.index if b else None) for a, b in pairs] == [(0, 0), (1, 0), (2, 2), (3, None), (4, 3)]
    short = list(together(iter(frames(3)), iter(frames(1)), np.array([0, 1, 2])))
    assert [b is not None for _, b in short] == [True, False, False], "a file that ends early"


def test_a_face_is_matched_by_its_place_whatever_the_size_of_the_picture() -> None:
    one, other = track(0, 0, 1, box=(10, 10, 50, 60)), track(1, 0, 1, box=(200, 10, 250, 60))
    places = [Place(one, 0), Place(other, 0)]
    half = np.array([0.5, 0.5], np.float32)
    assert counterpart(np.array([20, 20, 100, 120], np.float32), half, places) is places[0]
    assert counterpart(np.array([20, 20, 100, 120], np.float32), half * 2, places[1:]) is None
    hidden = track(0, 0, 1, box=(10, 10, 50, 60), detected=False, presence=0.0)
    assert counterpart(one.boxes[0], half * 2, [Place(hidden, 0)]) is None, "filled in, seen by nobody"


def test_every_so_many_frames_are_looked_at() -> None:
    assert sorted(by_frame([track(0, 3, 8, box=(0, 0, 9, 9))], every=4)) == [4, 8]
