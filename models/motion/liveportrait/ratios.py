"""How far eyes and mouth are open, as LivePortrait measures it: a gap over the distance of the corners.

Ratios have no unit and do not change with the size or the turn of the picture. "Left" is the eye on the image's left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.landmarks import topology

Floats = NDArray[np.float32]

_Gap = tuple[int, int, int, int]
"""Upper middle, lower middle, corner, other corner."""


def _middle(ring: tuple[int, ...]) -> _Gap:
    """The four points of a rim that is listed from corner to corner and back."""
    quarter = len(ring) // 4
    return ring[3 * quarter], ring[quarter], ring[0], ring[2 * quarter]


_OF_MESH = (_middle(topology.LEFT_EYE), _middle(topology.RIGHT_EYE), _middle(topology.INNER_LIPS))


def from_meshes(meshes: Floats) -> tuple[Floats, Floats]:
    """Return the opening ratios from face meshes.

    Not calibrated to the 203 landmarks of LivePortrait, on which the networks that read these ratios were trained: the
    mesh's lids keep some distance on a closed eye.

    Args:
        meshes: (n, 478, 2 or 3); only x and y are used, pixels.

    Returns:
        (eyes (n, 2), lip (n, 1)) float32.

    Raises:
        ValueError: The shape is another one.
    """
    return _measure(meshes, topology.POINTS, _OF_MESH)


def _measure(points: Floats, count: int, gaps: tuple[_Gap, _Gap, _Gap]) -> tuple[Floats, Floats]:
    if points.ndim != 3 or points.shape[1] != count:
        raise ValueError(f"expected (n, {count}, 2) points, not {points.shape}")
    flat = points[..., :2].astype(np.float64)
    index = np.array(gaps)
    gap = np.linalg.norm(flat[:, index[:, 0]] - flat[:, index[:, 1]], axis=-1)
    width = np.linalg.norm(flat[:, index[:, 2]] - flat[:, index[:, 3]], axis=-1)
    ratio = (gap / (width + 1e-6)).astype(np.float32)
    return ratio[:, :2], ratio[:, 2:]
