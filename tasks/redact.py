"""Redaction: where a face cannot be replaced, nothing of it is shown.

The region becomes one flat colour, the same on every frame of a track. Blur and fine mosaics are reversible in part;
a flat fill is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image

GREY = (128, 128, 128)
_MARGIN = 0.25


def cover(box: Floats, mesh: Floats, width: int, height: int) -> NDArray[np.int64]:
    """Return the region to fill over a face.

    It is the box with a quarter of its size on each side, and the mesh where there is one, cut to the frame and widened
    to even numbers.

    Args:
        box: (4,) pixels.
        mesh: (478, 3) pixels, NaN where there is none.
        width: Of the frame in pixels.
        height: Of the frame in pixels.

    Returns:
        (4,) int64 whole pixels x0 y0 x1 y1 (exclusive).
    """
    side = box[2:] - box[:2]
    low, high = box[:2] - _MARGIN * side, box[2:] + _MARGIN * side
    points = mesh[:468, :2]
    if np.isfinite(points).all() and (np.abs(points - (box[:2] + box[2:]) / 2) < 2 * side.max()).all():
        low, high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
    low = np.clip(np.floor(low), 0, [width, height]).astype(np.int64) // 2 * 2
    high = np.minimum(np.clip(np.ceil(high), 0, [width, height]).astype(np.int64) + 1, [width, height])
    return np.concatenate([low, high])


def fill(image: Image, region: NDArray[np.int64]) -> None:
    """Fill a region of a picture in place with flat grey.

    Args:
        image: (H, W, 3) uint8 picture.
        region: (4,) whole pixels x0 y0 x1 y1 (exclusive).
    """
    image[region[1] : region[3], region[0] : region[2]] = GREY
