"""The rounds between the first twins and a clean audit: retry, redact, withhold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.recipes import retry
from flows.recipes.control_stage import ControlStage
from flows.recipes.stage_runner import Steps
from flows.recipes.twin_assignment import Casting
from infra.errors import Withheld
from infra.settings import IdentityScope, OnFailure
from tasks.generation.gallery import Place
from tasks.records import Verdict
from tests.flows.script import STRAY, Script, report
from tests.tasks import support


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Script]:
    return lambda *arguments, **options: Script(tmp_path, monkeypatch, *arguments, **options)


CLEAN, KNOWN = report(), report(0)


def test_a_clean_audit_publishes_after_one_round(script: Callable[..., Script]) -> None:
    made = script([CLEAN])
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.PUBLISHED, "") and len(made.rounds) == 1
    assert [a["accepted"] for a in made.context.evidence.attempts] == [True]
    assert made.context.evidence.faces_replaced == 8 and made.context.evidence.faces_redacted == 0


def test_a_recognised_identity_gets_a_stronger_twin_and_the_others_keep_theirs(script: Callable[..., Script]) -> None:
    made = script([report(1), CLEAN], people=2)
    assert made.run()[1] is Verdict.PUBLISHED
    first, second = (results for results, _ in made.rounds)
    assert first[0].twin is not None and second[0].twin is not None and second[1].twin is not None
    assert second[0].twin.candidate == first[0].twin.candidate
    assert second[1].twin.candidate == 102 and second[1].strength.change > first[1].strength.change
    again, wanted = made.asked[-1]
    assert again.identity.index == 1 and wanted.first == 2 and wanted.attempts == 4
    assert {1, 101} <= set(again.taken)
    reasons = [(a["number"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert reasons == [(1, True, "accepted"), (1, False, "audit_recognised"), (2, True, "accepted")]


def test_attempts_used_up_withhold_by_default(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=3)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "audit_recognised" and len(made.rounds) == 3
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]


def test_a_withheld_video_lists_no_attempt_as_accepted(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=2)
    with pytest.raises(Withheld):
        made.run()
    assert not any(a["accepted"] for a in made.context.evidence.attempts)


def test_attempts_used_up_redact_with_the_policy(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, CLEAN], max_attempts=2, on_failure=OnFailure.REDACT)
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin")
    assert made.rounds[-1][0][0].twin is None and made.context.evidence.faces_redacted == 8


def test_no_twin_far_enough_withholds_before_anything_is_rendered(script: Callable[..., Script]) -> None:
    made = script([CLEAN], failing=(1, 2), max_attempts=2)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "too_close" and made.rounds == []
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2]


def test_no_twin_far_enough_redacts_with_the_policy(script: Callable[..., Script]) -> None:
    made = script([CLEAN], failing=(1, 2), max_attempts=2, on_failure=OnFailure.REDACT)
    assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin")


def test_a_retry_that_fails_lists_every_attempt_once(script: Callable[..., Script]) -> None:
    made = script([KNOWN], failing=(2, 3), max_attempts=3)
    with pytest.raises(Withheld):
        made.run()
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]
    assert not any(a["accepted"] for a in made.context.evidence.attempts)


def test_a_face_that_can_never_be_painted_is_redacted_under_either_policy(script: Callable[..., Script]) -> None:
    made = script([CLEAN], unpaintable=(0,))
    assert made.run()[1:] == (Verdict.REDACTED, "small_turned_or_unclear_face")


def test_a_stray_is_redacted_around_its_frame_in_the_next_round(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,)), CLEAN])
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "stray_face")
    (extra,) = made.rounds[1][1]
    assert (extra.first, extra.last) == (0, 7) and np.array_equal(extra.box, STRAY.box)
    assert len(made.asked) == 1


def test_a_stray_that_stays_withholds_by_default(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,))])
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "stray_face" and len(made.rounds) == retry.STRAY_ROUNDS + 1


def test_two_people_of_one_video_never_share_a_twin(script: Callable[..., Script]) -> None:
    made = script([CLEAN], people=3)
    made.run()
    for number, (request, _) in enumerate(made.asked):
        assert set(request.taken) >= {100 * i + 1 for i in range(number)}
        assert len(request.others) >= 2


def test_two_people_of_one_video_are_never_taken_for_the_same_one_of_the_dataset(
    script: Callable[..., Script],
) -> None:
    made = script([CLEAN], people=2, identity_scope=IdentityScope.DATASET)
    one, other = made.material.identities.identities
    alike = replace(other, pooled=np.float32([0.8, 0.6, 0, 0]))
    made.material = replace(made.material, identities=replace(made.material.identities, identities=(one, alike)))
    assert made.context.people.keep(Place("earlier:0", -1), one.pooled, support.twin(77))
    made.run()
    assert [(request.key, request.prefer) for request, _ in made.asked] == [("earlier:0", 77), ("video:1", -1)]


def returning(made: Script, candidate: int, settled: bool) -> None:
    """The only person of the script has a twin in another video."""
    (one,) = made.material.identities.identities
    place = Place("earlier:0", -1)
    assert made.context.people.keep(place, one.pooled, support.twin(candidate))
    if settled:
        assert made.context.people.settle([(place, one.pooled, support.twin(candidate))]) == []


def test_a_person_whose_twin_is_settled_gets_no_other(script: Callable[..., Script]) -> None:
    made = script([KNOWN], max_attempts=4, identity_scope=IdentityScope.DATASET)
    returning(made, 77, settled=True)
    with pytest.raises(Withheld, match="other videos of the dataset"):
        made.run()
    assert {a["candidate"] for a in made.context.evidence.attempts} == {77}
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3, 4]


def test_a_twin_whose_audit_is_still_to_come_may_be_given_up(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, KNOWN, CLEAN], identity_scope=IdentityScope.DATASET)
    returning(made, 77, settled=False)
    assert made.run()[1] is Verdict.PUBLISHED
    assert [request.prefer for request, _ in made.asked] == [77, 77, 77, -1]


def test_a_passed_twin_is_settled_for_the_dataset_only(script: Callable[..., Script]) -> None:
    for scope in IdentityScope:
        made = script([CLEAN], identity_scope=scope)
        made.run()
        (one,) = made.material.identities.identities
        assert made.context.people.place(one.pooled, "video:0").settled == (scope is IdentityScope.DATASET)


def beaten(made: Script, candidate: int) -> None:
    """While the script renders for the first time, another video settles another twin for its first person."""
    one, render = made.material.identities.identities[0], made.render

    def late(*arguments: Any) -> retry.Rendered:
        if not made.rounds:
            assert made.context.people.settle([(Place("video:0", -1), one.pooled, support.twin(candidate))]) == []
        return render(*arguments)

    made.render = late  # type: ignore[method-assign]


@pytest.mark.parametrize("most", [1, 5])
def test_a_faster_video_decides_whose_twin_it_is_and_costs_no_try(script: Callable[..., Script], most: int) -> None:
    made = script([CLEAN], identity_scope=IdentityScope.DATASET, max_attempts=most)
    beaten(made, 55)
    assert made.run()[1] is Verdict.PUBLISHED
    attempts = [(a["candidate"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert attempts == [(1, False, "settled_otherwise"), (55, True, "accepted")]


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
    other = made.material.identities.identities[1]
    assert not made.context.people.place(other.pooled, "video:1").settled


def test_a_small_face_that_the_audit_rejects_is_redacted_whatever_the_policy(script: Callable[..., Script]) -> None:
    made = script([KNOWN, KNOWN, CLEAN], side=50)
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin") and len(made.rounds) == 3
    assert made.rounds[-1][0][0].twin is None


def test_a_covered_face_that_is_still_recognised_withholds(script: Callable[..., Script]) -> None:
    with pytest.raises(Withheld) as error:
        script([KNOWN], side=50).run()
    assert error.value.reason == "audit_recognised"


def test_a_small_face_is_never_tried_more_often_than_its_limit(script: Callable[..., Script]) -> None:
    made = script([KNOWN, CLEAN], side=50, failing=(2, 3), max_attempts=5)
    assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin")
    assert [wanted.attempts for _, wanted in made.asked] == [5, 1]
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2]


def test_a_small_face_that_needed_all_its_tries_for_the_first_twin_is_not_tried_again(
    script: Callable[..., Script],
) -> None:
    made = script([KNOWN, CLEAN], side=50, failing=(1, 2), max_attempts=5)
    assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin")
    assert len(made.asked) == 1 and len(made.context.evidence.attempts) == 3


@pytest.mark.parametrize("side", [50, 80])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_twin_is_asked_for_without_a_try(script: Callable[..., Script], side: float, most: int) -> None:
    limit = min(most, retry.SMALL_ATTEMPTS) if side < retry.SMALL_FACE else most
    made = script([KNOWN] * limit + [CLEAN], side=side, max_attempts=most, on_failure=OnFailure.REDACT)
    assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin")
    assert all(wanted.attempts >= 1 for _, wanted in made.asked)
    assert [a["number"] for a in made.context.evidence.attempts] == list(range(1, limit + 1))
    identity = made.asked[0][0].identity
    steps = Steps(made.context, 8)
    with pytest.raises(ValueError, match="without a try"):
        Casting(steps, made.material, ControlStage(steps, made.material), made.context.people).find(identity, {}, 0)


@pytest.mark.parametrize("seen", [0, 7, 9])
def test_an_audit_that_saw_more_or_fewer_frames_withholds(script: Callable[..., Script], seen: int) -> None:
    with pytest.raises(Withheld) as raised:
        script([report(frames=seen)], on_failure=OnFailure.REDACT).run()
    assert raised.value.reason == "audit_incomplete"


def test_a_rehearsal_that_recognises_the_source_saves_the_round(script: Callable[..., Script]) -> None:
    made = script([CLEAN], rehearsals=(True, True, False))
    assert made.run()[1] is Verdict.PUBLISHED and len(made.rounds) == 1
    assert made.rehearsed == [1, 2, 3]
    reasons = [(a["number"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert reasons == [(1, False, "rehearsal_too_close"), (2, False, "rehearsal_too_close"), (3, True, "accepted")]


def test_a_rehearsal_asks_for_a_margin_while_tries_are_left(script: Callable[..., Script]) -> None:
    made = script([CLEAN], rehearsals=(True,) * 4 + (False,), max_attempts=5)
    assert made.run()[1] is Verdict.PUBLISHED
    assert made.margins == [retry.MARGIN] * 3 + [0.0] * 2
    made = script([CLEAN], rehearsals=(False,), max_attempts=1)
    made.run()
    assert made.margins == [0.0]


def test_rehearsals_and_audits_use_up_the_same_tries(script: Callable[..., Script]) -> None:
    made = script([KNOWN], rehearsals=(True, False, False), max_attempts=3)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "audit_recognised" and len(made.rounds) == 2
    assert [a["number"] for a in made.context.evidence.attempts] == [1, 2, 3]


def test_a_rehearsal_never_replaces_the_audit(script: Callable[..., Script]) -> None:
    made = script([KNOWN, CLEAN], rehearsals=(False, False))
    assert made.run()[1] is Verdict.PUBLISHED and len(made.rounds) == 2 and made.rehearsed == [1, 2]


@pytest.mark.parametrize("policy", list(OnFailure))
def test_rehearsals_that_use_up_the_tries_end_by_the_policy(script: Callable[..., Script], policy: OnFailure) -> None:
    made = script([CLEAN], rehearsals=(True, True), max_attempts=2, on_failure=policy)
    if policy is OnFailure.WITHHOLD:
        with pytest.raises(Withheld):
            made.run()
        assert made.rounds == []
    else:
        assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin") and made.rounds[0][0][0].twin is None


def test_a_twin_that_is_not_seen_where_it_was_painted_is_tried_again_and_then_withheld(
    script: Callable[..., Script],
) -> None:
    unseen = report(untrue=(1,))
    made = script([unseen, CLEAN], people=2)
    assert made.run()[1] is Verdict.PUBLISHED
    reasons = [(a["number"], a["accepted"], a["reason"]) for a in made.context.evidence.attempts]
    assert reasons == [(1, True, "accepted"), (1, False, "twin_not_seen"), (2, True, "accepted")]
    made = script([unseen], people=2, max_attempts=2)
    with pytest.raises(Withheld, match="does not see its face") as raised:
        made.run()
    assert raised.value.reason == "twin_not_seen" and len(made.rounds) == 2
    made = script([unseen, unseen, CLEAN], people=2, max_attempts=2, on_failure=OnFailure.REDACT)
    _, verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "no_safe_twin")
