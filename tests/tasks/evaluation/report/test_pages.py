"""The page of one file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.report import charts, pages
from tasks.evaluation.report.content import Outcome
from tests.tasks.evaluation.report import support
from tests.tasks.evaluation.report.clips import LIMITS, clip

NAN = float("nan")


def spread(a: list[float], seconds: list[float], **columns: object) -> pages.Clip:
    time = np.array(seconds, np.float32)
    return clip(a, [NAN] * len(a), time=time, frame=(time * 10).round().astype(np.int64), **columns)


def test_a_page_says_what_was_measured() -> None:
    found = pages.page(clip([0.3, 1.0]), "a/b.mp4", LIMITS, Path("jpeg"), Path("source"))
    assert found.outcome is Outcome.FAIL and "999 of 1000" in found.said
    assert (found.name, found.frames, found.faces, found.sheet, found.source_sheet) == (
        "a/b.mp4",
        2,
        2,
        Path("jpeg"),
        Path("source"),
    )
    assert found.seconds == pytest.approx(2 / 25) and found.nearest == pytest.approx(0.3 / 0.8)
    assert found.key == pages.key_of("a/b.mp4") and len(found.charts) == 1
    names = [line.definition.name for line in found.lines]
    assert "face_detection" in names and len(names) == len(clip([0.3, 1.0]).usefulness)
    assert pages.page(clip([]), "c", LIMITS, None).charts == () == pages.page(clip([0.9]), "c", LIMITS, None).charts
    assert not pages.page(clip(), "c", LIMITS, None).source_sheet


@pytest.mark.parametrize("name", ["a.mp4", "../../etc/passwd", "видео/名前 🎥.mp4", "\udcff.mp4", *support.HOSTILE])
def test_keys_are_safe_and_differ(name: str) -> None:
    assert re.fullmatch(r"file-[0-9a-f]{20}", pages.key_of(name)) and pages.key_of(name) == pages.key_of(name)
    assert pages.key_of(name) != pages.key_of(name + " ")


def test_lines_of_one_metric_stand_together_in_the_order_they_came() -> None:
    one, two = (Definition(name, name, "", Better.LOWER, "") for name in ("one", "two"))
    figures = {key: Figure(float(n)) for n, key in enumerate([(one, "x"), (two, ""), (one, "y")])}
    found = pages.lines(figures)
    assert [(line.definition.name, line.variant, line.figure.value) for line in found] == [
        ("one", "x", 0),
        ("one", "y", 2),
        ("two", "", 1),
    ]
    assert pages.lines({}) == []


def test_the_worst_frames_are_the_nearest_half_a_second_apart() -> None:
    found = pages.worst(spread([0.9, 0.2, 0.3, 0.4, NAN, 0.5], [0.0, 1.0, 1.4, 1.5, 3.0, 9.0]), LIMITS)
    assert [(frame.number, round(frame.distance, 4), frame.embedder) for frame in found] == [
        (10, 0.2, "a"),
        (15, 0.4, "a"),
        (90, 0.5, "a"),
        (0, 0.9, "a"),
    ]
    assert found[1].seconds == pytest.approx(1.5)
    assert len(pages.worst(spread([1.0] * 9, list(range(9))), LIMITS)) == pages.WORST == 5
    assert pages.worst(clip([NAN], [NAN]), LIMITS) == () == pages.worst(clip([]), LIMITS)


def test_networks_are_compared_by_shares_of_their_own_distance() -> None:
    # 0.5 of 0.8 is nearer than 0.4 of 0.5.
    frame = pages.worst(clip([0.5], [0.4]), LIMITS)[0]
    assert frame.embedder == "a" and frame.distance == pytest.approx(0.5)
    assert pages.worst(clip([0.5], [0.3]), LIMITS)[0].embedder == "b"


def test_a_sheet_shows_the_worst_frames_and_then_others_all_over() -> None:
    file = spread([0.9, 0.2, 1.0], [0.0, 1.0, 4.0], frames=120, duration=12.0)
    found = pages.shown(file, LIMITS)
    assert [number for number, _ in found[:3]] == [10, 0, 40] and len(found) == pages.SHOWN == 12
    numbers = [number for number, _ in found]
    assert len(set(numbers)) == 12 and max(numbers) >= 97 and numbers[3:] == sorted(numbers[3:])
    assert found[0][1] == "1.00 s  0.20 a" and all(caption.isascii() for _, caption in found)
    assert dict(found)[11] == "1.10 s"


def test_a_sheet_of_little_shows_what_there_is() -> None:
    assert [number for number, _ in pages.shown(clip([1.0]), LIMITS)] == [0]
    assert sorted(number for number, _ in pages.shown(clip([1.0] * 3), LIMITS)) == [0, 1, 2]
    assert pages.shown(clip([], frames=0), LIMITS) == []


def points(chart: pages.Chart, name: str) -> list[tuple[float, float]]:
    return list(next(series.points for series in chart.series if series.name == name))


def test_the_timeline_shows_the_nearest_face_of_each_frame() -> None:
    file = clip([0.8, 0.4, NAN, NAN, 1.2], [0.5, 0.6, 0.7, NAN, 0.1], frame=np.array([0, 0, 1, 3, 3]),
                time=np.array([0, 0, 0.1, 0.3, 0.3], np.float32))  # fmt: skip
    chart = pages.page(file, "n", LIMITS, None).charts[0]
    expected = [(0.0, 0.5), (0.1, NAN), (0.3, 1.5)]
    for (x, y), (time, share) in zip(points(chart, "a"), expected, strict=True):
        assert x == pytest.approx(time) and y == pytest.approx(share, nan_ok=True)
    assert [y for _, y in points(chart, "b")] == pytest.approx([1.0, 1.4, 0.2])
    assert chart.marks == (("1 stranger in 100", 1.0),) and chart.y_from == 0


@pytest.mark.parametrize("values", [[NAN, NAN], [0.5, NAN], [0.5, 0.6]])
def test_charts_with_gaps_are_drawn(values: list[float]) -> None:
    chart = pages.page(clip(values, [NAN] * 2), "n", LIMITS, None).charts[0]
    assert "nan" not in charts.svg(chart) and "<svg" in charts.svg(chart)
