"""The inside of the source's mouth as it is shown: teeth and tongue, not its lips.

The mesh draws the inner rim of an open mouth on the lips, up to a third of the opening too far out. Taken as it is, the
source's own lip edge would show inside the twin's lips: two contours, and a mouth that reads as less open. Colour tells
lips from teeth and from the dark between them; pixels of lips become dark.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Image
from models.motion.mesh import geometry
from models.motion.mesh.raster import Floats
from models.motion.mesh.sampling import smooth_step

_CAVITY = 0.25
"""Brightness of the dark in the mouth relative to the lips."""
_LIKE = (0.5, 0.85)
"""Redness relative to the lips' own at which a pixel begins to count as lip, and counts fully."""
_TONGUE = 0.2
"""How far a pixel of the colour of lips is darkened in the middle of the opening: most likely the tongue."""
_SHADE = 0.4
"""How far the very rim is darkened whatever its colour: the shadow of the lips on the teeth."""
_LEAST = 6.0
"""Width of the mouth in pixels under which nothing can be told apart."""


def without_lips(frame: Image, mesh: Floats) -> Image:
    """Return a frame in which lips inside the mouth's opening are dark.

    Only the inside of the inner lip rim and about two pixels round it change.

    Args:
        frame: (H, W, 3) uint8 BGR.
        mesh: (478, 3) pixels of the frame.

    Returns:
        A copy; the frame itself where there is no opening to speak of.
    """
    columns = geometry.LIP_COLUMNS
    rims = [mesh[np.r_[78, columns[:, side, 0], 308], :2] for side in (0, 1)]
    both = np.concatenate(rims)
    low = np.maximum(np.floor(both.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(both.max(axis=0)).astype(int) + 3, frame.shape[1::-1])
    if float(np.linalg.norm(mesh[308, :2] - mesh[78, :2])) < _LEAST or (high - low < 3).any():
        return frame
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    patch = frame[window]
    lips = _lips(frame, mesh)
    off = np.abs(_between(rims[0], rims[1], low, patch.shape[:2]) - 0.5)
    # The blur takes the chroma noise of compressed video out before colours are compared.
    like = smooth_step(
        _redness(cv2.GaussianBlur(patch, (0, 0), 0.7)) / max(float(np.median(_redness(lips))), 0.02), *_LIKE
    )
    like = cv2.GaussianBlur(like, (0, 0), 0.8) * (_TONGUE + (1 - _TONGUE) * smooth_step(off, 0.15, 0.45))
    dark = 1.0 - (1.0 - 0.95 * like) * (1.0 - _SHADE * smooth_step(off, 0.36, 0.5))
    cavity = np.minimum(lips.mean(axis=0) * _CAVITY, patch)
    result = frame.copy()
    result[window] = (patch + dark[..., None] * (cavity - patch) + 0.5).astype(np.uint8)
    return result


def _between(upper: Floats, lower: Floats, low: NDArray[np.int64], shape: tuple[int, int]) -> Floats:
    """(h, w) where each pixel of a window lies between the two rims: 0 on the upper one, 1 on the lower one."""
    axis = upper[-1] - upper[0]
    axis = axis / np.linalg.norm(axis)
    down = np.array([-axis[1], axis[0]], np.float32)
    ys, xs = np.mgrid[low[1] : low[1] + shape[0], low[0] : low[0] + shape[1]].astype(np.float32)
    away = np.stack([xs, ys], axis=-1) - upper[0]
    along, across = away @ axis, away @ down
    edges = []
    for rim in (upper, lower):
        places = rim - upper[0]
        edges.append(np.interp(along, np.maximum.accumulate(places @ axis), places @ down))
    return np.asarray((across - edges[0]) / np.maximum(edges[1] - edges[0], 1.0), np.float32)


def _lips(frame: Image, mesh: Floats) -> Floats:
    """(n, 3) BGR of the middle of both lips."""
    points = mesh[geometry.LIP_COLUMNS[2:7, :, 1:3].ravel(), :2]
    places = np.clip(points.round().astype(int), 0, [frame.shape[1] - 1, frame.shape[0] - 1])
    return frame[places[:, 1], places[:, 0]].astype(np.float32)


def _redness(colours: NDArray[np.generic]) -> Floats:
    """(...) of (..., 3) BGR: how much more red than green, relative to the brightness; near 0 in the dark."""
    values = colours.astype(np.float32)
    return np.asarray((values[..., 2] - values[..., 1]) / (values.sum(axis=-1) + 24.0), np.float32)
