"""Unit vectors and their distance, and the pairing of frames with faces that every face network starts with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from models.capabilities import Face, Floats, Image


def pairs(frames: Sequence[Image], faces: Sequence[Face]) -> Iterator[tuple[Image, Face]]:
    """Yield (frame, face) pairs. Raises ValueError when the two differ in length."""
    yield from zip(frames, faces, strict=True)


def unit(rows: Floats) -> Floats:
    """Scale the rows of an (N, D) array to length one; a row of zeros becomes the first axis, still a unit vector."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result = rows / np.maximum(lengths, 1e-12)
    empty = np.flatnonzero(lengths[:, 0] <= 1e-12)
    result[empty] = 0.0
    result[empty, 0] = 1.0
    return np.asarray(result, np.float32)


def distances(a: Floats, b: Floats) -> Floats:
    """Return the (N, M) cosine distances, 1 - dot product, in [0, 2], between unit vectors (N, D) and (M, D)."""
    return np.asarray(np.clip(1.0 - a @ b.T, 0.0, 2.0), np.float32)
