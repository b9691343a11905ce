"""What a reader of an outsider's or insider's figure must know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW = 5
"""People under which an interval over people is too narrow to be relied on."""
NO_RESULT = "No face of a named person has a result that could be compared."


def few(people: int) -> str:
    """Warn where an interval rests on a few people.

    Args:
        people: how many.

    Returns:
        The warning; "" otherwise, and for one, who has no interval.
    """
    return f"{people} people only: the interval is too narrow." if 1 < people < FEW else ""


def unvaried(values: NDArray[np.float64]) -> str:
    """Warn where values of people are all equal, so that drawing people anew gives no width.

    Args:
        values: (n,) of people.

    Returns:
        The warning; "" otherwise.
    """
    people = len(values)
    if people < 2 or np.ptp(values) > 0:
        return ""
    # So many of whom none was met in as many people, with 95 % confidence.
    share = 1.0 - 0.05 ** (1.0 / people)
    return f"All have the same value, which gives the interval no width: {share:.0%} of people may have another one."


def joined(*notes: str) -> str:
    """Join notes into one.

    Args:
        *notes: the notes; empty ones are left out.

    Returns:
        One note.
    """
    return " ".join(note for note in notes if note)
