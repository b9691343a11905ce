"""The bands that people are counted in: apparent age, gender and skin tone as networks see them, and labels by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

AGES = ("under 16", "16 to 28", "28 to 40", "40 to 54", "over 54")
GENDERS = ("men", "women")
TONES = ("dark", "brown", "tan", "intermediate", "light")
AGE_BOUNDS = (16.0, 28.0, 40.0, 54.0)
"""Upper bounds of AGES in years; the last has none."""
TONE_BOUNDS = (10.0, 28.0, 41.0, 55.0)
"""Upper bounds of TONES in degrees ITA; the last has none."""
UNKNOWN = -1
"""Band of what was not measured."""


@dataclass(frozen=True)
class Groups:
    """Apparent groups as a person labelled them. Identifying.

    Attributes:
        people: Person -> group, of those who have one.
        results: Index of a file -> group of the person mostly seen in its result, of those that have one.
    """

    people: Mapping[int, str] = field(default_factory=dict, repr=False)
    results: Mapping[int, str] = field(default_factory=dict, repr=False)


def of(looks: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the bands that looks fall into.

    Args:
        looks: (n, 3) apparent age in years, probability of female, skin tone in degrees of ITA; NaN where not known.

    Returns:
        (n, 3) indices into `AGES`, `GENDERS` and `TONES`, or `UNKNOWN`.
    """
    rows = np.asarray(looks, np.float64).reshape(-1, 3)
    # A value at a bound of age or tone is in the band below it.
    found = [np.searchsorted(AGE_BOUNDS, rows[:, 0]), rows[:, 1] >= 0.5, np.searchsorted(TONE_BOUNDS, rows[:, 2])]
    return np.where(np.isfinite(rows), np.stack(found, axis=1), UNKNOWN).astype(np.int64)
