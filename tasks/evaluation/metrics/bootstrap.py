"""Confidence intervals over people: the frames of one person are no independent samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics.definition import Figure

ROUNDS = 1000
LEVEL = 0.95
_ALONE = "One person only: no interval."


def mean(values: NDArray[np.floating], people: NDArray[np.int64], rounds: int = ROUNDS, seed: int = 0) -> Figure:
    """Work out a mean and its interval, people drawn with replacement and all their values with them.

    Every value counts the same, so people with more of them weigh more.

    Args:
        values: (n,); NaN is left out.
        people: (n,) the person of each value.
        rounds: draws.
        seed: of the draws.

    Returns:
        The mean with its interval, which is missing for one person.
    """
    known = np.isfinite(values)
    values, people = np.asarray(values, np.float64)[known], people[known]
    if not len(values):
        return Figure.unknown("Nothing to measure.")
    names, which = np.unique(people, return_inverse=True)
    sums, counts = np.bincount(which, values), np.bincount(which).astype(np.float64)
    value = float(sums.sum() / counts.sum())
    if len(names) < 2:
        return Figure(value, samples=len(values), people=1, note=_ALONE)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=rounds)
    low, high = _ends((drawn @ sums) / (drawn @ counts))
    return Figure(value, low, high, len(values), len(names))


def interval(
    statistic: Callable[[NDArray[np.int64]], float],
    people: NDArray[np.int64],
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Figure:
    """Work out any statistic of rows and its interval, people drawn with replacement.

    Args:
        statistic: gets (m,) row indices, those of a person drawn twice are in it twice; may give NaN.
        people: (n,) the person of each row.
        rounds: draws.
        seed: of the draws.

    Returns:
        The statistic with its interval, which is missing for one person.
    """
    rows = np.arange(len(people), dtype=np.int64)
    if not len(rows):
        return Figure.unknown("Nothing to measure.")
    value = statistic(rows)
    names, which = np.unique(people, return_inverse=True)
    if len(names) < 2 or not np.isfinite(value):
        return Figure(value, samples=len(rows), people=len(names), note=_ALONE if len(names) < 2 else "")
    order = np.argsort(which, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(which))[:-1])
    random = np.random.default_rng(seed)
    found = [
        statistic(np.concatenate([groups[k] for k in random.integers(len(groups), size=len(groups))]))
        for _ in range(rounds)
    ]
    low, high = _ends(np.array(found, np.float64))
    return Figure(float(value), low, high, len(rows), len(names))


def _ends(found: NDArray[np.float64]) -> tuple[float, float]:
    known = found[np.isfinite(found)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
