"""The source's frame without the edge of its beard.

A beard reaches beyond the mesh's outline. The part that the twin does not cover stays as a dark line along a jaw that
has no beard, and is the source's. Along a bearded jaw it takes the colour of what lies outside.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.interfaces.capabilities import Image
from models.landmarks import topology
from models.motion.mesh.raster import Floats
from models.motion.mesh.render import spread
from models.motion.mesh.sampling import smooth_step

_CHEEKS = (50, 101, 118, 205, 280, 330, 347, 425)
_EARS = (132, 361)
"""From these points of the outline on downwards there is jaw."""
_REACH, _INNER = 0.09, 0.12
"""How far outside the outline a beard's edge is looked for, and how far inside a beard is, in widths of the face."""
_DARK = (0.85, 0.70)
"""Brightness relative to the cheeks under which a pixel begins to count as beard, and counts fully."""
_BEARDED = (0.25, 0.50)
"""Share of dark pixels inside the jaw from which a face begins to count as bearded, and counts fully."""
_LEAST = 24.0
"""Width of the face in pixels under which nothing can be told apart."""


def without_beard(frame: Image, mesh: Floats) -> Image:
    """Return a frame without the edge of a beard outside the outline of a mesh.

    Only a band along the jaw changes, shadows under a bearded chin too.

    Args:
        frame: (H, W, 3) uint8 BGR.
        mesh: (478, 3) pixels of the frame.

    Returns:
        A copy; the frame itself where there is no beard to speak of.
    """
    outline = mesh[list(topology.OVAL), :2]
    across = mesh[454, :2] - mesh[234, :2]
    width = float(np.linalg.norm(across))
    reach = int(np.ceil(_REACH * width))
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 3 * reach, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 3 * reach + 1, frame.shape[1::-1])
    if width < _LEAST or (high - low < 8).any():
        return frame
    patch = frame[low[1] : high[1], low[0] : high[0]]
    inside = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(outline - low).astype(np.int32)], 1)
    outwards = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    inwards = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    down = np.array([-across[1], across[0]], np.float32) / width
    ys, xs = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    start = float((mesh[list(_EARS), :2] @ down).mean())
    jaw = smooth_step((xs * down[0] + ys * down[1] - start) / (0.08 * width), 0.0, 1.0)
    level = cv2.GaussianBlur(cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY), (0, 0), 0.8).astype(np.float32)
    places = np.clip(mesh[list(_CHEEKS), :2] - low, 0, np.array(level.shape[::-1]) - 1).round().astype(int)
    cheeks = float(np.median(level[places[:, 1], places[:, 0]]))
    dark = 1.0 - smooth_step(level / max(cheeks, 1.0), _DARK[1], _DARK[0])
    rim = (inside > 0) & (inwards < _INNER * width) & (jaw > 0.5)
    bearded = float(smooth_step(dark[rim].mean(), *_BEARDED)) if rim.any() else 0.0
    if bearded <= 0:
        return frame
    band = jaw * (1.0 - smooth_step(outwards / (_REACH * width), 0.6, 1.0)) * (inwards < 0.03 * width)
    hole = cv2.dilate((dark * band > 0.2).astype(np.uint8), np.ones((3, 3), np.uint8))
    known = ((inside == 0) & (hole == 0)).astype(np.float32)
    filled = spread(patch.astype(np.float32), known, 0.03 * width)
    cover = bearded * cv2.GaussianBlur((dark * band).astype(np.float32), (0, 0), max(0.008 * width, 0.5))
    result = frame.copy()
    mixed = patch + np.clip(1.5 * cover, 0.0, 1.0)[..., None] * (filled - patch)
    result[low[1] : high[1], low[0] : high[0]] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return result
