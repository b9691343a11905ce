"""What lies outside the faces: how far two frames agree there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SIGMA = 1.5
HEAD = 0.9
"""The head counts as face: the box with this share of its size on each side, as hair and chin change with it."""
_MOST = 100.0


def mask(shape: tuple[int, int], boxes: Sequence[Floats], margin: float = HEAD) -> NDArray[np.bool_]:
    """Mark what lies outside all heads.

    Args:
        shape: (height, width) in pixels.
        boxes: (4,) each, x0 y0 x1 y1 in pixels.
        margin: share of a box's size by which it grows on each side.

    Returns:
        (height, width), True outside all grown boxes.
    """
    outside = np.ones(shape, dtype=bool)
    for box in boxes:
        side = margin * (box[2:] - box[:2])
        low = np.maximum(np.floor(box[:2] - side), 0).astype(int)
        high = np.maximum(np.ceil(box[2:] + side), 0).astype(int)
        outside[low[1] : high[1], low[0] : high[0]] = False
    return outside


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Measure the peak signal to noise ratio of two planes.

    Args:
        one: (h, w) brightness.
        other: (h, w) brightness.
        where: (h, w) pixels that count.

    Returns:
        Decibels; 100 when the planes are equal there, NaN when nothing is True.
    """
    if not where.any():
        return float("nan")
    error = float(np.square(one[where].astype(np.float64) - other[where]).mean())
    return min(_MOST, 10 * float(np.log10(255.0**2 / error))) if error > 0 else _MOST


def ssim(one: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Measure the structural similarity of two planes (Wang et al. 2004: Gaussian window, sigma 1.5).

    Args:
        one: (h, w) brightness.
        other: (h, w) brightness.
        where: (h, w) pixels that count.

    Returns:
        The mean of its map where True; 1 for equal planes, NaN when nothing is True.
    """
    if not where.any():
        return float("nan")
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    spread_a, spread_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    below = (mean_a**2 + mean_b**2 + _C1) * (spread_a + spread_b + _C2)
    return float((above / below)[where].mean())


def _blur(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    # The window of the paper: 11 x 11.
    return np.asarray(cv2.GaussianBlur(plane, (11, 11), _SIGMA, borderType=cv2.BORDER_REFLECT))
