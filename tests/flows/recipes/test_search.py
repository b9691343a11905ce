"""The search for a twin through the policy, with the real inpainting and verification and made-up networks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.recipes.retry import RetryPolicy
from infra.errors import Withheld
from infra.settings import IdentityScope, OnFailure, Settings, Surroundings
from infra.storage.store import Store
from models.embedding.calibration import calibration
from models.interfaces.capabilities import FaceAttributes
from models.interfaces.twins import SourcePortrait, Twin, TwinJob
from tasks.analysis.analysis import Analysis
from tasks.analysis.attributes import PeopleAttributes
from tasks.analysis.faces import Scan
from tasks.analysis.frame_source import FrameSource, LocalFile
from tasks.audit.preaudit import PreauditResult
from tasks.generation import inpaint, verify
from tasks.generation.gallery import Gallery, GalleryEntry
from tasks.generation.limits import InPlace
from tasks.generation.site import site_of
from tasks.generation.strength import seed_of, strength_of
from tasks.generation.twin import TwinResult
from tasks.records import References, Scene
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


def find(
    distances: list[float] | Iterator[float],
    inpainter: Inpainter | None = None,
    prefer: int = -1,
    bound: bool = False,
    motion: support.Painter | None = None,
    limit: float = 0.6,
    kindred: tuple[int, ...] = (),
    strict: bool = False,
    attempts: int = 5,
    seed: int = 3,
) -> tuple[TwinResult, Inpainter]:
    """Search with one distance per attempt (the last one repeats), or one per sample. limit: in place. kindred: control
    strangers by the inpainter whom no judge takes for the source, besides one who is too near. prefer: candidate that
    the person has in another video; bound: for good."""
    found = support.tracks(support.track())
    people, cut = replace(support.people(found), embedder="facenet"), support.samples(found)
    painter, inpainter = motion or support.Painter(), inpainter or Inpainter()
    drivings = support.drivings(found, people)
    (identity,) = people.identities
    site = site_of(identity, found, cut, drivings, painter, support.Parser())
    assert site is not None

    def far(frame: object, face: object) -> float:
        if not isinstance(distances, list):
            return next(distances)
        return distances[min(len(inpainter.jobs), len(distances)) - 1]

    known = support.controls(cut, identity)
    if limit != 0.6:
        strange = np.full((8, 3), 2 * limit, np.float32)
        known = replace(known, measured=(InPlace(np.zeros(2, np.float32), strange),))
    if kindred:
        nearest = np.array([0.9] * len(kindred) + [0.6 * (1.0 + inpaint.KINDRED / 2)], np.float32)
        strange = np.repeat(nearest[:, None], 3, axis=1)
        known = replace(
            known, made_by="fake", candidates=(*kindred, 99), nearest=(nearest,),
            measured=(InPlace(np.zeros(2, np.float32), strange),),
        )  # fmt: skip
    embedder = support.Embedder(far)
    embedder.name = "facenet"
    unused: Any = None
    source = FrameSource(LocalFile(unused, ""), support.opener([]), (320, 240), 8, support.OneScene, unused, unused)
    faces = Analysis(
        source, Scan((Scene(0, 0, 0, 7),), found), cut, people, PeopleAttributes((FaceAttributes(30, 0.9),)), drivings,
        References(()),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        chosen = Settings(
            cache_url=f"file://{folder}",
            max_attempts=attempts,
            seed=seed,
            on_failure=OnFailure.REDACT,
            identity_scope=IdentityScope.DATASET if prefer >= 0 else IdentityScope.VIDEO,
            surroundings=Surroundings.STRICT if strict else Surroundings.ACCEPT,
        )
        gallery = Gallery(Store(f"file://{folder}"), chosen.identity_scope, "data")
        if prefer >= 0:
            entry = GalleryEntry("earlier:0", -1)
            assert gallery.keep(entry, identity.pooled, support.twin(prefer))
            if bound:
                assert gallery.bind([(entry, identity.pooled, support.twin(prefer))]) == []
        policy = RetryPolicy(chosen, "video", gallery, faces, (site,), lambda **_: None)
        loaded = {"inpainter": inpainter, "motion": painter}
        work: Any = SimpleNamespace(settings=chosen, load=loaded.__getitem__)
        tools = verify.Tools(painter, embedder, support.Landmarker())
        for attempt in policy.attempts():
            if attempt.person:
                candidate = inpaint.inpaint.function(work, faces, site, attempt.person, known, attempt.request)
                same = inpainter.name == known.made_by
                verified = verify.run(candidate, attempt.request, site, known, tools, same)
                if attempt.rejects(verified, candidate):
                    continue
                attempt.rejects(PreauditResult(False, (support.SOURCE,)), candidate)
            (result,) = policy.plan.twins
            return result, inpainter
    raise AssertionError("unreachable")


def test_the_first_twin_far_enough_is_taken_and_every_attempt_recorded() -> None:
    result, inpainter = find([0.2, 0.65, 1.2], limit=0.7)
    assert result.twin is not None and result.twin.candidate == 102
    assert [(a.number, a.candidate, a.accepted, a.reason) for a in result.attempts] == [
        (1, 100, False, "too_close"),
        (2, 101, False, "too_close_in_place"),
        (3, 102, True, "accepted"),
    ]
    assert [a.distance for a in result.attempts] == pytest.approx([0.2, 0.65, 1.2], abs=1e-5)
    general = calibration("facenet").far_1
    assert [a.threshold for a in result.attempts] == pytest.approx([general, 0.7, general])
    assert [a.genuine for a in result.attempts] == pytest.approx([0.0] * 3)
    assert [a.strangers for a in result.attempts] == pytest.approx([1.4] * 3)
    assert [job.attempt for job in inpainter.jobs] == [1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 0.59), min_size=1, max_size=8), st.integers(1, 6))
def test_a_rejected_twin_is_never_returned(distances: list[float], attempts: int) -> None:
    result, inpainter = find(distances, attempts=attempts)
    assert result.twin is None and len(result.attempts) == attempts == len(inpainter.jobs)
    assert not any(attempt.accepted for attempt in result.attempts)


def test_each_attempt_departs_more_and_excludes_what_was_rejected() -> None:
    result, inpainter = find([0.1], attempts=4)
    changes = [attempt.strength for attempt in result.attempts]
    assert changes == sorted(set(changes)) and changes[0] == strength_of(1).change
    assert [job.taken for job in inpainter.jobs] == [(), (100,), (100, 101), (100, 101, 102)]
    feathers = [strength_of(n).feather for n in range(1, 5)]
    assert feathers == sorted(set(feathers))
    assert strength_of(50) == strength_of(60)


def test_the_twin_of_an_earlier_video_is_preferred_once() -> None:
    result, inpainter = find([0.2, 0.9], prefer=42)
    assert [job.prefer for job in inpainter.jobs] == [42, -1]
    assert [a.candidate for a in result.attempts] == [42, 101]
    assert result.twin is not None and 42 in inpainter.jobs[1].taken


def test_a_settled_twin_is_the_only_one_tried() -> None:
    result, inpainter = find([0.2, 0.3, 0.9], prefer=42, bound=True)
    assert [job.prefer for job in inpainter.jobs] == [42, 42, 42]
    assert [(a.candidate, a.accepted) for a in result.attempts] == [(42, False), (42, False), (42, True)]
    strengths = [a.strength for a in result.attempts]
    assert strengths == sorted(set(strengths))


def test_a_settled_twin_is_not_tried_again_as_strong_as_before() -> None:
    result, inpainter = find([0.2], prefer=42, bound=True, attempts=20)
    assert result.twin is None and len(inpainter.jobs) < 8
    assert len(find([0.2], attempts=20)[1].jobs) == 20


def test_no_candidate_ends_the_search_without_a_twin() -> None:
    result, _ = find([0.1], Inpainter(most=2), attempts=5)
    assert result.twin is None
    assert [a.reason for a in result.attempts] == ["too_close", "too_close", "no_candidate"]
    assert np.isnan(result.attempts[-1].distance) and result.attempts[-1].candidate == -1


def test_an_outlier_among_strangers_is_refused_though_it_is_beyond_the_limit() -> None:
    result, _ = find([0.7, 0.76])
    assert [a.accepted for a in result.attempts] == [False, True]


@pytest.mark.parametrize("strict", [False, True])
def test_a_general_matcher_must_not_take_it_for_the_source_either(strict: bool) -> None:
    """Beyond the limit in place."""
    general = calibration("facenet").far_1
    result, _ = find([general - 0.02, general + 0.02], limit=0.3, strict=strict)
    assert [(a.reason, a.accepted) for a in result.attempts] == [("too_close", False), ("accepted", True)]
    assert [a.threshold for a in result.attempts] == [general] * 2
    assert [a.distance for a in result.attempts] == pytest.approx([general - 0.02, general + 0.02], abs=1e-5)
    result, _ = find([general + 0.02], limit=general + 0.1, strict=strict, attempts=1)
    assert [(a.reason, a.threshold) for a in result.attempts] == [("too_close_in_place", pytest.approx(general + 0.1))]


@pytest.mark.parametrize("strict", [False, True])
def test_only_strictly_must_it_be_farther_than_strangers_in_the_same_place(strict: bool) -> None:
    """These lie at .5, where a general matcher takes everybody for the source."""
    result, _ = find([0.45, 0.51, 0.7], limit=0.25, strict=strict)
    assert [a.accepted for a in result.attempts] == ([False, False, True] if strict else [False, True])
    asked = calibration("facenet").far_1 if strict else 0.5
    assert [a.threshold for a in result.attempts] == pytest.approx([asked] * len(result.attempts))


def test_strictly_a_single_pair_decides_otherwise_the_score() -> None:
    near = calibration("facenet").far_1 - 0.02
    # The quarter of two samples lies a quarter of the way from the nearer to the other.
    for strict, reason, distance in ((True, "too_close", near), (False, "accepted", near * 0.75 + 0.9 * 0.25)):
        result, _ = find(iter([0.9, near, *[0.9] * 99]), limit=0.3, strict=strict, attempts=1)
        assert result.attempts[0].reason == reason
        assert result.attempts[0].distance == pytest.approx(distance, abs=1e-5)


@pytest.mark.parametrize("strict", [False, True])
def test_the_first_tries_go_to_control_strangers_who_may_serve_in_an_order_left_to_chance(strict: bool) -> None:
    kind = (20, 21, 22, 23, 24, 25)
    _, inpainter = find([0.1], strict=strict, attempts=5, kindred=kind)
    asked = [job.kindred for job in inpainter.jobs]
    assert sorted(asked[0]) == list(kind) and asked == [asked[0]] * 5
    assert all(job.unfit == (99,) for job in inpainter.jobs)
    firsts = {find([0.1], strict=strict, attempts=1, kindred=kind, seed=n)[1].jobs[0].kindred[0] for n in range(40)}
    assert firsts == set(kind)
    inpainter = Inpainter()
    inpainter.name = "another backend, whose numbers mean other people"
    find([0.1], inpainter, strict=strict, kindred=kind)
    assert inpainter.jobs[0].kindred == inpainter.jobs[0].unfit == ()


def test_a_twin_that_is_a_control_stranger_itself_is_measured_by_the_others() -> None:
    """Seven strangers at 1.0 and itself at 0.7: beside itself it would be the less of an outlier."""
    found = support.tracks(support.track())
    people, cut = support.people(found), support.samples(found)
    identity = people.identities[0]
    strange = np.ones((8, 3), np.float32)
    strange[1:4] = 0.5
    one = InPlace(np.full(2, 0.2, np.float32), strange)
    made = replace(support.controls(cut, identity), made_by="fake", candidates=tuple(range(100, 108)), measured=(one,))
    assert made.of(0, 101).strangers.shape == (7, 3) and made.of(0, 100).typical == made.of(0, 7).typical == 1.0
    assert (made.of(0, 101).strangers == 0.5).all(axis=1).sum() == 2


def test_a_distance_that_is_no_number_is_a_failure() -> None:
    result, _ = find([float("nan")], attempts=2)
    assert result.twin is None and not any(a.accepted for a in result.attempts)


def test_the_same_key_gives_the_same_seed() -> None:
    assert seed_of(1, "a") == seed_of(1, "a") < 2**63
    assert len({seed_of(s, k) for s in range(4) for k in ("a", "b", "")}) == 12


def test_a_found_twin_wears_its_masks() -> None:
    result, _ = find([0.9])
    assert result.twin is not None
    assert result.twin.skin.max() == 255 and result.twin.hairline.max() == 255


def test_the_motion_model_gets_to_know_every_twin_before_it_is_tried() -> None:
    class Shy(support.Painter):
        """Performs only twins that it was introduced to, on the frontal frame."""

        def prepare(self, some, driving, row, frame, strength):  # type: ignore[no-untyped-def]
            assert len(driving.usable) == 1 and row == 0 and frame.ndim == 3
            return replace(some, front=SourcePortrait(frame, driving.meshes[row], driving.template[row]))

        def animate(self, some, driving, rows, strength):  # type: ignore[no-untyped-def]
            assert some.front is not None
            return super().animate(some, driving, rows, strength)

    result, _ = find([0.1, 0.9], attempts=3, motion=Shy())
    assert result.twin is not None and result.twin.front is not None and len(result.attempts) == 2
