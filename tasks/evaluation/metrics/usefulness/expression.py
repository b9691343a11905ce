"""Expression preserved: the label that a network gives, and the shape of the face."""

from __future__ import annotations

import numpy as np

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import both_known

LABEL = Definition(
    "expression_label",
    "Same dominant expression",
    "share",
    Better.HIGHER,
    "Share of looks at a face in which the emotion network's most likely label is the same before and after.",
    "AnonNET 4.2, with another network (seven labels)",
)
SHAPE = Definition(
    "expression_distance",
    "Expression distance",
    "cosine distance",
    Better.LOWER,
    "Mean over frames of the cosine distance between the 52 expression coefficients before and after.",
    "RID-Twin 4.1 and DiffDeID 4.1, with MediaPipe's blendshapes instead of their embeddings",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out both numbers of one file.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and variant, which is empty.
    """
    return {(LABEL, ""): _label(measured), (SHAPE, ""): _shape(measured)}


def _label(measured: Measured) -> Figure:
    known = both_known(measured.emotion)
    if not known.any():
        return Figure.unknown("No face on both sides that the network could look at.")
    best = measured.emotion[:, known].argmax(axis=2)
    return Figure(float((best[0] == best[1]).mean()), samples=int(known.sum()))


def _shape(measured: Measured) -> Figure:
    known = both_known(measured.shapes)
    if not known.any():
        return Figure.unknown("No face on both sides whose mesh could be placed.")
    # The first entry stands for a face at rest and is always about zero.
    ours, theirs = measured.shapes[:, known, 1:].astype(np.float64)
    sizes = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    distance = 1.0 - (ours * theirs).sum(axis=1) / np.maximum(sizes, 1e-9)
    return Figure(float(distance.mean()), samples=len(distance))
