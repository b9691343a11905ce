"""From detections to tracks."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.interfaces.capabilities import Mesh
from tasks.analysis import tracking
from tasks.analysis.tracking import Draft, Seen
from tasks.records import Scene
from tests.tasks import support

NO_MESH = Mesh(np.zeros((478, 3), np.float32), 1.0, np.zeros(52, np.float32))


def seen(x: float, y: float = 100, side: float = 60, score: float = 0.9) -> Seen:
    return Seen(support.face(x, y, side, score), NO_MESH)


def scene(last: int, first: int = 0, index: int = 0) -> Scene:
    return Scene(index, index, first, last)


def centre(draft: Draft, frame: int) -> float:
    return float(draft.seen[frame].face.box[[0, 2]].mean())


def test_two_people_who_pass_each_other_stay_two_tracks() -> None:
    frames = [[seen(60 + 5 * i, y=80), seen(260 - 5 * i, y=150)] for i in range(40)]
    drafts = tracking.link(frames, [scene(39)])
    assert len(drafts) == 2 and all(len(d.seen) == 40 for d in drafts)
    assert centre(drafts[0], 39) == 60 + 5 * 39 and centre(drafts[1], 39) == 260 - 5 * 39


def test_a_missed_face_is_found_again_and_a_long_absence_ends_the_track() -> None:
    short = [[seen(100)] if i < 5 or i > 12 else [] for i in range(20)]
    assert [sorted(d.seen) for d in tracking.link(short, [scene(19)])] == [[*range(5), *range(13, 20)]]
    long = [[seen(100)] if i < 5 or i > 30 else [] for i in range(40)]
    assert len(tracking.link(long, [scene(39)], gap=20)) == 2


def test_weak_detections_continue_a_track_and_never_start_one() -> None:
    frames = [[seen(100, score=0.9 if i == 0 else 0.25), seen(250, score=0.4)] for i in range(6)]
    drafts = tracking.link(frames, [scene(5)])
    assert len(drafts) == 1 and sorted(drafts[0].seen) == list(range(6))
    below = [[seen(100)], [seen(100, score=0.1)]]
    assert sorted(tracking.link(below, [scene(1)])[0].seen) == [0]


def test_no_track_crosses_a_cut() -> None:
    frames = [[seen(100)] for _ in range(10)]
    drafts = tracking.link(frames, [scene(4), scene(9, 5, 1)])
    assert [(d.scene, d.first, d.last) for d in drafts] == [(0, 0, 4), (1, 5, 9)]


def test_a_second_box_on_the_same_face_is_no_second_person() -> None:
    frames = [[seen(100)], [seen(100), seen(104, side=64)], [seen(100)]]
    assert len(tracking.link(frames, [scene(2)])) == 1


def test_a_fast_face_is_expected_where_it_moves_to() -> None:
    draft = Draft(0, {0: seen(100), 1: seen(120)})
    assert draft.expected(2)[0] == pytest.approx(draft.seen[1].face.box[0] + 20)
    assert draft.expected(50)[0] == pytest.approx(draft.seen[1].face.box[0] + 100)


box = st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(5, 100)).map(lambda v: support.box(*v))


@given(box, box)
def test_overlap_and_closeness_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    for measure in (tracking.overlap, tracking.closeness):
        assert 0.0 <= measure(a, b) <= 1.0 + 1e-6
        assert measure(a, b) == pytest.approx(measure(b, a), abs=1e-5)
        assert measure(a, a) == pytest.approx(1.0, abs=1e-5)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), min_size=1, max_size=8), st.randoms())
@settings(deadline=None)
def test_fill_passes_through_sightings_and_stays_between_them(
    places: list[tuple[float, float]], order: random.Random
) -> None:
    frames = sorted(order.sample(range(30), len(places)))
    draft = Draft(0, {f: seen(*place) for f, place in zip(frames, places, strict=True)})
    boxes, points = tracking.fill(draft, 0, 29)
    assert boxes.shape == (30, 4) and points.shape == (30, 5, 2) and boxes.dtype == points.dtype == np.float32
    known = np.stack([draft.seen[f].face.box for f in frames])
    assert np.allclose(boxes[frames], known, atol=1e-3)
    assert np.allclose(points[frames], np.stack([draft.seen[f].face.points for f in frames]), atol=1e-3)
    assert (boxes >= known.min(axis=0) - 1e-3).all() and (boxes <= known.max(axis=0) + 1e-3).all()
    assert np.allclose(boxes[: frames[0]], known[0], atol=1e-3)


def test_span_stretches_both_ends_within_the_scene() -> None:
    draft = Draft(0, {8: seen(1), 12: seen(1)})
    assert tracking.span(draft, scene(100), 5) == (3, 17)
    assert tracking.span(draft, scene(14, 6), 5) == (6, 14)
