"""NIQE (Mittal, Soundararajan, Bovik 2013): how unlike a sharp, undamaged photograph a picture is.

Weights: registry entry "niqe", mean and covariance of 36 features of pristine photographs, and the smoothing window.
Follows the authors' program in taking grey levels, blocks of 96 pixels without overlap from the top left, and all of
them. It departs from it in two places: blocks without any structure are left out whole, and a single block counts as
one without spread, for which their program has no meaningful value.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

from models.interfaces.capabilities import Floats, Image
from models.weights import weight_files

BLOCK = 96
"""Side of a block in pixels; the rest at the right and at the bottom does not count."""
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))

Array = NDArray[np.float64]


class Niqe:
    """Quality; most photographs lie between 3 and 8.

    Not guaranteed: that numbers of pictures of different sizes compare, as a few blocks give a larger one than many do;
    a meaning for drawings and for pictures out of focus on purpose.
    """

    name = "niqe"

    def __init__(self) -> None:
        with np.load(weight_files.path("niqe")) as file:
            self._mean = np.asarray(file["mu_pris_param"], np.float64).ravel()
            self._covariance = np.asarray(file["cov_pris_param"], np.float64)
            self._window = np.asarray(file["gaussian_window"], np.float64)

    def rate(self, images: Sequence[Image]) -> Floats:
        """Return one rating per image.

        Args:
            images: (H, W, 3) uint8 BGR images of any size.

        Returns:
            (n,) float32, lower is better; NaN under one block and where only flat areas are seen.
        """
        return np.array([self._distance(image) for image in images], np.float32)

    def _distance(self, image: Image) -> float:
        down, across = image.shape[0] // BLOCK, image.shape[1] // BLOCK
        if not (down and across):
            return float("nan")
        grey = cv2.cvtColor(image[: down * BLOCK, : across * BLOCK], cv2.COLOR_BGR2GRAY).astype(np.float64)
        scales = [_features(self._normalised(grey), BLOCK), _features(self._normalised(_halved(grey)), BLOCK // 2)]
        found = np.concatenate(scales, axis=1)
        found = found[np.isfinite(found).all(axis=1)]
        if not len(found):
            return float("nan")
        spread = np.cov(found, rowvar=False) if len(found) > 1 else np.zeros_like(self._covariance)
        apart = found.mean(axis=0) - self._mean
        return float(np.sqrt(max(apart @ np.linalg.pinv((self._covariance + spread) / 2) @ apart, 0.0)))

    def _normalised(self, grey: Array) -> Array:
        """Brightness less its local mean, over its local deviation (equation 1 of the paper)."""
        mean = self._smooth(grey)
        return np.asarray((grey - mean) / (np.sqrt(np.abs(self._smooth(grey * grey) - mean * mean)) + 1.0))

    def _smooth(self, grey: Array) -> Array:
        return np.asarray(cv2.filter2D(grey, -1, self._window, borderType=cv2.BORDER_REPLICATE))


def _halved(grey: Array) -> Array:
    """Half the size of an image with even sides, bicubic over twice the usual reach, which is how the authors' program
    shrinks without aliasing."""
    apart = np.abs(np.arange(8) - 3.5) / 2
    inner = 1.5 * apart**3 - 2.5 * apart**2 + 1
    outer = -0.5 * apart**3 + 2.5 * apart**2 - 4 * apart + 2
    taps = np.where(apart <= 1, inner, outer)
    taps /= taps.sum()
    smooth = cv2.sepFilter2D(grey, -1, taps, taps, anchor=(3, 3), borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(smooth[::2, ::2])


def _features(values: Array, side: int) -> Array:
    """(blocks, 18): shape and width of the values of each block, and shape, mean and both widths of their products with
    the four neighbours (equations 4 to 8). NaN or infinite where a block has no structure."""
    down, across = values.shape[0] // side, values.shape[1] // side
    blocks = values.reshape(down, side, across, side).swapaxes(1, 2).reshape(-1, side, side)
    shape, left, right = _fitted(blocks)
    columns = [shape, (left + right) / 2]
    for step in _NEIGHBOURS:
        # Around the edge of the block, as in the authors' program.
        shape, left, right = _fitted(blocks * np.roll(blocks, step, axis=(1, 2)))
        columns += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(columns, axis=1)


_SHAPES = np.arange(200, 10_001) / 1000
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
"""The squared mean over the mean square of a generalised Gaussian; rises with its shape."""


def _fitted(blocks: Array) -> tuple[Array, Array, Array]:
    """(n,) each: shape, left and right width of the asymmetric generalised Gaussian whose moments are a block's."""
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = blocks * blocks
        left, right = (
            np.sqrt((squares * side).sum(axis=(1, 2)) / side.sum(axis=(1, 2))) for side in (blocks < 0, blocks > 0)
        )
        skew = left / right
        ratio = np.abs(blocks).mean(axis=(1, 2)) ** 2 / squares.mean(axis=(1, 2))
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    above = np.clip(np.searchsorted(_RATIOS, ratio), 1, len(_RATIOS) - 1)
    nearest = above - (ratio - _RATIOS[above - 1] < _RATIOS[above] - ratio)
    shape = _SHAPES[nearest]
    width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * width, right * width
