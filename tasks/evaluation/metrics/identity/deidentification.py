"""How far anonymized faces are from the original faces of the same frames, and how steady they are over a video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.faces import Faces


class Distance(StrEnum):
    """Between unit vectors: 1 - dot product, or the length of their difference; both lie in [0, 2]."""

    COSINE = "cosine"
    EUCLIDEAN = "euclidean"


_BLOCK = 8192
_SOURCE = "RID-Twin, 4.1 and table 1"
_LEVEL = "between the original and the anonymized face of the same frame (faces that both sides have)"
_CONSISTENCY = (
    "between every face and the person's first face in the same video (which itself, at distance 0, is not counted)"
)


def _definition(name: str, title: str, kind: Distance, variance: bool, better: Better, between: str) -> Definition:
    return Definition(
        f"{name}_{kind.value}" + ("_variance" if variance else ""),
        title + (", variance" if variance else ""),
        f"squared {kind.value} distance" if variance else f"{kind.value} distance",
        better,
        f"{kind.value.capitalize()} distance of the embeddings {between}; its {'variance' if variance else 'mean'} "
        "over the frames of each video, then the mean over the videos.",
        _SOURCE,
    )


LEVEL = {
    kind: _definition("deidentification_level", "De-identification level", kind, False, Better.HIGHER, _LEVEL)
    for kind in Distance
}
LEVEL_VARIANCE = {
    kind: _definition("deidentification_level", "De-identification level", kind, True, Better.NEITHER, _LEVEL)
    for kind in Distance
}
CONSISTENCY = {
    kind: _definition("identity_consistency", "Identity consistency", kind, False, Better.LOWER, _CONSISTENCY)
    for kind in Distance
}
CONSISTENCY_VARIANCE = {
    kind: _definition("identity_consistency", "Identity consistency", kind, True, Better.LOWER, _CONSISTENCY)
    for kind in Distance
}


@dataclass(frozen=True)
class Spread:
    """Distances in one clip.

    Attributes:
        variance: about their mean, divided by their number.
        faces: how many distances.
    """

    mean: float
    variance: float
    faces: int


@dataclass(frozen=True)
class Distances:
    """Distances over a dataset.

    Attributes:
        mean, variance: the means over videos, the interval over their people; a video of two people counts as one of
            each.
        clips: all distances in a clip, of all its people; clips without any are missing.
        values: (n,) float64 of the anonymized faces, in their order; NaN where there is none.
    """

    mean: Figure
    variance: Figure
    clips: dict[int, Spread]
    values: NDArray[np.float64]


def level(original: Faces, anonymized: Faces, kind: Distance) -> Distances:
    """Work out the de-identification level. No `original` figure: an original is at distance 0 from itself.

    Args:
        original: original faces.
        anonymized: anonymized faces; row by row the same face as in `original`.
        kind: which distance.

    Returns:
        The distances.

    Raises:
        ValueError: person, clip or frame differ between the rows.
    """
    ours = (original.person, original.clip, original.frame)
    theirs = (anonymized.person, anonymized.clip, anonymized.frame)
    if not all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)):
        raise ValueError("The rows of original and anonymized faces are not the same faces.")
    return _summary(anonymized, _between(original, anonymized, kind))


def consistency(original: Faces, anonymized: Faces, kind: Distance) -> Distances:
    """Work out the identity consistency of the anonymized faces.

    The first face is the one of the smallest frame number that was embedded.

    Args:
        original: original faces.
        anonymized: anonymized faces; the rows need not match.
        kind: which distance.

    Returns:
        The distances, with those of the originals as `original` of both figures.
    """
    found = _summary(anonymized, _to_first(anonymized, kind))
    before = _summary(original, _to_first(original, kind))
    return replace(
        found,
        mean=replace(found.mean, original=before.mean.value),
        variance=replace(found.variance, original=before.variance.value),
    )


def appearances(faces: Faces) -> list[NDArray[np.int64]]:
    """List the rows of each person in each clip.

    Args:
        faces: the faces.

    Returns:
        Row indices, by clip, then person; within one by frame.
    """
    order = np.lexsort((faces.frame, faces.person, faces.clip))
    clip, person = faces.clip[order], faces.person[order]
    new = np.flatnonzero((np.diff(clip) != 0) | (np.diff(person) != 0)) + 1
    return np.split(order, new) if len(order) else []


def _between(a: Faces, b: Faces, kind: Distance) -> NDArray[np.float64]:
    """Row by row, (n,)."""
    result = np.empty(len(a))
    for start in range(0, len(a), _BLOCK):
        part = slice(start, start + _BLOCK)
        left, right = a.vectors[part].astype(np.float64), b.vectors[part].astype(np.float64)
        if kind is Distance.EUCLIDEAN:
            result[part] = np.linalg.norm(left - right, axis=1)
        else:
            result[part] = np.clip(1.0 - np.einsum("nd,nd->n", left, right), 0.0, 2.0)
    return result


def _to_first(faces: Faces, kind: Distance) -> NDArray[np.float64]:
    result = np.full(len(faces), np.nan)
    for rows in appearances(faces):
        later = rows[1:]
        result[later] = _between(faces.take(later), faces.take(np.full(len(later), rows[0])), kind)
    return result


def _summary(faces: Faces, values: NDArray[np.float64]) -> Distances:
    videos = [rows for rows in appearances(faces) if np.isfinite(values[rows]).any()]
    people = np.array([faces.person[rows[0]] for rows in videos], np.int64)
    spreads = [_spread(values[rows]) for rows in videos]
    mean = bootstrap.mean(np.array([one.mean for one in spreads]), people)
    variance = bootstrap.mean(np.array([one.variance for one in spreads]), people)
    count = sum(one.faces for one in spreads)
    clips: dict[int, list[NDArray[np.int64]]] = {}
    for rows in videos:
        clips.setdefault(int(faces.clip[rows[0]]), []).append(rows)
    return Distances(
        replace(mean, samples=count),
        replace(variance, samples=count),
        {clip: _spread(values[np.concatenate(rows)]) for clip, rows in clips.items()},
        values,
    )


def _spread(values: NDArray[np.float64]) -> Spread:
    known = values[np.isfinite(values)]
    return Spread(float(known.mean()), float(known.var()), len(known))
