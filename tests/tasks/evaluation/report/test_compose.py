"""A whole report out of made files and attacks, and the pages written from it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks.evaluation.metrics import detection
from tasks.evaluation.metrics.adversary import reidentified
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.identity import deidentification, identification
from tasks.evaluation.metrics.identity.verification import Roc
from tasks.evaluation.metrics.privacy import Attack
from tasks.evaluation.metrics.usefulness import mouth_eye_aperture
from tasks.evaluation.report import charts, machine, page, pages
from tasks.evaluation.report.compose import Facts, compose
from tasks.evaluation.report.compose import charts as drawn
from tasks.evaluation.report.content import Content, Line, Outcome
from tests.tasks.evaluation.report.clips import LIMITS, attack, clip, rate

FACTS = Facts("Title", "2026-11-03T09:12:44+00:00", "anonflow 0", (("files", 3),), "a", (("seed", "0"),), False)
NAN = float("nan")
MOUTH = (mouth_eye_aperture.CORRELATION, "mouth")
LEVEL = (deidentification.LEVEL[deidentification.Distance.COSINE], "a")


def composed(*attacks: Attack, files: int = 3) -> Content:
    clips = [
        clip(index=n, person=n, privacy={LEVEL: Figure(n / 10)}, usefulness=clip().usefulness | {MOUTH: Figure(n / 2)})
        for n in range(files)
    ]
    gone = clip(index=9, person=9, shared=0, usefulness={}, privacy={LEVEL: Figure(1.0)})
    shown = [pages.page(one, f"{one.index}.mp4", LIMITS, b"") for one in clips]
    return compose(FACTS, [*clips, gone], attacks, shown)


def test_everything_finds_its_place() -> None:
    found = composed(attack("a"), attack("b", rate(0.3, 0.2)))
    assert found.outcome is Outcome.FAIL and "(b)" in found.verdict
    assert [line.title for line in found.headlines] == ["Nearest frame of all", "Speech kept"]
    assert (found.title, found.counts, found.settings, found.reviewer) == ("Title", FACTS.counts, FACTS.settings, False)
    assert len(found.pages) == 3 and found.method and found.limits
    privacy = {(line.definition, line.variant): line.figure for line in found.privacy}
    assert privacy[identification.RATES[1], "b"].value == 0.3 and privacy[identification.RATES[1], "a"].value == 0.02
    assert [line.variant for line in found.privacy[:2]] == ["a", "b"], "those of one metric together"


def test_the_excess_is_on_the_first_page_in_the_summary_and_among_the_numbers(tmp_path: Path) -> None:
    excess = Figure(0.01, -0.05, 0.07, 600, 30, chance=0.0)
    numbers = {(reidentified.EXPLAINED, "a"): Figure(0.03), (reidentified.EXCESS, "a"): excess}
    one = attack("a")
    found = composed(replace(one, numbers=one.numbers | numbers))
    assert found.excess == Line(reidentified.EXCESS, excess, "a") and found.excess in found.privacy
    assert found.headlines[0].number == "+1.0 points"
    summary = json.loads(machine.summary(found))["reidentified_beyond_kind"]
    wanted = {"name": "re_at_1_excess", "variant": "a", "value": 0.01, "low": -0.05, "high": 0.07, "people": 30}
    assert wanted.items() <= summary.items() and summary["enough_people"] is True and summary["people_needed"] == 20
    few = replace(one, numbers=one.numbers | numbers | {(reidentified.EXCESS, "a"): replace(excess, people=3)})
    assert json.loads(machine.summary(composed(few)))["reidentified_beyond_kind"]["enough_people"] is False
    assert json.loads(machine.summary(composed()))["reidentified_beyond_kind"] is None


def test_files_without_a_result_are_in_no_mean() -> None:
    found = composed(attack("a"))
    privacy = {(line.definition, line.variant): line.figure for line in found.privacy}
    useful = {(line.definition, line.variant): line.figure for line in found.usefulness}
    assert privacy[LEVEL].value == pytest.approx(0.1) and privacy[LEVEL].people == 3
    assert useful[MOUTH].value == 0.5 and useful[detection.FOUND, ""].samples == 3


def test_without_attackers_or_files_nothing_passes() -> None:
    assert composed().outcome is Outcome.LOOK and composed().charts == ()
    nothing = compose(FACTS, [], [], [])
    assert nothing.outcome is Outcome.LOOK and nothing.headlines == () and nothing.usefulness == ()


def roc(rates: list[float]) -> Roc:
    return Roc(np.geomspace(0.001, 1, len(rates)), np.array(rates), np.array([1.0] * len(rates)))


def test_charts_show_both_curves_and_guessing() -> None:
    one = attack("a", people=4, cmc=(0.25, 0.5, 0.75, 1.0), roc=roc([0.1, 0.2, 0.4, 1.0]))
    match, verified = drawn([one])
    assert [(series.name, series.muted) for series in match.series] == [
        ("a", False),
        ("a, originals", True),
        ("guessing", True),
    ]
    assert match.series[0].points == ((1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)) == match.series[2].points
    assert verified.log_x and verified.series[0].points[0] == pytest.approx((0.001, 0.1))
    assert verified.series[1].points[-1] == pytest.approx((1, 1))
    assert all(x == y for x, y in verified.series[2].points) and verified.series[2].points[0][0] == pytest.approx(0.001)


def test_attackers_that_found_nothing_have_no_curves() -> None:
    blind = attack("a", Figure.unknown("Nothing."), people=4, cmc=(NAN,) * 4, roc=roc([NAN, NAN]))
    assert drawn([blind]) == [] == drawn([])
    match, verified = drawn([blind, attack("b", people=4, roc=roc([0.1, NAN, 1.0]))])
    assert [series.name for series in match.series] == ["b", "b, originals", "guessing"]
    assert math.isnan(verified.series[0].points[1][1]) and "nan" not in charts.svg(verified)
    assert len(drawn([attack("b", people=4)])) == 1, "one person has no pairs of strangers"


def test_a_report_with_gaps_can_be_written(tmp_path: Path) -> None:
    blind = attack("a", Figure.unknown("Nothing to measure."), people=4, cmc=(NAN,) * 4)
    content = compose(
        FACTS,
        [clip([NAN], [NAN]), clip([])],
        [blind],
        [pages.page(clip([NAN, 1.0], [NAN, NAN]), "1.mp4", LIMITS, b""), pages.page(clip([]), "2.mp4", LIMITS, b"")],
    )
    page.write(content, tmp_path / "report")
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["outcome"] == "look" and [one["nearest"] for one in summary["files"]] == [pytest.approx(1.25), None]
    assert "Nothing to measure." in (tmp_path / "report" / "index.html").read_text("utf-8")
