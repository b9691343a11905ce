"""Verification with retry: the schedule of attempts, and never a rejected twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import Withheld
from models.capabilities import Appearance
from models.masks.bisenet import LABELS
from models.twins import Front, Twin, TwinJob
from tasks import twin
from tasks.attributes import Appearances
from tasks.motion import Drivings
from tasks.samples import Sample, Samples
from tasks.twin import Request, TwinSettings
from tests.tasks import support


class Inpainter:
    """Gives candidates 100, 101, ... and remembers the jobs; runs out after `most`."""

    name = "fake"

    def __init__(self, most: int = 99) -> None:
        self.jobs: list[TwinJob] = []
        self.most = most

    def inpaint(self, job: TwinJob) -> Twin:
        if len(self.jobs) >= self.most:
            raise Withheld("no_candidate", "nobody left")
        self.jobs.append(job)
        return support.twin(100 + len(self.jobs) - 1 if job.prefer < 0 else job.prefer)


class Parser:
    name, labels = "fake", LABELS

    def parse(self, crops: list[np.ndarray]) -> list[np.ndarray]:
        return [np.ones(crop.shape[:2], np.uint8) for crop in crops]


def find(
    distances: list[float],
    inpainter: Inpainter | None = None,
    usable: bool = True,
    prefer: int = -1,
    settled: bool = False,
    motion: support.Painter | None = None,
    unread: bool = False,
    **changes: Any,
) -> tuple[twin.TwinResult, Inpainter]:
    """Run with one distance per attempt (the last one repeats)."""
    found = support.tracks(support.track())
    people = support.people(found)
    drivings = support.drivings(found, people)
    if not usable:
        drivings = replace(drivings, drivings=(replace(drivings.drivings[0], usable=np.zeros(8, bool)),))
    if unread:
        blank = np.full((8, 3), np.nan, np.float32)
        drivings = replace(drivings, drivings=(replace(drivings.drivings[0], template=blank),))
    inpainter = inpainter or Inpainter()

    def far(frame: object, face: object) -> float:
        return distances[min(len(inpainter.jobs), len(distances)) - 1]

    request = Request(people.identities[0], "video:0", prefer, np.zeros((0, 4), np.float32), (7, 9), settled)
    result = twin.run(
        request, found, support.samples(found), Appearances((Appearance(30, 0.9),)), drivings, "fake", inpainter,
        motion or support.Painter(), support.Embedder(far), Parser(), TwinSettings(threshold=0.6, seed=3, **changes),
    )  # fmt: skip
    return result, inpainter


def test_the_first_twin_far_enough_is_taken_and_every_attempt_recorded() -> None:
    result, inpainter = find([0.2, 0.59, 0.9])
    assert result.twin is not None and result.twin.candidate == 102
    assert [(a.number, a.candidate, a.accepted, a.reason) for a in result.attempts] == [
        (1, 100, False, "too_close"),
        (2, 101, False, "too_close"),
        (3, 102, True, "accepted"),
    ]
    assert [a.distance for a in result.attempts] == pytest.approx([0.2, 0.59, 0.9], abs=1e-5)
    assert all(a.threshold == 0.6 for a in result.attempts)
    assert [job.attempt for job in inpainter.jobs] == [1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 0.5999), min_size=1, max_size=8), st.integers(1, 6))
def test_a_rejected_twin_is_never_returned(distances: list[float], attempts: int) -> None:
    result, inpainter = find(distances, attempts=attempts)
    assert result.twin is None and len(result.attempts) == attempts == len(inpainter.jobs)
    assert not any(attempt.accepted for attempt in result.attempts)


def test_each_attempt_departs_more_and_excludes_what_was_rejected() -> None:
    result, inpainter = find([0.1], attempts=4)
    changes = [attempt.strength for attempt in result.attempts]
    assert changes == sorted(set(changes)) and changes[0] == twin.strength_of(1).change
    assert [job.taken for job in inpainter.jobs] == [
        (7, 9), (7, 9, 100), (7, 9, 100, 101), (7, 9, 100, 101, 102),
    ]  # fmt: skip
    feathers = [twin.strength_of(n).feather for n in range(1, 5)]
    assert feathers == sorted(set(feathers))
    assert twin.strength_of(50) == twin.strength_of(60)


def test_a_retry_goes_on_where_the_audit_stopped_it() -> None:
    result, inpainter = find([0.9], first=3, attempts=3)
    assert result.attempts[0].number == 3 and inpainter.jobs[0].attempt == 3
    assert result.strength == twin.strength_of(3)


def test_the_twin_of_an_earlier_video_is_preferred_once() -> None:
    result, inpainter = find([0.2, 0.9], prefer=42)
    assert [job.prefer for job in inpainter.jobs] == [42, -1]
    assert [a.candidate for a in result.attempts] == [42, 101]
    assert result.twin is not None and 42 in inpainter.jobs[1].taken


def test_a_settled_twin_is_the_only_one_tried() -> None:
    result, inpainter = find([0.2, 0.3, 0.9], prefer=42, settled=True)
    assert [job.prefer for job in inpainter.jobs] == [42, 42, 42]
    assert [(a.candidate, a.accepted) for a in result.attempts] == [(42, False), (42, False), (42, True)]
    strengths = [a.strength for a in result.attempts]
    assert strengths == sorted(set(strengths))


def test_a_settled_twin_is_not_tried_again_as_strong_as_before() -> None:
    result, inpainter = find([0.2], prefer=42, settled=True, attempts=20)
    assert result.twin is None and len(inpainter.jobs) < 8
    assert find([0.9], prefer=42, settled=True, first=9)[0].attempts == ()
    assert len(find([0.2], attempts=20)[1].jobs) == 20


def test_no_candidate_ends_the_search_without_a_twin() -> None:
    result, _ = find([0.1], Inpainter(most=2), attempts=5)
    assert result.twin is None
    assert [a.reason for a in result.attempts] == ["too_close", "too_close", "no_candidate"]
    assert np.isnan(result.attempts[-1].distance) and result.attempts[-1].candidate == -1


def test_a_distance_that_is_no_number_is_a_failure() -> None:
    result, _ = find([float("nan")], attempts=2)
    assert result.twin is None and not any(a.accepted for a in result.attempts)


def test_a_face_that_can_never_be_painted_is_not_tried() -> None:
    result, inpainter = find([0.9], usable=False)
    assert result.twin is None and result.attempts == () and inpainter.jobs == []


def test_the_same_request_gives_the_same_seed_and_digest() -> None:
    assert twin.seed_of(1, "a") == twin.seed_of(1, "a") < 2**63
    assert len({twin.seed_of(s, k) for s in range(4) for k in ("a", "b", "")}) == 12
    people = support.people(support.tracks(support.track()))
    base = Request(people.identities[0], "a", -1, np.zeros((1, 4), np.float32), (1,))
    assert base.digest() == replace(base).digest()
    others = [replace(base, key="b"), replace(base, prefer=3), replace(base, taken=(1, 2)), replace(base, settled=True),
              replace(base, others=np.ones((1, 4), np.float32))]  # fmt: skip
    assert len({base.digest(), *(other.digest() for other in others)}) == 6


def test_bare_skin_is_skin_and_not_glasses() -> None:
    labels = np.ones((64, 64), np.uint8)
    labels[:, 32:] = LABELS.index("glasses")
    mask = twin.bare_skin(labels, Parser())
    assert mask.shape == (64, 64) and mask.dtype == np.uint8
    assert (mask[8:-8, 8:24] == 255).all() and not mask[:, 32:].any()


def test_a_found_twin_wears_its_masks() -> None:
    result, _ = find([0.9])
    assert result.twin is not None
    assert result.twin.skin.max() == 255 and result.twin.crown.max() == 255


def test_the_motion_model_gets_to_know_every_twin_before_it_is_tried() -> None:
    class Shy(support.Painter):
        """Performs only twins that it was introduced to, on the frontal frame."""

        def introduce(self, some, driving, row, frame, strength):  # type: ignore[no-untyped-def]
            assert len(driving.usable) == 1 and row == 0 and frame.ndim == 3
            return replace(some, front=Front(frame, driving.meshes[row], driving.template[row]))

        def perform(self, some, driving, rows, strength):  # type: ignore[no-untyped-def]
            assert some.front is not None
            return super().perform(some, driving, rows, strength)

    result, _ = find([0.1, 0.9], attempts=3, motion=Shy())
    assert result.twin is not None and result.twin.front is not None and len(result.attempts) == 2


def test_samples_that_the_motion_model_could_not_read_are_not_tried() -> None:
    result, inpainter = find([0.9], unread=True)
    assert result.twin is None and result.attempts == () and not inpainter.jobs


def test_nobody_else_is_in_the_picture_that_a_motion_model_gets_to_know() -> None:
    """Two faces that touch: what is shown around one face must not be the other's."""
    near, far = support.track(0, n=4, x=120, side=80), support.track(1, first=1, n=3, x=190, side=70)
    found = support.tracks(near, far, frames=4)
    crop = np.full((support.HEIGHT, support.WIDTH, 3), 40, np.uint8)
    x0, y0, x1, y1 = far.boxes[1].astype(int)
    crop[y0:y1, x0:x1] = (0, 0, 255)
    seen = twin.without_others(Sample(0, 2, 2, 0, 0, crop, True), found)
    assert (seen[..., 2] != 255).all() and (crop[..., 2] == 255).any()
    assert (seen[100:140, 90:110] == 40).all(), "the own face stays"
    # On a frame where the other is not, nothing is taken away; nor elsewhere in a crop that is a part of the frame.
    assert np.array_equal(twin.without_others(Sample(0, 0, 0, 0, 0, crop, True), found), crop)
    part = np.ascontiguousarray(crop[40:200, 60:260])
    assert (twin.without_others(Sample(0, 2, 2, 60, 40, part, True), found)[..., 2] != 255).all()


def test_the_motion_model_is_introduced_on_a_picture_without_the_others() -> None:
    pictures: list[np.ndarray] = []

    class Curious(support.Painter):
        def introduce(self, some, driving, row, frame, strength):  # type: ignore[no-untyped-def]
            pictures.append(frame)
            return some

    found = support.tracks(support.track(0, x=120, side=80), support.track(1, x=230, side=70))
    people = support.people(found)
    cut = support.samples(found)
    request = Request(people.identities[0], "video:0", -1, np.zeros((0, 4), np.float32), ())
    twin.run(
        request, found, cut, Appearances((Appearance(30, 0.9),) * 2), support.drivings(found, people), "fake",
        Inpainter(), Curious(), support.Embedder(lambda *_: 0.9), Parser(), TwinSettings(threshold=0.6),
    )  # fmt: skip
    assert len(pictures) == 1 and (pictures[0][100:140, 215:245] == 128).all()
    assert not (pictures[0][100:140, 100:140] == 128).all()


def test_a_motion_model_gets_to_know_the_clear_frontal_frame_where_there_is_one() -> None:
    rows: list[int] = []

    class Curious(support.Painter):
        def introduce(self, some, driving, row, frame, strength):  # type: ignore[no-untyped-def]
            rows.append(driving.first)
            return some

    near = support.track(0, n=8, x=120, side=80)
    for beside, hidden, expected in ((True, 0.0, 4), (False, 0.4, 4), (False, 0.0, 0), (True, 0.4, 0)):
        # The other is there on the first frames only; when both frames are bad there is no choice.
        other = support.track(1, n=8 if beside and hidden else 2, x=230, side=70)
        found = support.tracks(near, other) if beside else support.tracks(near)
        people = support.people(found)
        some = support.drivings(found, people).drivings
        shares = np.full(8, 0.0, np.float32)
        shares[:2] = hidden
        template = np.zeros((8, 1), np.float32)
        drivings = Drivings((replace(some[0], hidden=shares, template=template), *some[1:]))
        request = Request(people.identities[0], "video:0", -1, np.zeros((0, 4), np.float32), ())
        cut = Samples(
            tuple(replace(s, tied=True) for s in support.samples(found).samples if s.row < found.tracks[s.track].length)
        )
        rows.clear()
        twin.run(
            request, found, cut, Appearances((Appearance(30, 0.9),) * 2), drivings, "fake", Inpainter(),
            Curious(columns=1), support.Embedder(lambda *_: 0.9), Parser(), TwinSettings(threshold=0.6),
        )  # fmt: skip
        assert rows == [expected], (beside, hidden)
