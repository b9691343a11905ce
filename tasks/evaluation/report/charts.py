"""Charts as SVG, to be put into a page as they are: no scripts, no ids, nothing that is fetched.

Colours are variables of the page's style with a fallback for light paper; lines differ by their dashes as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from html import escape

from tasks.evaluation.report import scales
from tasks.evaluation.report.content import Chart, Series
from tasks.evaluation.report.scales import Point, Scale

_FALLBACKS = ("#0067a8", "#c24e00", "#007a5a", "#9c3f86", "#6b5b00", "#3d4f9f")
# Ends are round, which takes a line's width off every gap.
_DASHES = ("", "8 6", "1 5", "10 5 1 5", "16 6", "4 5")
_MUTED = ("var(--muted-0, #7f858e)", "var(--muted-1, #a9adb4)", "var(--muted-2, #5f656e)")
_WIDTH, _WIDE, _PLOT = 480, 960, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 30, 42
_FONT, _ROW = 13, 20
_LETTER, _THIN, _FAT = 8.1, 4.8, 11.5
_KEY = 26


def svg(chart: Chart, wide: bool = False) -> str:
    """Draw a chart as an <svg> element that takes the width it is given.

    Names and titles may hold any text. Points that are not finite, or not above 0 where x is logarithmic, are gaps.

    Args:
        chart: the chart.
        wide: of twice the width to its height.

    Returns:
        The element as text.
    """
    width = _WIDE if wide else _WIDTH
    series = [replace(one, points=tuple(scales.thin(_drawable(one.points, chart.log_x)))) for one in chart.series]
    points = [point for one in series for run in scales.runs(one.points) for point in run]
    marks = [mark for mark in chart.marks if math.isfinite(mark[1])]
    # Their names stand beside the plot, where they hide nothing.
    room = min(max((_width(name) + 8 for name, _ in marks), default=0.0), 0.3 * width)
    x_axis = _x_axis(points, chart.log_x, width - _RIGHT - room)
    low, high = scales.limits([y for _, y in points] + [y for _, y in marks], chart.y_from, chart.y_to)
    y_axis = Scale(low, high, _TOP + _PLOT, _TOP)
    body = [*_axes(chart, x_axis, y_axis, 10 if wide else 6)]
    keys = _legend([one.name for one in series], width)
    drawn = zip(series, keys, _strokes(series), strict=True)
    # What is there for comparison lies below what is compared.
    for one, key, (colour, dashes) in sorted(drawn, key=lambda item: not item[0].muted):
        body.append(_series(one, colour, dashes, x_axis, y_axis, key))
    body += _marks(marks, x_axis.end, y_axis, room)
    if not points:
        body.append(_text(width / 2, _TOP + _PLOT / 2, "No values", "middle", "quiet"))
    height = max([_TOP + _PLOT + _BOTTOM, *(y + 10 for _, y, _ in keys)])
    label = escape(f"{chart.title}. {chart.caption}")
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height:g}" role="img" aria-label="{label}" '
        f'font-size="{_FONT}" fill="currentColor">{"".join(body)}</svg>'
    )


def _drawable(points: Sequence[Point], log_x: bool) -> list[Point]:
    return [(x, y) if not log_x or x > 0 else (math.nan, math.nan) for x, y in points]


def _x_axis(points: Sequence[Point], log_x: bool, end: float) -> Scale:
    known = [x for x, _ in points] or [1.0, 10.0]
    low, high = min(known), max(known)
    if low == high:
        low, high = (low / 2, high * 2) if log_x else (low - 0.5, high + 0.5)
    return Scale(low, high, _LEFT, end, log_x)


def _axes(chart: Chart, x_axis: Scale, y_axis: Scale, most: int) -> list[str]:
    floor, right = y_axis.start, x_axis.end
    parts = [
        _text(0, 13, _cut(chart.y_title, right), "start", "quiet"),
        _text(right, floor + 36, _cut(chart.x_title, right), "end", "quiet"),
    ]
    for value, label in y_axis.ticks(6):
        y = y_axis.place(value)
        parts.append(_line(_LEFT, y, right, y, "var(--grid, #e3e5e8)"))
        parts.append(_text(_LEFT - 7, y + 4.5, label, "end", "quiet"))
    for value, label in x_axis.ticks(most):
        x = x_axis.place(value)
        parts.append(_line(x, floor, x, floor + 4, "var(--axis, #70757d)"))
        # The outermost labels stay on the paper.
        anchor = "end" if x > right - 4 * _LETTER and len(label) > 3 else "middle"
        parts.append(_text(right if anchor == "end" else x, floor + 19, label, anchor, "quiet"))
    return [*parts, _line(_LEFT, floor, right, floor, "var(--axis, #70757d)")]


def _strokes(series: Sequence[Series]) -> list[tuple[str, str]]:
    """(colour, dashes) for each. Muted series are counted by themselves, so that the grey line of an original is dashed
    as its coloured one is where both kinds come in the same order."""
    seen = {True: 0, False: 0}
    strokes = []
    for one in series:
        number = seen[one.muted]
        seen[one.muted] += 1
        colour = _MUTED[number % 3] if one.muted else f"var(--series-{number % 6}, {_FALLBACKS[number % 6]})"
        strokes.append((colour, _DASHES[(number + number // 6) % 6]))
    return strokes


def _series(one: Series, colour: str, dashes: str, x_axis: Scale, y_axis: Scale, key: tuple[float, float, str]) -> str:
    found = scales.runs(one.points)
    path = "".join(
        "M"
        + "L".join(f"{x_axis.place(x):.1f} {y_axis.place(y):.1f}" for x, y in run)
        # A point by itself is a line of no length, which round ends make visible.
        + ("h0.01" if len(run) == 1 else "")
        for run in found
    )
    values = [y for run in found for _, y in run]
    said = f"{one.name}: {min(values):.3g} to {max(values):.3g}" if values else f"{one.name}: no values"
    x, y, name = key
    line = f'fill="none" stroke-width="{1.5 if one.muted else 2}" stroke-linejoin="round" stroke-linecap="round"'
    # A peak must not fall between two dashes.
    below = f'<path d="{path}" {line} stroke-opacity="0.4"/>' if dashes else ""
    return (
        f'<g style="stroke:{colour}"><title>{escape(said)}</title>{below}'
        f'<path d="{path}M{x:g} {y:g}h{_KEY - 6}" {line} stroke-dasharray="{dashes or "none"}"/>'
        f"{_text(x + _KEY, y + 4.5, name, 'start')}</g>"
    )


def _marks(marks: Sequence[tuple[str, float]], right: float, y_axis: Scale, room: float) -> list[str]:
    parts = []
    free = -math.inf
    for name, value in sorted(marks, key=lambda mark: -mark[1]):
        y = y_axis.place(value)
        parts.append(_line(_LEFT, y, right, y, "var(--mark, #a3123a)", "6 3"))
        # Names of marks that are close to each other stand below each other.
        free = max(y + 4.5, free)
        parts.append(_text(right + 6, free, _cut(name, room - 6), "start", "mark"))
        free += _FONT + 2
    return parts


def _legend(names: Sequence[str], width: int) -> list[tuple[float, float, str]]:
    """Where each name goes, row by row: (x, y, the name cut to what fits)."""
    keys = []
    x, y = float(_LEFT), float(_TOP + _PLOT + _BOTTOM + 12)
    for name in names:
        name = _cut(name, width - _LEFT - _KEY)
        room = _KEY + _width(name) + 16
        if x > _LEFT and x + room - 16 > width:
            x, y = float(_LEFT), y + _ROW
        keys.append((x, y, name))
        x += room
    return keys


def _width(text: str) -> float:
    """Pixels that a text takes in a wide font; the reader's is not known."""
    return sum(_THIN if letter in "fijlrtI.,:;'| ()-" else _FAT if letter in "mwMW" else _LETTER for letter in text)


def _cut(text: str, room: float) -> str:
    if _width(text) <= room:
        return text
    kept = next(n for n in range(len(text), -1, -1) if _width(text[:n]) + _FAT <= room or not n)
    return text[:kept] + "…"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" style="stroke:{colour}"{dashed}/>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    # The group of a series has a stroke, which its name must not take on.
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" stroke="none"{named}>{escape(text)}</text>'
