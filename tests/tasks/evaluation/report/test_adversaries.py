"""What a report says of outsiders and insiders, in words, in its table and in its verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.evaluation.metrics.adversary import insider, outsider, reidentified
from tasks.evaluation.metrics.definition import Figure, Numbers
from tasks.evaluation.report import adversaries, page, pages, verdict
from tasks.evaluation.report.compose import compose
from tasks.evaluation.report.content import Line, Outcome
from tests.tasks.evaluation.report.clips import LIMITS, attack, clip
from tests.tasks.evaluation.report.support import content
from tests.tasks.evaluation.report.test_compose import FACTS


def numbers(excess: Figure, embedder: str = "a", people: int = 30) -> Numbers:
    share = Figure(0.27, 0.2, 0.4, 99, people, original=0.98)
    found: Numbers = {(one, embedder): share for one in (*outsider.DEFINITIONS, insider.MATCHED)}
    found[outsider.STRANGERS, embedder] = replace(share, value=0.064)
    found[outsider.EXCESS, embedder] = excess
    found[insider.SURROUNDINGS, ""] = Figure.unknown(insider.NO_MANIFEST)
    return found


LEAK, NONE = Figure(0.206, 0.05, 0.35, 99, 30), Figure(-0.004, -0.05, 0.04, 99, 30)


def unknown(embedder: str = "a") -> Numbers:
    nothing = Figure.unknown(outsider.NO_LABELS)
    return numbers(nothing, embedder) | {(one, embedder): nothing for one in outsider.DEFINITIONS}


def test_the_headline_is_the_difference_to_strangers_with_its_interval() -> None:
    # Of everybody, and not only of those of whom strangers of the kind are known.
    everybody = Figure(0.5, samples=99, people=40, original=0.98)
    (found,) = adversaries.headlines(numbers(LEAK) | {(outsider.MATCHED, "a"): everybody}, "a")
    assert found.title == "Outsiders" and found.number == "+20.6 points"
    for word in ("+5.0 to +35.0", "27.0", "6.4", "by a"):
        assert word in found.words
    (few,) = adversaries.headlines(numbers(Figure(0.0, samples=2, people=1)), "other")
    assert few.number == adversaries.TOO_FEW and "1 people" in few.words and "20 are needed" in few.words
    assert "Measured: +0.0 points" in few.words and "no interval" in few.words
    both = numbers(LEAK, "a") | numbers(NONE, "b")
    assert adversaries.headlines(both, "b")[0].number == "-0.4 points", "by the embedder that took part in nothing"


def beyond(excess: Figure, explained: float = 0.04, embedder: str = "a") -> Numbers:
    return {(reidentified.EXPLAINED, embedder): Figure(explained), (reidentified.EXCESS, embedder): excess}


def test_the_first_page_says_what_is_left_of_re_identification_when_the_kind_is_taken_out() -> None:
    line, (found,) = adversaries.reidentification(beyond(LEAK), "a", labelled=True)
    assert line == Line(reidentified.EXCESS, LEAK, "a") and found.number == "+20.6 points"
    assert found.words.startswith("95 % interval +5.0 to +35.0, 30 people. a, ")
    assert "names 24.6\N{NO-BREAK SPACE}% rightly, and 4.0\N{NO-BREAK SPACE}% as a stranger" in found.words
    assert "labels" not in found.words
    assert "Without labels it is too low" in adversaries.reidentification(beyond(LEAK), "a", labelled=False)[1][0].words


@pytest.mark.parametrize(("people", "said"), [(19, True), (20, False)])
def test_of_few_people_the_first_page_gives_no_number(people: int, said: bool) -> None:
    figure = replace(LEAK, people=people)
    line, (found,) = adversaries.reidentification(beyond(figure), "a", labelled=True)
    assert (found.number == adversaries.TOO_FEW) is said and ("20 are needed" in found.words) is said
    assert line is not None and line.figure is figure, "what was measured is kept"


def test_where_nobody_attacked_or_nobody_is_alike_there_is_no_number() -> None:
    assert adversaries.reidentification(beyond(LEAK), "b", labelled=True) == (None, ())
    unknown = Figure.unknown(reidentified.NO_STRANGERS)
    line, (found,) = adversaries.reidentification(beyond(unknown), "a", labelled=True)
    assert found.number == adversaries.TOO_FEW and found.words == reidentified.NO_STRANGERS and line is not None


def test_what_is_not_known_is_said_and_is_no_zero() -> None:
    (found,) = adversaries.headlines(unknown(), "a")
    assert found.number == "Not known." and found.words == outsider.NO_LABELS
    (half,) = adversaries.headlines(numbers(Figure.unknown(outsider.NO_STRANGERS)), "a")
    assert half.number == "Not known." and "27.0" in half.words
    assert adversaries.headlines({}, "a") == () and adversaries.table(()) is None
    shown = adversaries.table(pages.lines(unknown()))
    assert shown is not None and shown.unknown == outsider.NO_LABELS
    assert adversaries.table(pages.lines(numbers(LEAK))).unknown == ""  # type: ignore[union-attr]


def test_the_table_has_a_row_for_each_embedder() -> None:
    few = replace(LEAK, note="2 people only.")
    shown = adversaries.table(pages.lines(numbers(few, "a") | numbers(few, "b")))
    assert shown is not None and [row.embedder for row in shown.rows] == ["a", "b"]
    assert shown.rows[0].excess is few and shown.rows[1].strangers.value == 0.064
    assert shown.notes == ("2 people only.",) and not shown.surroundings.known


@pytest.mark.parametrize(
    ("excess", "outcome"),
    [
        (LEAK, Outcome.LOOK),
        (Figure(0.06, -0.2, 0.3, 99, 30), Outcome.LOOK),
        (Figure(1.0, samples=9, people=1), Outcome.LOOK),
        (NONE, Outcome.PASS),
        (Figure(0.04, -0.01, 0.1, 99, 30), Outcome.PASS),
        (Figure.unknown("Nothing."), Outcome.PASS),
    ],
)
def test_a_leak_to_outsiders_needs_a_look(excess: Figure, outcome: Outcome) -> None:
    shown = [pages.page(clip(), "1.mp4", LIMITS, None)]
    found = compose(FACTS, [clip()], [attack("a")], shown, None, numbers(excess))
    assert found.outcome is outcome and ("other pictures" in found.verdict) is (outcome is Outcome.LOOK)
    assert found.headlines[0].title == "Outsiders" and len(found.adversaries) == 9
    failed = verdict.of_dataset([replace(shown[0], outcome=Outcome.FAIL)], [attack("a")], 0, ["a"])
    assert failed[0] is Outcome.FAIL


def test_the_report_and_its_tables_hold_the_section(tmp_path: Path) -> None:
    known = replace(content(2), adversaries=tuple(pages.lines(numbers(LEAK, "<b>arc</b>"))))
    page.write(known, tmp_path / "known")
    text = (tmp_path / "known" / "index.html").read_text("utf-8")
    assert (
        "Outsider and insider" in text and "Not known" not in text and "&lt;b&gt;arc" in text and "<b>arc" not in text
    )
    assert "20.6" in text and insider.NO_MANIFEST in text
    summary = json.loads((tmp_path / "known" / "summary.json").read_text())
    assert [one["name"] for one in summary["adversaries"]][:2] == ["outsider_matched", "outsider_strangers_matched"]
    page.write(replace(content(2), adversaries=tuple(pages.lines(unknown()))), tmp_path / "unknown")
    text = (tmp_path / "unknown" / "index.html").read_text("utf-8")
    assert f"<strong>Outsider: not known.</strong> {outsider.NO_LABELS}" in text
    page.write(replace(content(2), adversaries=()), tmp_path / "without")
    assert "Outsider and insider" not in (tmp_path / "without" / "index.html").read_text("utf-8")
