"""From values to places on paper: ranges, round ticks, and points few enough to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
MOST_POINTS = 600
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """A range of values, drawn from `start` to `end` pixels.

    Attributes:
        log: logarithmic, for values above 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Work out where a value is drawn.

        Args:
            value: of the range.

        Returns:
            Pixels.
        """
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        share = ((math.log10(value) if self.log else value) - low) / (high - low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Choose round values of the range.

        Args:
            most: about how many at most.

        Returns:
            (value, label) each.
        """
        if self.log:
            found = _log_ticks(self.low, self.high, most)
            if len(found) > 1:
                return [(value, _short(value)) for value in found]
        step = round_step(self.high - self.low, most)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step - 1e-6), math.floor(self.high / step + 1e-6)
        values = [round(k * step, decimals + 1) + 0.0 for k in range(first, last + 1)]
        return [(value, f"{value:,.{decimals}f}" if decimals < 6 else f"{value:.3g}") for value in values]


def round_step(span: float, most: int) -> float:
    """Choose a step of 1, 2 or 5 times a power of ten.

    Args:
        span: above 0.
        most: about how many steps the span may have at most.

    Returns:
        The step.
    """
    least = span / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least * (1 - 1e-9)), 10 * power)


def limits(values: Sequence[float], low: float | None, high: float | None) -> tuple[float, float]:
    """Choose the range to show.

    What was asked for is widened where a value lies outside, so that nothing is ever cut off; where an end is open, it
    is the next round number.

    Args:
        values: the values; those that are not finite are left out.
        low: lower end asked for, None where open.
        high: upper end asked for, None where open.

    Returns:
        (low, high).
    """
    known = [value for value in values if math.isfinite(value)]
    ends = [end for end in (low, high) if end is not None]
    if not known and not ends:
        return 0.0, 1.0
    least, most = min(known + ends), max(known + ends)
    if least == most:
        room = abs(least) * 0.1 or 1.0
        return least - (low is None) * room, most + (high is None or low is not None) * room
    step = round_step(most - least, 6)
    # A value that lies outside of what was asked for gets a round number as its end, too.
    lowest = least if least == low else math.floor(least / step + 1e-9) * step
    highest = most if most == high else math.ceil(most / step - 1e-9) * step
    return lowest, highest


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Thin out points, so that few enough are left to draw.

    Of every stretch its smallest and its largest y stay: no peak is lost, a gap may look longer than it is.

    Args:
        points: (x, y) each.
        most: about how many to keep at most.

    Returns:
        The kept points in order, and between them one that is not finite wherever there was one.
    """
    if len(points) <= most:
        return list(points)
    known = [row for row, point in enumerate(points) if _finite(point)]
    stretches = max(1, most // 2)
    chosen = set(known[:1] + known[-1:])
    for k in range(stretches):
        rows = known[k * len(known) // stretches : (k + 1) * len(known) // stretches]
        if rows:
            chosen |= {min(rows, key=lambda row: points[row][1]), max(rows, key=lambda row: points[row][1])}
    kept: list[Point] = []
    before = None
    for row in sorted(chosen):
        if before is not None and not all(map(_finite, points[before + 1 : row])):
            kept.append((math.nan, math.nan))
        kept.append(points[row])
        before = row
    return kept


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """Split points at those that are not finite.

    Args:
        points: (x, y) each.

    Returns:
        The stretches between.
    """
    found: list[list[Point]] = [[]]
    for point in points:
        if _finite(point):
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def _finite(point: Point) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [10.0**k for k in decades if low * (1 - 1e-9) <= 10.0**k <= high * (1 + 1e-9)]
    if len(inside) > 2:
        return inside[:: math.ceil(len(inside) / most)]
    finer = (factor * 10.0**k for k in decades for factor in (1, 2, 5))
    return [value for value in finer if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _short(value: float) -> str:
    if 0.0001 * (1 - 1e-9) <= value < 1_000_000:
        return f"{value:,.10g}"
    power = math.floor(math.log10(value) + 1e-9)
    factor = round(value / 10.0**power)
    return ("" if factor == 1 else f"{factor}·") + "10" + str(power).translate(_SUPERSCRIPTS)
