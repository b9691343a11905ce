"""Sampling a picture at places of a map, without aliasing where it is shrunk; and soft edges."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Image

Floats = NDArray[np.float32]


def pyramid(picture: Image, levels: int = 5) -> list[Image]:
    """Return a picture and its successive halvings, so that a small face is sampled without aliasing.

    Args:
        picture: (H, W, 3) uint8.
        levels: Most pictures in all.

    Returns:
        The pictures, the full-size one first.
    """
    result = [picture]
    for _ in range(levels - 1):
        last = result[-1]
        if min(last.shape[:2]) < 64:
            break
        result.append(cv2.resize(last, (last.shape[1] // 2, last.shape[0] // 2), interpolation=cv2.INTER_AREA))
    return result


def sample(levels: Sequence[Image], field: Floats, shrink: float) -> Image:
    """Sample a picture at the places of a map.

    Args:
        levels: `pyramid` of the picture.
        field: (h, w, 2) map in the picture's full-size pixels.
        shrink: Picture pixels that one output pixel covers; chooses the level.

    Returns:
        (h, w, 3) uint8.
    """
    level = int(np.clip(np.floor(np.log2(max(shrink, 1.0)) + 0.35), 0, len(levels) - 1))
    scale = 0.5**level
    scaled = field * np.float32(scale) + np.float32((scale - 1) / 2) if level else field
    picture = levels[level]
    return cv2.remap(picture, scaled, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def smooth_step(values: NDArray[np.floating] | float, low: float = 0.0, high: float = 1.0) -> Floats:
    """Return a step from 0 to 1 without an edge between.

    Args:
        values: Values of any shape.
        low: 0 up to here.
        high: 1 from here on.

    Returns:
        float32 of the same shape.
    """
    t = np.clip((np.asarray(values, np.float32) - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
