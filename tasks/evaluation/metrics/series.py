"""How two series of one figure compare, over the rows of one file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats

LEAST = 5
"""Rows under which a correlation says nothing."""


def both_known(pair: Floats) -> NDArray[np.bool_]:
    """Say where a series is known on both sides.

    Args:
        pair: (2, n) or (2, n, k).

    Returns:
        (n,) True where it is.
    """
    return np.asarray(np.isfinite(pair).all(axis=(0, *range(2, pair.ndim))))


def correlation(pair: Floats, person: NDArray[np.int64]) -> float:
    """Work out the Pearson correlation of two series, each person's own mean taken out.

    Args:
        pair: (2, n).
        person: (n,) the person of each row.

    Returns:
        The correlation; NaN when nothing moves or too little is known.
    """
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
    """Take each person's own median out of errors: it is how two faces of other proportions differ at rest.

    Args:
        errors: (n,).
        person: (n,) the person of each row.

    Returns:
        (n,); NaN where a person has one known error only, which would always be 0.
    """
    result = np.asarray(errors, np.float64).copy()
    for one in np.unique(person):
        rows = person == one
        result[rows] -= np.nanmedian(result[rows]) if np.isfinite(result[rows]).sum() > 1 else np.nan
    return result


def turned(errors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Bring differences of angles into -180 .. 180.

    Args:
        errors: degrees, of any shape.

    Returns:
        Degrees, of the same shape.
    """
    return (np.asarray(errors, np.float64) + 180.0) % 360.0 - 180.0


def mean_size(errors: NDArray[np.floating]) -> float:
    """Work out the mean absolute error.

    Args:
        errors: (n,); NaN is left out.

    Returns:
        The mean; NaN when nothing is known.
    """
    known = np.abs(errors[np.isfinite(errors)])
    return float(known.mean()) if len(known) else float("nan")
