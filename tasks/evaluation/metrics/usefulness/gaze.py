"""Gaze preserved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import about_median, both_known, mean_size

_ACROSS, _DOWN = 2, 3
_WIDTH_OVER_RADIUS = 2.5
"""An eye's visible width is about 30 mm, its ball's radius 12 mm."""

ERROR = Definition(
    "gaze_error",
    "Gaze error",
    "degrees",
    Better.LOWER,
    "Mean absolute difference of the direction of the eyes in the head, from the iris's place between the eye's "
    "corners. Not calibrated for anybody: degrees of an average eye.",
    "AnonNET 4.2 (there by L2CS-Net)",
)
MOTION = Definition(
    "gaze_motion_error",
    "Gaze motion error",
    "degrees",
    Better.LOWER,
    "The same without each person's constant difference, which is mostly the shape of the eyes.",
)


def degrees(offsets: Floats) -> NDArray[np.float64]:
    """Turn offsets of the iris into angles of an average eye.

    Args:
        offsets: of the iris from the middle of the eye's corners, in eye widths.

    Returns:
        Degrees, of the same shape.
    """
    return np.degrees(np.arcsin(np.clip(_WIDTH_OVER_RADIUS * offsets.astype(np.float64), -1.0, 1.0)))


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out both errors of one file, across and up or down.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and direction.
    """
    known = both_known(measured.openings)
    result: dict[tuple[Definition, str], Figure] = {}
    for column, name in ((_ACROSS, "sideways"), (_DOWN, "up and down")):
        if not known.any():
            result |= {
                (d, name): Figure.unknown("No face on both sides whose eyes are known.") for d in (ERROR, MOTION)
            }
            continue
        ours, theirs = degrees(measured.openings[:, known, column])
        result[ERROR, name] = Figure(mean_size(theirs - ours), samples=len(ours))
        moved = about_median(theirs - ours, measured.person[known])
        count = int(np.isfinite(moved).sum())
        one_frame = Figure.unknown("One frame shows no motion.")
        result[MOTION, name] = Figure(mean_size(moved), samples=count) if count else one_frame
    return result
