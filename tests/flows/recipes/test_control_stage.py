"""Which doubts about an identity's footage refuse it before any twin is tried, and who must not be recognised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.recipes import control_stage, retry
from flows.recipes.control_stage import ControlStage
from flows.recipes.stage_runner import Steps
from infra.errors import Withheld
from infra.settings import OnFailure, Surroundings
from models.embedding.calibration import calibration
from tasks.generation.controls import Controls
from tasks.generation.limits import InPlace
from tasks.generation.twin import TwinResult, strength_of
from tasks.records import Attempt, Verdict
from tests.flows.script import Script, report
from tests.tasks import support

JUDGES = ("dlib-resnet", "sface")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Script]:
    return lambda *arguments, **options: Script(tmp_path, monkeypatch, *arguments, **options)


def in_place(made: Script, monkeypatch: pytest.MonkeyPatch, found: Controls) -> ControlStage:
    """The real one, whose measuring is scripted."""
    monkeypatch.undo()
    monkeypatch.setattr(ControlStage, "_measure", lambda self, identity: found)
    return ControlStage(Steps(made.context, 8), made.material)


def blurred(found: Controls) -> Controls:
    """As measured where strangers are as near as the source itself."""
    alike = InPlace(np.full(4, 0.3, np.float32), np.full((8, 3), 0.25, np.float32))
    return replace(found, measured=(found.measured[0], alike))


def test_where_a_judge_cannot_tell_the_source_from_strangers_nobody_is_tried(
    script: Callable[..., Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = script([report()])
    (identity,) = made.material.identities.identities
    found = support.controls(made.material.samples, identity, judges=1)
    assert in_place(made, monkeypatch, found).controls(identity) is found
    with pytest.raises(Withheld) as raised:
        in_place(made, monkeypatch, blurred(found)).controls(identity)
    assert raised.value.reason == "indistinct"


@pytest.mark.parametrize("surroundings", list(Surroundings))
def test_what_the_surroundings_give_away_is_told(
    script: Callable[..., Script], monkeypatch: pytest.MonkeyPatch, surroundings: Surroundings
) -> None:
    made = script([report()], surroundings=surroundings)
    (identity,) = made.material.identities.identities
    found = replace(support.controls(made.material.samples, identity), false_matches=0.4)
    assert in_place(made, monkeypatch, found).controls(identity) is found
    assert made.context.evidence.surroundings == 0.4


@pytest.mark.parametrize("policy", list(OnFailure))
def test_a_doubt_ends_by_the_policy_with_its_reason(
    script: Callable[..., Script], monkeypatch: pytest.MonkeyPatch, policy: OnFailure
) -> None:
    made = script([report()], on_failure=policy)

    def doubtful(self: ControlStage, identity: object) -> Controls:
        raise Withheld(control_stage.INDISTINCT, control_stage.MEANINGS[control_stage.INDISTINCT])

    monkeypatch.setattr(ControlStage, "controls", doubtful)
    if policy is OnFailure.REDACT:
        assert made.run()[1:] == (Verdict.REDACTED, "no_safe_twin") and made.asked == []
        assert [a["reason"] for a in made.context.evidence.attempts] == ["indistinct"]
        return
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "indistinct" and "too small" in str(raised.value)


def test_everybody_is_known_by_their_own_limit_or_the_general_one(
    script: Callable[..., Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = script([report()], people=2)
    count = len(made.material.samples.samples)
    vectors = np.eye(4, dtype=np.float32)[[0, 1] * (count // 2)]
    material = replace(made.material, references=[vectors, vectors])
    first, second = material.identities.identities
    found = support.controls(material.samples, first, judges=2)
    dim = InPlace(np.zeros(4, np.float32), np.full((8, 3), 0.07, np.float32))
    found = replace(found, measured=(found.measured[0], dim, found.measured[2]))
    one = in_place(made, monkeypatch, found)
    one._material = material
    monkeypatch.setattr(Steps, "load_all", lambda self, role: [type("Named", (), {"name": name}) for name in JUDGES])
    one.controls(first)
    known = one.known()
    assert [len(people) for people in known] == [2, 2]
    assert [people[0].limit for people in known] == pytest.approx([0.035, 0.6])
    assert [people[0].asked for people in known] == pytest.approx([0.07, calibration("sface").far_1])
    assert [people[1].asked for people in known] == [calibration(name).far_1 for name in JUDGES]
    assert [people[1].limit for people in known] == [calibration(name).nearest_stranger for name in JUDGES]
    own = [k for k, sample in enumerate(material.samples.samples) if sample.track in second.tracks]
    assert np.array_equal(known[1][1].vectors, vectors[own])


def test_what_was_tried_in_vain_is_told_in_words_and_distances() -> None:
    near = Attempt(1, 5, 1.4, 0.31, 0.33, False, "too_close_in_place", genuine=0.09, strangers=0.56)
    said = retry.why(TwinResult(0, None, strength_of(1), (near,)))
    assert all(number in said for number in ("0.31", "0.33", "0.09", "0.56"))
    seen = retry.why(TwinResult(0, None, strength_of(1), (near, replace(near, reason="too_close", distance=0.58))))
    assert "--surroundings strict" in seen and "accept" in seen and "general matcher" in seen
    assert "0.58" in seen and "0.33" in seen
    nobody = replace(near, reason="no_candidate")
    assert retry.why(TwinResult(0, None, strength_of(1), (nobody,))) == retry.NOBODY_FITS
