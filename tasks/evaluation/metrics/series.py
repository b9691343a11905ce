"""How two series of one figure compare, over the rows of one file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats

LEAST = 5
"""Rows under which a correlation says nothing."""


def both_known(pair: Floats) -> NDArray[np.bool_]:
    """(n,) where a (2, n) or (2, n, k) array is known on both sides."""
    return np.asarray(np.isfinite(pair).all(axis=(0, *range(2, pair.ndim))))


def correlation(pair: Floats, person: NDArray[np.int64]) -> float:
    """Pearson correlation of a (2, n) series, each person's own mean taken out; NaN when nothing moves or too little is
    known."""
    known = both_known(pair)
    if known.sum() < LEAST:
        return float("nan")
    centred = pair[:, known].astype(np.float64)
    for one in np.unique(person[known]):
        rows = person[known] == one
        centred[:, rows] -= centred[:, rows].mean(axis=1, keepdims=True)
    size = float(np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1])))
    return float(centred[0] @ centred[1]) / size if size > 1e-9 else float("nan")


def about_median(errors: NDArray[np.floating], person: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) errors without each person's own median, which is how two faces of other proportions differ at rest; NaN
    where a person has one known error only, which would always be 0."""
    result = np.asarray(errors, np.float64).copy()
    for one in np.unique(person):
        rows = person == one
        result[rows] -= np.nanmedian(result[rows]) if np.isfinite(result[rows]).sum() > 1 else np.nan
    return result


def turned(errors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Differences of angles in degrees, brought into -180 .. 180."""
    return (np.asarray(errors, np.float64) + 180.0) % 360.0 - 180.0


def mean_size(errors: NDArray[np.floating]) -> float:
    """Mean absolute error, NaN left out; NaN when nothing is known."""
    known = np.abs(errors[np.isfinite(errors)])
    return float(known.mean()) if len(known) else float("nan")
