from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.report import charts, scales
from tasks.evaluation.report.content import Chart, Series
from tasks.evaluation.report.scales import Point, Scale

NAN = math.nan


def chart(*series: Series, **values: object) -> Chart:
    return replace(Chart("Title", "Caption.", "x", "y", series), **values)  # type: ignore[arg-type]


def paths(text: str) -> list[str]:
    """The drawn lines of the series, without the sample in the legend."""
    found = ElementTree.fromstring(text).findall("g")
    return [group.findall("path")[-1].get("d", "").rpartition("M")[0] for group in found]


def drawn(path: str) -> list[Point]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path)]


def test_thinning_keeps_every_peak_and_both_ends() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=50_000)
    values[31_234], values[777] = 40.0, -40.0
    points = list(enumerate(values.tolist()))
    kept = scales.thin(points)
    assert len(kept) <= scales.MOST_POINTS + 2
    assert {(31_234, 40.0), (777, -40.0), points[0], points[-1]} <= set(kept)
    assert kept == sorted(kept)


def test_thinning_keeps_every_gap_between_what_it_keeps() -> None:
    values = np.sin(np.arange(9_000) / 50)
    values[4_000], values[7_000:7_500] = NAN, NAN
    kept = scales.runs(scales.thin(list(enumerate(values.tolist()))))
    assert [run[0][0] < 4_000 < run[-1][0] for run in kept] == [False] * 3
    assert (kept[1][-1][0], kept[2][0][0]) == pytest.approx((7_000, 7_500), abs=60)


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)], [(0.0, NAN)] * 2_000])
def test_thinning_of_little_or_nothing(points: list[Point]) -> None:
    assert scales.runs(scales.thin(points)) == ([points] if points and points[0][1] == 1 else [])


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 132.6, ["0", "50", "100"]),
        (-0.013, 0.021, ["-0.01", "0.00", "0.01", "0.02"]),
        (9_800, 12_100, ["10,000", "10,500", "11,000", "11,500", "12,000"]),
    ],
)
def test_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in Scale(low, high, 0, 100).ticks(6)] == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1e-4, 1, ["0.0001", "0.001", "0.01", "0.1", "1"]),
        (2e-7, 3e-5, ["2·10⁻⁷", "5·10⁻⁷", "10⁻⁶", "2·10⁻⁶"]),
        (1e-12, 1, ["10⁻¹²", "10⁻⁹", "10⁻⁶", "0.001", "1"]),
        (0.3, 6, ["0.5", "1", "2", "5"]),
        (3.1, 3.4, ["3.1", "3.2", "3.3", "3.4"]),
    ],
)
def test_logarithmic_ticks(low: float, high: float, labels: list[str]) -> None:
    found = Scale(low, high, 0, 100, log=True).ticks(6)
    assert [label for _, label in found][: len(labels)] == labels
    assert all(low * 0.999 <= value <= high * 1.001 for value, _ in found)


def test_range_is_as_asked_unless_something_lies_outside() -> None:
    assert scales.limits([0.2, 0.4], 0, 1) == (0, 1)
    assert scales.limits([0.2, 1.3], 0, 1) == (0, 1.5)
    assert scales.limits([0.2, 0.91], None, None) == pytest.approx((0.2, 1.0))
    assert scales.limits([NAN], None, None) == (0, 1)
    for low, high in (scales.limits([5.0, 5.0], None, None), scales.limits([2.0], 2.0, None)):
        assert low < high


def test_gap_where_nothing_is_known_and_points_by_themselves_stay() -> None:
    text = charts.svg(chart(Series("a", ((0, 1), (1, 2), (2, NAN), (3, 1.5), (4, NAN), (5, 2)))))
    (path,) = paths(text)
    assert path.count("M") == 3
    assert path.count("h0.01") == 2


def test_a_peak_of_a_long_series_is_drawn_at_its_height() -> None:
    values = np.full(20_000, 0.9)
    values[12_345] = 0.1
    text = charts.svg(chart(Series("a", tuple(enumerate(values.tolist()))), y_from=0, y_to=1))
    assert len(text) < 20_000
    assert max(y for _, y in drawn(paths(text)[0])) == pytest.approx(30 + 210 * 0.9, abs=0.1)


def test_logarithmic_chart_leaves_out_what_has_no_place() -> None:
    text = charts.svg(chart(Series("a", ((0, 0.1), (0.001, 0.2), (0.01, 0.3), (0.1, 0.4))), log_x=True))
    xs = [x for x, _ in drawn(paths(text)[0])]
    assert len(xs) == 3
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)


def test_series_differ_by_more_than_colour_and_say_their_name() -> None:
    series = [Series(f"s{n}", ((0, n), (1, n + 1)), muted=n > 6) for n in range(9)]
    groups = ElementTree.fromstring(charts.svg(chart(*series))).findall("g")
    looks = {(g.get("style"), g.findall("path")[-1].get("stroke-dasharray")) for g in groups}
    assert len(looks) == 9
    titles = sorted((g.findtext("title"), "--muted" in g.get("style", "")) for g in groups)
    assert titles[0] == ("s0: 0 to 1", False)
    assert [muted for _, muted in titles] == [False] * 7 + [True] * 2


def test_marks_are_drawn_with_their_names_even_outside_the_range_and_close_together() -> None:
    marks = (("first", 1.4), ("second", 1.41), ("unknown", NAN))
    text = charts.svg(chart(Series("a", ((0, 0.1), (1, 0.2))), marks=marks, y_from=0, y_to=1))
    found = [element for element in ElementTree.fromstring(text) if element.get("class") == "mark"]
    assert [element.text for element in found] == ["second", "first"]
    assert float(found[1].get("y", 0)) - float(found[0].get("y", 0)) >= 13
    assert text.count("--mark,") == 2


def test_any_text_is_data() -> None:
    evil = "</svg><script>alert(1)</script>\" onload='x' & 名前"
    text = charts.svg(Chart(evil, evil, evil, evil, (Series(evil, ((0, 1), (1, 2))),), ((evil, 1.0),)))
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} == {"svg", "g", "path", "text", "title"}
    assert root.get("aria-label") == f"{evil}. {evil}"
    assert root.get("role") == "img"
    assert not any(name.startswith("on") for element in root.iter() for name in element.keys())  # noqa: SIM118


@pytest.mark.parametrize("series", [(), (Series("a", ()),), (Series("a", ((0, NAN), (1, math.inf))),)])
@pytest.mark.parametrize("log_x", [False, True])
def test_chart_of_nothing_says_so(series: tuple[Series, ...], log_x: bool) -> None:
    text = charts.svg(chart(*series, log_x=log_x))
    assert "No values" in text
    assert "nan" not in text.replace("svg", "")


@pytest.mark.parametrize("log_x", [False, True])
def test_a_single_point(log_x: bool) -> None:
    assert "h0.01" in charts.svg(chart(Series("a", ((2, 3),)), log_x=log_x), wide=True)
