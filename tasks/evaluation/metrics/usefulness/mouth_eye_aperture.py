"""Speech and blinks preserved: how mouth and eyes open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.figures import OPENINGS
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import LEAST, both_known, correlation

CORRELATION = Definition(
    "opening_correlation",
    "Mouth and eyes open alike",
    "correlation",
    Better.HIGHER,
    "Correlation over frames of how far the mouth and the eyes are open before and after, each person's mean taken "
    "out.",
)
LAG = Definition(
    "mouth_lag",
    "Mouth lag",
    "frames",
    Better.NEITHER,
    "By how many frames the mouth of the anonymized face moves later (earlier when negative): where its opening "
    "correlates best with the original's. The sound is the original's, so 0 keeps the lips in step with it.",
)
_STILL = 0.01
"""Standard deviation of an opening, in widths between the outer eye corners, under which only noise moves."""
_FARTHEST = 10
_AKIN = 0.5
"""Correlation under which two mouths do not move together, so that neither is later."""


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out correlations and lag of one file.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and variant: mouth or eyes, empty for the lag.
    """
    result = {}
    for name in ("mouth", "eyes"):
        pair = measured.openings[:, :, OPENINGS.index(name)]
        result[CORRELATION, name] = _correlated(pair, measured.person)
    result[LAG, ""] = _lag(measured)
    return result


def _correlated(pair: Floats, person: NDArray[np.int64]) -> Figure:
    known = both_known(pair)
    if known.sum() < LEAST:
        return Figure.unknown(f"Fewer than {LEAST} frames on which it is known on both sides.")
    if _spread(pair[0, known], person[known]) < _STILL:
        return Figure.unknown("Hardly moves in the original.")
    value = correlation(pair, person)
    return Figure(value, samples=int(known.sum())) if np.isfinite(value) else Figure.unknown("Does not move any more.")


def _spread(values: Floats, person: NDArray[np.int64]) -> float:
    """Standard deviation about each person's own mean: that people differ is no motion."""
    own = [values[person == one] - values[person == one].mean() for one in np.unique(person)]
    return float(np.concatenate(own).std())


def _lag(measured: Measured) -> Figure:
    if not measured.people:
        return Figure.unknown("No face.")
    rows = measured.person == measured.people[0]
    frames, pair = measured.frame[rows], measured.openings[:, rows, OPENINGS.index("mouth")]
    step = int(np.min(np.diff(frames))) if len(frames) > 1 else 0
    if step != 1 or both_known(pair).sum() < 3 * _FARTHEST:
        return Figure.unknown("Needs both mouths on every frame of at least a second.")
    if float(np.nanstd(pair[0])) < _STILL:
        return Figure.unknown("The mouth hardly moves in the original.")
    series = np.full((2, int(frames[-1] - frames[0]) + 1), np.nan, np.float32)
    series[:, frames - frames[0]] = pair
    found = {lag: _shifted(series, lag) for lag in range(-_FARTHEST, _FARTHEST + 1)}
    known = {lag: value for lag, value in found.items() if np.isfinite(value)}
    best = max(known, key=lambda lag: (known[lag], -abs(lag)), default=0)
    if known.get(best, 0.0) < _AKIN:
        return Figure.unknown("The mouth does not move as in the original.")
    return Figure(float(best), samples=len(frames), note=f"correlation {known[best]:.3f}")


def _shifted(series: Floats, lag: int) -> float:
    ours, theirs = series
    count = series.shape[1] - abs(lag)
    pair = np.stack([ours[max(-lag, 0) : max(-lag, 0) + count], theirs[max(lag, 0) : max(lag, 0) + count]])
    return correlation(pair, np.zeros(count, np.int64))
