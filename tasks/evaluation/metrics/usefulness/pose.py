"""Head pose preserved."""

from __future__ import annotations

import numpy as np

from tasks.evaluation.measure.figures import AXES
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import about_median, both_known, mean_size, turned

ERROR = Definition(
    "pose_error",
    "Head pose error",
    "degrees",
    Better.LOWER,
    "Mean absolute difference of the head's angle before and after, per axis, from a mesh placed by one network on "
    "both. Faces of other proportions differ by a constant in the same pose.",
    "AnonNET 4.2 (there by Dlib's pose estimator)",
)
MOTION = Definition(
    "pose_motion_error",
    "Head motion error",
    "degrees",
    Better.LOWER,
    "The same without each person's constant difference: how exactly the head's motion is kept.",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out both errors of one file for every axis.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and axis.
    """
    known = both_known(measured.angles)
    result: dict[tuple[Definition, str], Figure] = {}
    for axis, name in enumerate(AXES):
        if not known.any():
            result |= {(d, name): Figure.unknown("No face on both sides whose pose is known.") for d in (ERROR, MOTION)}
            continue
        errors = turned(measured.angles[1, known, axis] - measured.angles[0, known, axis])
        result[ERROR, name] = Figure(mean_size(errors), samples=len(errors))
        moved = turned(about_median(errors, measured.person[known]))
        count = int(np.isfinite(moved).sum())
        one_frame = Figure.unknown("One frame shows no motion.")
        result[MOTION, name] = Figure(mean_size(moved), samples=count) if count else one_frame
    return result
