"""How two series of a figure compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tasks.evaluation.measure.figures import Series


def correlation(pairs: Iterable[Series]) -> float:
    """Pearson correlation over (n, 2) series whose own means are taken out first, 1 is best; NaN when nothing moves."""
    a, b = _centred(pairs)
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else float("nan")


def slope(pairs: Iterable[Series]) -> float:
    """How far the result moves per movement of the source, 1 is best, less is damped; NaN when nothing moves."""
    a, b = _centred(pairs)
    return float(a @ b) / float(a @ a) if float(a @ a) > 1e-12 else float("nan")


def _centred(pairs: Iterable[Series]) -> tuple[Series, Series]:
    parts = [pair - pair.mean(axis=0) for pair in pairs if len(pair) >= 5]
    if not parts:
        return np.zeros(0), np.zeros(0)
    a, b = np.concatenate(parts).T
    return a, b


def mean_error(errors: Sequence[Series]) -> float:
    """Mean of result minus source with its sign: positive, the result is more open, or turned further."""
    return float(np.nanmean(np.concatenate(errors))) if errors else float("nan")


def mean_size(errors: Sequence[Series]) -> float:
    """Mean size of result minus source, 0 is best."""
    return float(np.nanmean(np.abs(np.concatenate(errors)))) if errors else float("nan")
