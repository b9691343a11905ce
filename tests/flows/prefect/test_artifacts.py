"""What Prefect is shown of a run: asked of a client that only listens."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flows.manifest.rows import VideoRow
from flows.prefect import artifacts
from infra.reasons import Reason
from tasks.evaluation.metrics.adversary import reidentified
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.report.compose import Facts, compose
from tasks.records import Verdict
from tests.tasks.evaluation.report.clips import attack


def row(n: int, verdict: Verdict, reason: str = "", **seconds: float) -> VideoRow:
    return VideoRow(
        public_id=f"v{n}",
        input_id=f"i{n}",
        ordinal=n,
        verdict=verdict,
        reason=reason,
        duration_s=2.0,
        stage_seconds=seconds,
    )


ROWS = [
    row(1, Verdict.PUBLISHED, twin=6.0, audit=2.0),
    row(2, Verdict.WITHHELD, "too_close", twin=2.0),
    row(3, Verdict.FAILED, "not_media"),
]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    for name in ("create_table_artifact", "create_markdown_artifact", "emit_event"):
        monkeypatch.setattr(artifacts, name, lambda **given: seen.append(given))
    return seen


def test_the_table_of_verdicts_begins_with_what_needs_a_look(made: list[dict[str, Any]]) -> None:
    artifacts.verdicts(ROWS, "-talks")
    (artifact,) = made
    assert artifact["key"] == "anonflow-verdicts-talks"
    assert [line["verdict"] for line in artifact["table"]] == ["failed", "withheld", "published"]
    assert artifact["description"] == "1 published, 0 redacted, 1 withheld, 1 failed."
    assert set(artifact["table"][0]) == {"public id", "verdict", "reason", "frames", "seconds"}


def test_an_evaluation_begins_with_the_headlines_of_its_first_page(made: list[dict[str, Any]]) -> None:
    facts = Facts("Talks", "", "", (("originals", 4),), "a", (), False)
    numbers = {
        (reidentified.EXPLAINED, "a"): Figure(0.03),
        (reidentified.EXCESS, "a"): Figure(0.01, -0.05, 0.07, 9, 30),
    }
    one = attack("a")
    content = compose(facts, [], [replace(one, numbers=one.numbers | numbers)], [])
    artifacts.evaluation(content, "-talks")
    (artifact,) = made
    assert artifact["key"] == "anonflow-evaluation-talks" and "- 4 originals" in artifact["markdown"]
    assert (
        "- **Re-identified beyond kind and guessing: +1.0 points** 95 % interval -5.0 to +7.0, 30 people."
        in artifact["markdown"]
    )


def test_a_long_table_is_cut_and_says_so(made: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MOST_LINES", 2)
    artifacts.verdicts(ROWS)
    (artifact,) = made
    assert len(artifact["table"]) == 2 and "first 2 of 3" in artifact["description"]


def test_the_table_of_times_says_where_the_hours_went(made: list[dict[str, Any]]) -> None:
    artifacts.times(ROWS, "-talks")
    (artifact,) = made
    first, second = artifact["table"]
    assert (first["stage"], first["videos"], first["share"]) == ("twin", 2, "80.0%")
    assert (second["stage"], second["seconds per second of video"]) == ("audit", 0.33)


def test_the_report_says_in_words_what_became_of_a_dataset(made: list[dict[str, Any]]) -> None:
    artifacts.report("talks", ROWS, "-talks")
    (artifact,) = made
    text = artifact["markdown"]
    assert artifact["key"] == "anonflow-report-talks" and text.startswith("# talks\n")
    assert "3 inputs: 1 published, 0 redacted, 1 withheld, 1 failed." in text
    assert f"- 1 withheld: too_close. {Reason.TOO_CLOSE.meaning} {Reason.TOO_CLOSE.remedy}" in text
    assert f"- 1 failed: not_media. {Reason.NOT_MEDIA.meaning} {Reason.NOT_MEDIA.remedy}" in text


def test_the_alarm_is_rung_above_the_share_only(made: list[dict[str, Any]]) -> None:
    assert not artifacts.alarm("talks", ROWS, 0.7) and not artifacts.alarm("talks", [], 0.0) and made == []
    assert artifacts.alarm("talks", ROWS, 0.5)
    assert made[0]["event"] == artifacts.ALARM and made[0]["payload"]["share"] == 0.6667


def test_nothing_shown_holds_attributes_or_distances(made: list[dict[str, Any]]) -> None:
    secret = VideoRow(
        public_id="v",
        input_id="i",
        ordinal=1,
        verdict=Verdict.FAILED,
        attempts=[{"distance": 0.123456}],
        audit=[{"smallest": 0.654321}],
        worst_distance=0.111111,
        source_stamp="stamp-of-source",
    )
    for show in (artifacts.verdicts, artifacts.times):
        show([secret])
    artifacts.report("talks", [secret])
    text = json.dumps(made)
    assert not any(word in text for word in ("0.123456", "0.654321", "0.111111", "stamp-of-source"))
