"""Numbers as a reader wants them."""

from __future__ import annotations

import math

from tasks.evaluation.metrics.definition import Better
from tasks.evaluation.report.content import Outcome

NOTHING = "–"
_SYMBOLS = {"share": "\N{NO-BREAK SPACE}%", "degrees": "°"}

VERDICTS = {Outcome.PASS: "Passed", Outcome.LOOK: "Needs a look", Outcome.FAIL: "Failed"}
WAYS = {
    Better.LOWER: "↓ lower is better",
    Better.HIGHER: "↑ higher is better",
    Better.LIKE_ORIGINAL: "≈ should be like the original",
    Better.NEITHER: "",
}


def unit(name: str) -> str:
    """Choose the unit to write after `amount`.

    Args:
        name: the unit.

    Returns:
        The unit; "" where the amount carries it as a sign.
    """
    return "" if name in _SYMBOLS else name


def amount(value: float, name: str = "") -> str:
    """Write a value, two to four digits long; shares as per cent.

    A share that is not quite 0 or 1 is never rounded to it.

    Args:
        value: the value.
        name: its unit.

    Returns:
        The text; a dash for NaN.
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if name == "share":
        value *= 100
        return f"{value:,.{_decimals_of_percentage(value)}f}" + _SYMBOLS[name]
    return _plain(value) + _SYMBOLS.get(name, "")


def interval(low: float, high: float, name: str = "") -> str:
    """Write both ends of a range.

    Args:
        low: lower end.
        high: upper end.
        name: their unit.

    Returns:
        The text; a dash where either is NaN.
    """
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{amount(low, name)} to {amount(high, name)}"


def nearest(share: float) -> str:
    """Write a share of a threshold as per cent, rounded down: what is below the threshold must not read as 100 %.

    Args:
        share: of the threshold.

    Returns:
        The text; a dash where it is not finite.
    """
    return f"{math.floor(share * 1000 + 1e-9) / 10:,.1f}\N{NO-BREAK SPACE}%" if math.isfinite(share) else NOTHING


def clock(seconds: float) -> str:
    """Write a position in a video or its length, to a tenth of a second, rounded down.

    Args:
        seconds: the position or length.

    Returns:
        The text; a dash where it is not finite.
    """
    if not math.isfinite(seconds):
        return NOTHING
    tenths = math.floor(seconds * 10 + 1e-6)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    end = f"{minutes:02d}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
    return f"{hours}:{end}" if hours else end


def count(number: int) -> str:
    """Write a whole number with its thousands apart.

    Args:
        number: the number.

    Returns:
        The text.
    """
    return f"{number:,}"


def size(samples: int, people: int) -> str:
    """Write what a number was taken from. Breaks between the two only.

    Args:
        samples: number of samples.
        people: number of people.

    Returns:
        The text; a dash where there was nothing.
    """
    parts = [f"n = {count(samples)}"] * (samples > 0) + [f"people = {count(people)}"] * (people > 0)
    return ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts) or NOTHING


def _plain(value: float) -> str:
    if value == 0 or value == round(value):
        return f"{value:,.0f}"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(decimals, 0), 6)}f}"


def _decimals_of_percentage(value: float) -> int:
    if value in (0, 100):
        return 0
    # One digit of what is missing to the whole, two of what is there.
    if 99 < value < 100:
        return min(8, -math.floor(math.log10(100 - value)))
    return 1 if abs(value) >= 1 else min(8, 1 - math.floor(math.log10(abs(value))))
