"""The look of a head, measured from its parsed labels: glasses, what covers the face, and the kind of hair.

Sources and synthetic people are measured by the same function, in the same framing, so that like is compared with like.
Not guaranteed: sense for heads that the picture cuts off, or that are turned by more than about thirty degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.attributes.skin import CHEEKS
from models.interfaces.capabilities import Floats, Hair, Image, Parser
from models.landmarks.topology import LEFT_BROW, LEFT_EYE, OVAL, RIGHT_BROW, RIGHT_EYE

SIDE = 512
"""Side in pixels of the upright square in which a head is parsed: the framing that the parser knows."""
_TALL = 270.0
"""Height of the face's outline there, in pixels."""
_TOP, _CHIN = 10, 152
_GLASSES_AREA = 15.0
_LEAST_HAIR = 300
"""Pixels of hair from which its colour is known."""
_OVER_FACE = ("hair", "hat", "cloth")


@dataclass(frozen=True)
class HeadLook:
    """What the parsed labels of one head tell. Identifying.

    Attributes:
        glasses: Score in [0, 1]: parsed glasses on the face over a fifteenth of the face's area.
        covered: Share of the face that is hair, hat or cloth.
        hat: Share of the whole square that is hat.
        hair: The kind of hair.
    """

    glasses: float
    covered: float
    hat: float
    hair: Hair


def look(picture: Image, mesh: Floats, parser: Parser) -> HeadLook | None:
    """Measure a head.

    Args:
        picture: (H, W, 3) uint8 BGR, at least a face's height more on all sides of the face where possible.
        mesh: (478, 3) pixels of the picture.
        parser: Labels the pixels.

    Returns:
        The look; None where the mesh is not finite or the face smaller than 8 pixels.
    """
    outline = mesh[list(OVAL), :2]
    if not np.isfinite(mesh).all() or np.ptp(outline, axis=0).min() < 8:
        return None
    place = _upright(mesh)
    square = np.asarray(cv2.warpAffine(picture, place, (SIDE, SIDE), flags=cv2.INTER_AREA), np.uint8)
    points = np.asarray(mesh[:, :2] @ place[:, :2].T + place[:, 2], np.float32)
    names = parser.labels
    labels = parser.parse([square])[0]
    inside = _filled(points[list(OVAL)]) > 0
    wide, tall = np.ptp(points[list(OVAL)], axis=0)
    found = float(((labels == names.index("glasses")) & inside).sum())
    return HeadLook(
        glasses=float(np.clip(found / (wide * tall / _GLASSES_AREA), 0.0, 1.0)),
        covered=float(np.isin(labels[inside], [names.index(name) for name in _OVER_FACE]).mean()),
        hat=float((labels == names.index("hat")).mean()),
        hair=_hair(square, labels == names.index("hair"), points, inside),
    )


def _upright(mesh: Floats) -> NDArray[np.float64]:
    """(2, 3) similarity that puts the face upright, a little under the middle of the square."""
    left, right = mesh[list(LEFT_EYE), :2].mean(axis=0), mesh[list(RIGHT_EYE), :2].mean(axis=0)
    across = (right - left) * (1.0 if right[0] >= left[0] else -1.0)
    scale = _TALL / max(float(np.linalg.norm(mesh[_TOP, :2] - mesh[_CHIN, :2])), 1.0)
    turn = (
        scale / max(float(np.linalg.norm(across)), 1e-6) * np.array([[across[0], across[1]], [-across[1], across[0]]])
    )
    middle = mesh[list(OVAL), :2].mean(axis=0)
    return np.column_stack([turn, np.array([SIDE / 2, 0.56 * SIDE]) - turn @ middle])


def _filled(polygon: Floats) -> NDArray[np.uint8]:
    """(SIDE, SIDE) uint8, 1 within the polygon's convex hull."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(polygon).astype(np.int32)), 1)
    return mask


def _hair(square: Image, hair: NDArray[np.bool_], points: Floats, inside: NDArray[np.bool_]) -> Hair:
    wide, tall = (float(v) for v in np.ptp(points[list(OVAL)], axis=0))
    left, right = float(points[list(OVAL), 0].min()), float(points[list(OVAL), 0].max())
    top, chin = float(points[_TOP, 1]), float(points[_CHIN, 1])
    brows = float(points[list(LEFT_BROW + RIGHT_BROW), 1].min())
    middle = (left + right) / 2

    def share(x0: float, y0: float, x1: float, y1: float) -> float:
        part = hair[max(int(y0), 0) : max(int(y1), 0), max(int(x0), 0) : max(int(x1), 0)]
        return float(part.mean()) if part.size else 0.0

    sides = [
        share(left - 0.35 * wide, chin - 0.3 * tall, left + 0.05 * wide, chin + 0.3 * tall),
        share(right - 0.05 * wide, chin - 0.3 * tall, right + 0.35 * wide, chin + 0.3 * tall),
    ]
    lab = cv2.cvtColor(square.astype(np.float32) / 255.0, cv2.COLOR_BGR2LAB)
    cheeks = lab[(_filled(points[list(CHEEKS[0])]) | _filled(points[list(CHEEKS[1])])) > 0]
    above = hair & ~inside
    shade, warmth = float("nan"), float("nan")
    if above.sum() >= _LEAST_HAIR and len(cheeks):
        colour = np.median(lab[above], axis=0)
        shade = float(np.clip(colour[0] / max(float(np.median(cheeks[:, 0])), 1.0), 0.0, 1.5))
        warmth = float(np.clip((colour[1] + colour[2]) / 60.0, -0.5, 1.0))
    return Hair(
        fringe=share(middle - 0.25 * wide, top, middle + 0.25 * wide, brows),
        crown=share(middle - 0.3 * wide, top - 0.25 * tall, middle + 0.3 * wide, top),
        length=max(sides),
        shade=shade,
        warmth=warmth,
    )
