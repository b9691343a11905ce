"""Which frame belongs to which, and which face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.media.frame import YuvFrame
from tasks.analysis.tracking import overlap
from tasks.evaluation.measure.pairing import FacePosition, by_frame, counterparts, same_time, together
from tests.tasks.support import box, track

ALIKE = np.array([1.0, 1.0], np.float32)


def counterpart(box: np.ndarray, scale: np.ndarray, others: Sequence[FacePosition]) -> FacePosition | None:
    (found,) = counterparts([box], scale, others)
    return found


def frames(count: int) -> list[YuvFrame]:
    return [YuvFrame(n, n, 2, 2, np.zeros((3, 2), np.uint8)) for n in range(count)]


@given(st.integers(0, 60), st.integers(0, 60))
@example(0, 1)
@example(1, 0)
@example(40, 1)
def test_each_frame_gets_the_one_nearest_in_time_or_none(ours: int, theirs: int) -> None:
    mine, other = np.arange(ours) / 25.0, np.arange(theirs) / 30.0
    found = same_time(mine, other)
    assert found.shape == (ours,) and found.dtype == np.int64
    if ours == theirs or not theirs:
        assert found.tolist() == (list(range(ours)) if ours == theirs else [-1] * ours)
        return
    step = 1 / 30 if theirs > 1 else 0.0
    for time, index in zip(mine, found, strict=True):
        gaps = np.abs(other - time)
        assert index == -1 or gaps[index] == pytest.approx(gaps.min())
        assert (index == -1) == (gaps.min() > step / 2 + 1e-6)
    assert (np.diff(found[found >= 0]) >= 0).all(), "so that both streams are read once"


def test_a_file_of_half_the_rate_serves_every_frame_it_can() -> None:
    assert same_time(np.arange(6) / 30, np.arange(3) / 15).tolist() == [0, 0, 1, 1, 2, 2]
    assert same_time(np.arange(3) / 15, np.arange(6) / 30).tolist() == [0, 2, 4]
    assert same_time(np.arange(4) / 30, np.zeros(0)).tolist() == [-1] * 4


def test_what_comes_later_than_the_other_file_ends_has_no_counterpart() -> None:
    assert same_time(np.arange(6) / 10, np.arange(3) / 10).tolist() == [0, 1, 2, -1, -1, -1]
    assert same_time(np.arange(6) / 10, np.zeros(1)).tolist() == [0, -1, -1, -1, -1, -1], "a picture is no video"


def test_streams_are_read_once_and_a_frame_may_serve_twice() -> None:
    mapping = np.array([0, 0, 2, -1, 3])
    pairs = list(together(iter(frames(5)), iter(frames(4)), mapping))
    assert [(a.index, b.index if b else None) for a, b in pairs] == [(0, 0), (1, 0), (2, 2), (3, None), (4, 3)]


def test_a_file_that_ends_early_or_goes_on_for_longer_is_no_error() -> None:
    short = list(together(iter(frames(3)), iter(frames(1)), np.array([0, 1, 2])))
    assert [b is not None for _, b in short] == [True, False, False]
    long = list(together(iter(frames(4)), iter(frames(4)), np.array([0, 1])))
    assert [b is not None for _, b in long] == [True, True, False, False], "more frames than were announced"
    assert [b for _, b in together(iter(frames(2)), iter([]), np.array([-1, -1]))] == [None, None]


def test_a_face_is_matched_by_its_place_whatever_the_size_of_the_picture() -> None:
    near, far = track(0, 0, 1, 60, 70, 50), track(1, 0, 1, 250, 70, 50)
    places = [FacePosition(far, 0), FacePosition(near, 0)]
    assert counterpart(box(60, 70, 50), ALIKE, places) is places[1]
    assert counterpart(box(120, 140, 100), ALIKE / 2, places) is places[1], "half the size"
    assert counterpart(box(60, 140, 50), ALIKE, places) is None
    stretched = np.array([1.0, 0.5], np.float32)
    assert counterpart(np.array([35, 90, 85, 190], np.float32), stretched, places) is places[1], "per axis"


def test_the_best_overlap_wins_and_a_quarter_is_needed() -> None:
    # A square moved by a share d of its side overlaps by (1 - d) / (1 + d): 0.25 at d = 0.6.
    at = [FacePosition(track(n, 0, 1, 100 + shift, 100, 100), 0) for n, shift in enumerate((59.0, 30.0, 61.0))]
    assert counterpart(box(100, 100, 100), ALIKE, at) is at[1]
    assert counterpart(box(100, 100, 100), ALIKE, at[:1]) is at[0]
    assert counterpart(box(100, 100, 100), ALIKE, at[2:]) is None


def test_a_face_is_the_counterpart_of_one_only() -> None:
    near, far = FacePosition(track(0, 0, 1, 100, 100, 100), 0), FacePosition(track(1, 0, 1, 150, 100, 100), 0)
    boxes = [box(130, 100, 100), box(100, 100, 100)]
    assert counterparts(boxes, ALIKE, [near, far]) == [far, near]
    assert counterparts(boxes, ALIKE, [near]) == [None, near], "whose place it is"
    assert counterparts(boxes[:1], ALIKE, [near, far]) == [far] and counterparts([], ALIKE, [near]) == []
    assert counterparts(boxes, ALIKE, []) == [None, None]


@given(
    st.lists(st.tuples(*[st.integers(0, 300)] * 3), max_size=5),
    st.lists(st.tuples(*[st.integers(0, 300)] * 3), max_size=5),
)
def test_faces_are_given_out_once_and_only_where_they_stand(
    ours: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]]
) -> None:
    boxes = [box(x, y, 20 + side) for x, y, side in ours]
    places = [FacePosition(track(n, 0, 1, x, y, 20 + side), 0) for n, (x, y, side) in enumerate(theirs)]
    found = counterparts(boxes, ALIKE, places)
    given_out = [place.track.index for place in found if place is not None]
    assert len(found) == len(boxes) and len(set(given_out)) == len(given_out)
    for where, place in zip(boxes, found, strict=True):
        able = [other for other in places if overlap(other.box, where) > 0.25]
        assert place is None or place in able
        # Nobody is left without a face while one that stands there belongs to nobody.
        assert place is not None or all(other.track.index in given_out for other in able)


def test_a_place_is_seen_by_a_detector_or_by_the_mesh() -> None:
    one = track(0, 0, 1)
    filled = replace(one, detected=np.zeros(1, bool), presence=np.zeros(1, np.float32))
    assert counterpart(one.boxes[0], ALIKE, [FacePosition(filled, 0)]) is None, "filled in, seen by nobody"
    for seen in (replace(filled, detected=np.ones(1, bool)), replace(filled, presence=np.ones(1, np.float32))):
        assert counterpart(one.boxes[0], ALIKE, [FacePosition(seen, 0)]) is not None


def test_a_mesh_is_trusted_when_it_is_there_and_finite() -> None:
    one = track(0, 0, 1)
    assert FacePosition(one, 0).meshed
    assert not FacePosition(replace(one, presence=np.full(1, 0.5, np.float32)), 0).meshed
    assert not FacePosition(replace(one, mesh=np.full_like(one.mesh, np.nan)), 0).meshed


def test_every_so_many_frames_are_looked_at() -> None:
    found = by_frame([track(0, 3, 8), track(1, 8, 1)], every=4)
    assert {frame: [(p.track.index, p.row) for p in places] for frame, places in found.items()} == {
        4: [(0, 1)],
        8: [(0, 5), (1, 0)],
    }
    assert sorted(by_frame([track(0, 3, 4)])) == [3, 4, 5, 6] and by_frame([]) == {}
