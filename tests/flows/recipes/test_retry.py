"""The rounds between the first twins and a clean audit: retry, redact, withhold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.recipes import refusals, retry
from infra.errors import Withheld
from infra.settings import IdentityScope, OnFailure, Surroundings
from tasks.generation import controls as control_strangers
from tasks.generation.gallery import GalleryEntry
from tasks.output.reassemble import Rendered, RenderPlan
from tasks.records import AttemptRecord, Verdict
from tests.flows.script import STRAY, Script, report
from tests.tasks import support


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Script]:
    return lambda *arguments, **options: Script(tmp_path, *arguments, **options)


CLEAN, KNOWN = report(), report(0)


def test_a_clean_audit_publishes_after_one_round(script: Callable[..., Script]) -> None:
    made = script([CLEAN])
    verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.PUBLISHED, "") and len(made.renders) == 1
    assert [a["accepted"] for a in made.context.evidence.attempts] == [True]
    assert made.context.evidence.faces_replaced == 8 and made.context.evidence.faces_redacted == 0


def test_a_recognised_identity_gets_a_stronger_twin_and_the_others_keep_theirs(script: Callable[..., Script]) -> None:
    made = script([report(1), CLEAN], people=2)
    assert made.run()[0] is Verdict.PUBLISHED
    first, second = (plan.twins for plan in made.renders)
    assert first[0].twin is not None and second[0].twin is not None and second[1].twin is not None
    assert second[0].twin.candidate == first[0].twin.candidate
    assert second[1].twin.candidate == 102 and second[1].strength.change > first[1].strength.change
    again = made.asked[-1]
    assert (again.identity, again.number) == (1, 2) and {1, 101} <= set(again.taken)
    reasons = [(a["number"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert reasons == [(1, True, "accepted"), (1, False, "audit_recognised"), (2, True, "accepted")]


def test_attempts_used_up_withhold_by_default(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=3)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "audit_recognised" and len(made.renders) == 3
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]


def test_a_withheld_video_lists_no_attempt_as_accepted(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=2)
    with pytest.raises(Withheld):
        made.run()
    assert not any(a["accepted"] for a in made.context.evidence.attempts)


def test_attempts_used_up_redact_with_the_policy(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, CLEAN], max_attempts=2, on_failure=OnFailure.REDACT)
    verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin")
    assert made.renders[-1].twins[0].twin is None and made.context.evidence.faces_redacted == 8


def test_no_twin_far_enough_withholds_before_anything_is_rendered(script: Callable[..., Script]) -> None:
    made = script([CLEAN], failing=(1, 2), max_attempts=2)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "too_close" and made.renders == []
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2]


def test_no_twin_far_enough_redacts_with_the_policy(script: Callable[..., Script]) -> None:
    made = script([CLEAN], failing=(1, 2), max_attempts=2, on_failure=OnFailure.REDACT)
    assert made.run() == (Verdict.REDACTED, "no_safe_twin")


def test_a_retry_that_fails_lists_every_attempt_once(script: Callable[..., Script]) -> None:
    made = script([KNOWN], failing=(2, 3), max_attempts=3)
    with pytest.raises(Withheld):
        made.run()
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]
    assert not any(a["accepted"] for a in made.context.evidence.attempts)


def test_a_face_that_can_never_be_painted_is_redacted_under_either_policy(script: Callable[..., Script]) -> None:
    made = script([CLEAN], unpaintable=(0,))
    assert made.run() == (Verdict.REDACTED, "small_turned_or_unclear_face")


def test_a_stray_is_redacted_around_its_frame_in_the_next_round(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,)), CLEAN])
    verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "stray_face")
    (extra,) = made.renders[1].regions
    assert (extra.first, extra.last) == (0, 7) and np.array_equal(extra.box, STRAY.box)
    assert len(made.asked) == 1


def test_a_stray_that_stays_withholds_by_default(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,))])
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "stray_face" and len(made.renders) == retry.STRAY_ROUNDS + 1


def test_two_people_of_one_video_never_share_a_twin(script: Callable[..., Script]) -> None:
    made = script([CLEAN], people=3)
    made.run()
    for number, request in enumerate(made.asked):
        assert set(request.taken) >= {100 * i + 1 for i in range(number)}
        assert len(request.others) >= 2


def test_two_people_of_one_video_are_never_taken_for_the_same_one_of_the_dataset(
    script: Callable[..., Script],
) -> None:
    made = script([CLEAN], people=2, identity_scope=IdentityScope.DATASET)
    one, other = made.faces.people
    alike = replace(other, pooled=np.float32([0.8, 0.6, 0, 0]))
    made.faces = replace(made.faces, identities=replace(made.faces.identities, identities=(one, alike)))
    assert made.gallery.keep(GalleryEntry("earlier:0", -1), one.pooled, support.twin(77))
    made.run()
    assert [(request.key, request.prefer) for request in made.asked] == [("earlier:0", 77), ("video:1", -1)]


def returning(made: Script, candidate: int, bound: bool) -> None:
    """The only person of the script has a twin in another video."""
    (one,) = made.faces.people
    place = GalleryEntry("earlier:0", -1)
    assert made.gallery.keep(place, one.pooled, support.twin(candidate))
    if bound:
        assert made.gallery.bind([(place, one.pooled, support.twin(candidate))]) == []


def test_a_person_whose_twin_is_settled_gets_no_other(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=4, identity_scope=IdentityScope.DATASET)
    returning(made, 77, bound=True)
    with pytest.raises(Withheld, match="other videos of the dataset"):
        made.run()
    assert set(made.rehearsed) == {77}
    assert {a["candidate"] for a in made.context.evidence.attempts} == {0}, "an ordinal: the number tells the kind"
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3, 4]


def test_a_twin_whose_audit_is_still_to_come_may_be_given_up(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, KNOWN, CLEAN], identity_scope=IdentityScope.DATASET)
    returning(made, 77, bound=False)
    assert made.run()[0] is Verdict.PUBLISHED
    assert [request.prefer for request in made.asked] == [77, 77, 77, -1]


def test_a_passed_twin_is_settled_for_the_dataset_only(script: Callable[..., Script]) -> None:
    for scope in IdentityScope:
        made = script([CLEAN], identity_scope=scope)
        made.run()
        (one,) = made.faces.people
        assert made.gallery.place(one.pooled, "video:0").bound == (scope is IdentityScope.DATASET)


def beaten(made: Script, candidate: int) -> None:
    """While the script renders for the first time, another video settles another twin for its first person."""
    one, render = made.faces.people[0], made.render

    def late(plan: RenderPlan) -> Rendered:
        if not made.renders:
            assert made.gallery.bind([(GalleryEntry("video:0", -1), one.pooled, support.twin(candidate))]) == []
        return render(plan)

    made.render = late  # type: ignore[method-assign]


@pytest.mark.parametrize("most", [1, 5])
def test_a_faster_video_decides_whose_twin_it_is_and_costs_no_try(script: Callable[..., Script], most: int) -> None:
    made = script([CLEAN], identity_scope=IdentityScope.DATASET, max_attempts=most)
    beaten(made, 55)
    assert made.run()[0] is Verdict.PUBLISHED
    attempts = [(a["candidate"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert attempts == [(0, False, "settled_otherwise"), (1, True, "accepted")] and made.rehearsed == [1, 55]


def test_a_bound_twin_that_does_not_pass_here_says_so(script: Callable[..., Script]) -> None:
    made = script([CLEAN, KNOWN], identity_scope=IdentityScope.DATASET, max_attempts=1)
    beaten(made, 55)
    with pytest.raises(Withheld, match="other videos of the dataset does not pass"):
        made.run()


def test_nobody_is_settled_while_another_twin_of_the_video_must_change(script: Callable[..., Script]) -> None:
    made = script([CLEAN, report(0)], people=2, identity_scope=IdentityScope.DATASET, max_attempts=1)
    beaten(made, 55)
    with pytest.raises(Withheld):
        made.run()
    other = made.faces.people[1]
    assert not made.gallery.place(other.pooled, "video:1").bound


def test_a_small_face_that_the_audit_rejects_is_redacted_whatever_the_policy(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, CLEAN], side=50)
    verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin") and len(made.renders) == 3
    assert made.renders[-1].twins[0].twin is None


def test_a_covered_face_that_is_still_recognised_withholds(script: Callable[..., Script]) -> None:
    with pytest.raises(Withheld) as error:
        script([KNOWN], side=50).run()
    assert error.value.reason == "audit_recognised"


def test_a_small_face_is_never_tried_more_often_than_its_limit(script: Callable[..., Script]) -> None:
    made = script([KNOWN, CLEAN], side=50, failing=(2, 3), max_attempts=5)
    assert made.run() == (Verdict.REDACTED, "no_safe_twin")
    assert [request.number for request in made.asked] == [1, 2]
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2]


def test_a_small_face_that_needed_all_its_tries_for_the_first_twin_is_not_tried_again(
    script: Callable[..., Script],
) -> None:
    made = script([KNOWN, CLEAN], side=50, failing=(1, 2), max_attempts=5)
    assert made.run() == (Verdict.REDACTED, "no_safe_twin")
    assert len(made.asked) == 3 and len(made.context.evidence.attempts) == 3


@pytest.mark.parametrize("side", [50, 80])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_twin_is_asked_for_without_a_try(script: Callable[..., Script], side: float, most: int) -> None:
    limit = min(most, retry.SMALL_ATTEMPTS) if side < retry.SMALL_FACE else most
    made = script([KNOWN] * limit + [CLEAN], side=side, max_attempts=most, on_failure=OnFailure.REDACT)
    assert made.run() == (Verdict.REDACTED, "no_safe_twin")
    assert [request.number for request in made.asked] == list(range(1, limit + 1))
    assert [a["number"] for a in made.context.evidence.attempts] == list(range(1, limit + 1))


def test_a_rehearsal_that_recognises_the_source_saves_the_round(script: Callable[..., Script]) -> None:
    made = script([CLEAN], rehearsals=(True, True, False))
    assert made.run()[0] is Verdict.PUBLISHED and len(made.renders) == 1
    assert made.rehearsed == [1, 2, 3]
    reasons = [(a["number"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert reasons == [(1, False, "rehearsal_too_close"), (2, False, "rehearsal_too_close"), (3, True, "accepted")]


def test_a_rehearsal_asks_for_a_margin_while_tries_are_left(script: Callable[..., Script]) -> None:
    made = script([CLEAN], rehearsals=(True,) * 4 + (False,), max_attempts=5)
    assert made.run()[0] is Verdict.PUBLISHED
    assert made.margins == [retry.MARGIN] * 3 + [0.0] * 2
    made = script([CLEAN], rehearsals=(False,), max_attempts=1)
    made.run()
    assert made.margins == [0.0]


def test_rehearsals_and_audits_use_up_the_same_tries(script: Callable[..., Script]) -> None:
    made = script([KNOWN], rehearsals=(True, False, False), max_attempts=3)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "audit_recognised" and len(made.renders) == 2
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]


def test_a_rehearsal_never_replaces_the_audit(script: Callable[..., Script]) -> None:
    made = script([KNOWN, CLEAN], rehearsals=(False, False))
    assert made.run()[0] is Verdict.PUBLISHED and len(made.renders) == 2 and made.rehearsed == [1, 2]


@pytest.mark.parametrize("policy", list(OnFailure))
def test_rehearsals_that_use_up_the_tries_end_by_the_policy(script: Callable[..., Script], policy: OnFailure) -> None:
    made = script([CLEAN], rehearsals=(True, True), max_attempts=2, on_failure=policy)
    if policy is OnFailure.WITHHOLD:
        with pytest.raises(Withheld):
            made.run()
        assert made.renders == []
    else:
        assert made.run() == (Verdict.REDACTED, "no_safe_twin") and made.renders[0].twins[0].twin is None


def test_a_twin_that_is_not_seen_where_it_was_painted_is_tried_again_and_then_withheld(
    script: Callable[..., Script],
) -> None:
    run_plain = report(twin_missing=(1,))
    made = script([run_plain, CLEAN], people=2)
    assert made.run()[0] is Verdict.PUBLISHED
    reasons = [(a["number"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert reasons == [(1, True, "accepted"), (1, False, "twin_not_seen"), (2, True, "accepted")]
    made = script([run_plain], people=2, max_attempts=2)
    with pytest.raises(Withheld, match="does not see its face") as raised:
        made.run()
    assert raised.value.reason == "twin_not_seen" and len(made.renders) == 2
    made = script([run_plain, run_plain, CLEAN], people=2, max_attempts=2, on_failure=OnFailure.REDACT)
    verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin")


@pytest.mark.parametrize("policy", list(OnFailure))
def test_a_doubt_about_the_footage_ends_by_the_policy_with_its_reason(
    script: Callable[..., Script], policy: OnFailure
) -> None:
    made = script([CLEAN], on_failure=policy, doubt=control_strangers.INDISTINCT)
    if policy is OnFailure.REDACT:
        assert made.run() == (Verdict.REDACTED, "no_safe_twin") and made.rehearsed == []
        assert [a["reason"] for a in made.context.evidence.attempts] == ["indistinct"]
        return
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "indistinct" and "too small" in str(raised.value)


@pytest.mark.parametrize("surroundings", list(Surroundings))
def test_what_the_surroundings_give_away_is_told(script: Callable[..., Script], surroundings: Surroundings) -> None:
    made = script([CLEAN], surroundings=surroundings)
    made.run()
    assert made.context.evidence.surroundings == 0.25


def test_what_was_tried_in_vain_is_told_in_words_and_distances() -> None:
    near = AttemptRecord(1, 5, 1.4, 0.31, 0.33, False, "too_close_in_place", genuine=0.09, strangers=0.56)
    said = refusals.why(near)
    assert all(number in said for number in ("0.31", "0.33", "0.09", "0.56"))
    seen = refusals.why(replace(near, reason="too_close", distance=0.58))
    assert "--surroundings strict" in seen and "accept" in seen and "general matcher" in seen
    assert "0.58" in seen and "0.33" in seen
    assert refusals.why(replace(near, reason="no_candidate")) == refusals.NO_CANDIDATE_FITS


def test_one_person_s_retry_leaves_the_others_alone(script: Callable[..., Script]) -> None:
    made = script([report(2), CLEAN], people=4)
    assert made.run()[0] is Verdict.PUBLISHED
    assert [(one.identity, one.number) for one in made.asked] == [(0, 1), (1, 1), (2, 1), (3, 1), (2, 2)]
    assert made.rehearsed == [1, 101, 201, 301, 202] and len(made.renders) == 2


def test_a_search_that_the_dataset_overtook_begins_anew_with_all_its_tries(script: Callable[..., Script]) -> None:
    """Another video records another twin for the person while the third try is verified; nothing of this is a try."""
    made = script([CLEAN], failing=(1, 2), identity_scope=IdentityScope.DATASET, max_attempts=4)
    policy, numbers = made.policy(), []
    (one,) = made.faces.people
    for attempt in policy.attempts():
        numbers.append((attempt.request.number, attempt.request.prefer))
        twin, verified = made.twin(attempt.request)
        if len(numbers) == 3:
            assert made.gallery.keep(GalleryEntry("video:0", -1), one.pooled, support.twin(77))
        if attempt.rejects(verified, twin):
            continue
        break
    assert numbers == [(1, -1), (2, -1), (3, -1), (1, 77), (2, -1), (3, -1)]
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]


def test_a_bound_twin_is_tried_once_however_many_tries_went_before(script: Callable[..., Script]) -> None:
    """At the end of the schedule attempts are equally strong, but this twin was never tried."""
    made = script([KNOWN] * 7 + [CLEAN], identity_scope=IdentityScope.DATASET, max_attempts=9)
    one, render = made.faces.people[0], made.render

    def late(plan: RenderPlan) -> Rendered:
        if len(made.renders) == 6:
            assert made.gallery.bind([(GalleryEntry("video:0", -1), one.pooled, support.twin(55))]) == []
        return render(plan)

    made.render = late  # type: ignore[method-assign]
    assert made.run()[0] is Verdict.PUBLISHED
    assert made.rehearsed[-1] == 55


def test_what_is_known_of_the_sound_is_told_whatever_the_verdict(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=1)
    made.audio_copied = True
    with pytest.raises(Withheld):
        made.run()
    assert made.context.evidence.audio_copied
