"""Does the face stay one person from frame to frame?"""

from __future__ import annotations

import numpy as np

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure

CONSECUTIVE = Definition(
    "identity_change",
    "Change of identity between frames",
    "cosine distance",
    Better.LIKE_ORIGINAL,
    "Mean cosine distance between the embeddings of one face on consecutive frames; beside it the same on the "
    "originals.",
    "AnonNET 4.2, temporal identity consistency (there with DINO, here with a face embedder)",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out the change of identity in one file.

    Args:
        measured: what was measured of it.

    Returns:
        One number per embedder, by definition and embedder.
    """
    before, after = _neighbours(measured)
    result = {}
    for name, vectors in measured.vectors.items():
        distance = 1.0 - (vectors[:, before] * vectors[:, after]).sum(axis=2)
        known = np.isfinite(distance).all(axis=0)
        unknown = Figure.unknown("No two frames after one another show the face.")
        value = (float(distance[k, known].mean()) if known.any() else 0.0 for k in (1, 0))
        theirs, ours = value
        result[CONSECUTIVE, name] = Figure(theirs, samples=int(known.sum()), original=ours) if known.any() else unknown
    return result


def _neighbours(measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Row indices of each face and of the same person's on the next frame looked at."""
    order = np.lexsort((measured.frame, measured.person))
    frame, person = measured.frame[order], measured.person[order]
    step = np.diff(frame)
    inside = np.diff(person) == 0
    shortest = step[inside].min(initial=np.iinfo(np.int64).max, where=step[inside] > 0)
    near = inside & (step == shortest)
    return order[:-1][near], order[1:][near]
