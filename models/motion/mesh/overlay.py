"""Laying a drawn face over a frame: the drawing goes back to where its crop was taken, and only the face of it shows.

The drawing is a whole crop with hair, neck and background as they are in the frontal frame. Shown are the area inside
the outlines of both faces, the source's and the twin's, so that nothing of the source's face is left, and the forehead
and front hair above them, which the twin brings along (see `hairline`); around that the drawing fades into the frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image
from models.interfaces.twins import Patch
from models.landmarks import topology
from models.landmarks.topology import five_points
from models.motion.crop import border_mask
from models.motion.mesh import jaw
from models.motion.mesh.backend import outline
from models.motion.mesh.sampling import smooth_step

_SURFACE = 468
"""Points of the mesh without the irises."""
_OVAL = list(topology.OVAL)
_UPPER = list(topology.OVAL[-5:] + topology.OVAL[:6])
"""The outline from temple to temple."""
_TOP = topology.OVAL[0]
_HEIGHT = 1.3
"""Distance of the front hair from the face's middle, relative to the outline's."""
_REACH = 0.1
"""Width of the fading edge beyond `feather`, relative to the face: hair and neck of the drawing lie nearly, not
exactly, on those of the frame."""
_SHRINKS = 0.6
"""Scale below which a drawing is halved before it is placed."""
_WHOLE = 250
"""Least value of the crop's mask, of 255, that every place inside the outlines must have."""


def lay_over(
    frame: Image, drawing: Image, to_frame: Floats, target: Floats, source: Floats, feather: float
) -> Patch | None:
    """Return a frame's new pixels: a drawing laid over the face.

    Args:
        frame: (H, W, 3) uint8 BGR.
        drawing: (s, s, 3) uint8 BGR.
        to_frame: (3, 3) map from pixels of the drawing to the frame.
        target: (478, 3) pixels of the frame, the twin's mesh.
        source: (478, 3) pixels of the frame, the source's mesh.
        feather: Width of the soft edge relative to the face.

    Returns:
        The patch; None where the face lies outside the frame, or the drawing does not cover it.
    """
    # The whole surface: of a turned face the nose and a cheek lie outside the points that are the outline in front.
    outlines = [mesh[:_SURFACE, :2] for mesh in (target, source)]
    heads = [np.concatenate([mesh[:_SURFACE, :2], _crown(mesh)]) for mesh in (target, source)]
    both = np.concatenate(heads)
    low, high = both.min(axis=0), both.max(axis=0)
    reach = (feather + _REACH) * float(np.ptp(target[:_SURFACE, 0]))
    x, y = (int(v) // 2 * 2 for v in np.maximum(np.floor(low - reach) - 2, 0))
    right, bottom = (int(v) for v in np.minimum(np.ceil(high + reach) + 3, frame.shape[1::-1]))
    if right - x < 8 or bottom - y < 8:
        return None
    size, here = (right - x, bottom - y), np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float64)
    place = (here @ to_frame)[:2]
    inside = _filled(outlines, x, y, size) > 0
    head = _filled(heads, x, y, size)
    border = cv2.resize(border_mask(), drawing.shape[1::-1], interpolation=cv2.INTER_AREA)
    covered = cv2.warpAffine(border, place, size, flags=cv2.INTER_LINEAR, borderValue=0)
    if not inside.any() or covered[inside].min() < _WHOLE:
        return None
    away = cv2.distanceTransform(1 - head, cv2.DIST_L2, 5)
    alpha = 1.0 - smooth_step(away, 0.0, max(reach, 1.0))
    alpha = np.where(inside, 1.0, alpha * (covered / np.float32(255)))[..., None].astype(np.float32)
    behind = jaw.without_beard(frame, source)[y:bottom, x:right]
    drawn = _placed(drawing, place, size)
    mixed = behind + alpha * (drawn.astype(np.float32) - behind)
    pixels = np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)
    return Patch(x, y, pixels, five_points(target), outline(target))


def _crown(mesh: Floats) -> Floats:
    """(k, 2) points above the forehead of a (478, 3) mesh: its upper outline, pushed away from the middle.

    Most at the top and hardly at the temples, beside which a head ends.
    """
    middle = mesh[_OVAL, :2].mean(axis=0)
    out, up = mesh[_UPPER, :2] - middle, mesh[_TOP, :2] - middle
    high = np.clip(out @ up / max(float(up @ up), 1e-6), 0.0, 1.0)
    return np.asarray(middle + (1.0 + (_HEIGHT - 1.0) * high[:, None] ** 2) * out, np.float32)


def _filled(shapes: Sequence[Floats], x: int, y: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(height, width) uint8, 1 inside the convex hull of any of the shapes; x, y: where the region begins."""
    result = np.zeros(size[::-1], np.uint8)
    for points in shapes:
        hull = cv2.convexHull(np.round(points - (x, y)).astype(np.int32))
        cv2.fillConvexPoly(result, hull, 1)
    return result


def _placed(drawing: Image, place: NDArray[np.float64], size: tuple[int, int]) -> Image:
    """The drawing under a (2, 3) map, halved first as often as a small face needs not to alias."""
    place = place.copy()
    while abs(np.linalg.det(place[:, :2])) < _SHRINKS**2 and min(drawing.shape[:2]) >= 32:
        drawing = cv2.resize(drawing, (drawing.shape[1] // 2, drawing.shape[0] // 2), interpolation=cv2.INTER_AREA)
        # A pixel of the halved drawing covers two; its centre lies between theirs.
        place[:, 2] += place[:, :2] @ (0.5, 0.5)
        place[:, :2] *= 2
    drawn = cv2.warpAffine(drawing, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)
