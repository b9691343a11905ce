"""Unit vectors and their distance, and how crops become vectors, one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from models.interfaces.capabilities import Floats, Image

if TYPE_CHECKING:
    from models.runtime.openvino_runtime import Network


def describe(network: Network, crops: Iterable[Image], dimension: int) -> Floats:
    """Return the vectors of crops, computed one crop at a time.

    Args:
        network: Takes one uint8 BGR crop at a time; its first output counts.
        crops: (H, W, 3) uint8 BGR crops of the network's size.
        dimension: Length of a vector.

    Returns:
        (N, dimension) float32.
    """
    rows = [network.run(crop[None])[0][0] for crop in crops]
    return np.asarray(rows, np.float32).reshape(len(rows), dimension)


def unit(rows: Floats) -> Floats:
    """Scale the rows of an array to length one.

    Args:
        rows: (N, D).

    Returns:
        (N, D) float32; a row of zeros becomes the first axis, still a unit vector.
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result = rows / np.maximum(lengths, 1e-12)
    empty = np.flatnonzero(lengths[:, 0] <= 1e-12)
    result[empty] = 0.0
    result[empty, 0] = 1.0
    return np.asarray(result, np.float32)


def distances(a: Floats, b: Floats) -> Floats:
    """Return the cosine distances, 1 - dot product, between two sets of unit vectors.

    Args:
        a: (N, D) unit vectors.
        b: (M, D) unit vectors.

    Returns:
        (N, M) float32 in [0, 2].
    """
    return np.asarray(np.clip(1.0 - a @ b.T, 0.0, 2.0), np.float32)
