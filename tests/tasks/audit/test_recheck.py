"""Looking at a finished file again: whose faces count as twins, with a record and without one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.interfaces.capabilities import Face, Image
from tasks.audit import recheck
from tasks.audit.recheck import Earlier, Looked
from tasks.audit.recognisers import AuditNetworks, AuditRecogniser
from tasks.records import FaceEdits
from tests.tasks import support

FACE, OTHER = support.face(80, 100, 60), support.face(240, 100, 60)
BESIDE = support.face(90, 104, 60)
"""The same face as another detector frames it."""


class PerFrame:
    """Sees other faces on every frame: the pictures are told apart by their brightness."""

    name = "fake"
    batch = 1

    def __init__(self, faces: Sequence[Sequence[Face]]) -> None:
        self.faces = faces

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        return [list(self.faces[round(float(frame.mean()) / 10)]) for frame in frames]


def panel(found: Sequence[Sequence[Face]], far: float = 0.9) -> AuditNetworks:
    detector = PerFrame(found)
    search = support.Search([])
    search.find = lambda image, thorough: detector.detect([image])[0]
    judge = AuditRecogniser(support.Embedder(lambda frame, face: far), 0.5)
    return AuditNetworks(search, detector, support.Landmarker(), (judge,))


def looked(
    found: Sequence[Sequence[Face]], earlier: Sequence[Sequence[Face]], record: FaceEdits | None = None
) -> Looked:
    """A look at grey frames. found: what the present audit sees on each; earlier: what the earlier one saw."""
    pictures = [np.full((240, 320, 3), 10 * index, np.uint8) for index in range(len(found))]
    old = Earlier(PerFrame(earlier))
    return recheck.look(support.opener(pictures), panel(found), old, record)


def record(*rows: tuple[int, bool, Face]) -> FaceEdits:
    return FaceEdits(
        np.array([row[0] for row in rows], np.int64),
        np.zeros(len(rows), np.int64),
        np.array([row[1] for row in rows], bool),
        np.stack([row[2].box for row in rows]),
        np.stack([row[2].points for row in rows]),
    )


def frames_of(done: Looked) -> list[int]:
    return [stray.frame for stray in done.strays]


def test_what_the_earlier_look_saw_is_a_twin_and_what_it_did_not_is_none() -> None:
    done = looked([[FACE], [BESIDE, OTHER], [FACE]], [[FACE]] * 3)
    assert done.frames == 3 and frames_of(done) == [1]
    assert np.array_equal(done.strays[0].box, OTHER.box)


def test_nothing_to_see_is_no_failure_but_a_face_where_nothing_was_seen_is() -> None:
    assert looked([[], []], [[], []]).strays == ()
    assert frames_of(looked([[], [FACE]], [[], []])) == [1]


@pytest.mark.parametrize(
    ("earlier", "failing"),
    [
        ([[FACE], [], [FACE]], []),
        ([[FACE], [], []], [1, 2]),
        ([[], [], [FACE]], [0, 1]),
        ([[OTHER], [], [OTHER]], [0, 1, 2]),
    ],
)
def test_a_twin_that_was_lost_between_two_sightings_counts_as_seen(
    earlier: list[list[Face]], failing: list[int]
) -> None:
    assert frames_of(looked([[FACE]] * 3, earlier)) == failing


def test_sightings_far_apart_prove_nothing_about_what_is_between() -> None:
    earlier = [[FACE], *[[]] * 6, [FACE]]
    # The frames in the middle are farther than the reach from one of both sightings.
    assert frames_of(looked([[FACE]] * 8, earlier)) == [1, 6]


def test_a_record_says_exactly_what_was_replaced() -> None:
    """What the earlier look would have seen does not matter then."""
    rows = record((0, True, FACE), (1, True, FACE), (2, False, FACE))
    done = looked([[BESIDE], [FACE, OTHER], [FACE]], [[FACE, OTHER]] * 3, rows)
    assert frames_of(done) == [1, 2], "a face where one was covered is a face that was left"
    assert {frame: len(faces) for frame, faces in done.twins.items()} == {0: 1, 1: 1, 2: 0}


def test_a_face_that_the_search_does_not_confirm_is_none() -> None:
    pictures = [np.full((240, 320, 3), 0, np.uint8)]
    blind = support.Detector([])
    old = Earlier(blind)
    for confirms in (False, True):
        board = AuditNetworks(support.Search([OTHER], confirms), blind, support.Landmarker(), ())
        assert len(recheck.look(support.opener(pictures), board, old, None).strays) == int(confirms)


@pytest.mark.parametrize(("far", "recognised"), [(0.9, 0), (0.1, 2)])
def test_every_twin_is_compared_with_the_source(far: float, recognised: int) -> None:
    done = looked([[FACE]] * 2, [[FACE]] * 2)
    pictures = [np.full((240, 320, 3), 10 * index, np.uint8) for index in range(2)]
    sources = [[support.SOURCE]]
    report = recheck.compare(support.opener(pictures), done, sources, panel([[FACE]] * 2, far))
    assert [score.recognised for score in report.scores] == [recognised]


def test_whoever_asks_to_stop_is_heard() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    old = Earlier(support.Detector([]))
    with pytest.raises(KeyboardInterrupt):
        recheck.look(support.opener([np.zeros((240, 320, 3), np.uint8)]), panel([[]]), old, None, check=stop)
