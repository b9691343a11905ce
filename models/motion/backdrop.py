"""The twin's picture without the background behind its face.

The mesh's outline runs a little outside the cheeks of some generated faces, and everything inside it is painted: a
white studio wall shone at both corners of a jaw. Such places get the colour of the nearest skin.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image, Parser
from models.landmarks import topology
from models.motion.mesh import render

_BEHIND = ("background", "cloth", "hat", "necklace")
_REACH = 0.015
"""How far outside the outline is filled too, as a share of the face's width; the soft edge shows that much."""
_SIDE_REACH = 0.2
"""The same below the eyes, where no hair is shown: on the far side of a turned head places between two cells of the
warp lie so far out, and a blue studio left a blue rim."""
_RIM = 0.02
"""The parser's edge lies inside the background by up to this share of the face's width."""


def without_backdrop(picture: Image, mesh: Floats, labels: NDArray[np.uint8], parser: Parser) -> Image:
    """Return the picture with skin where something else shows inside the face's outline, hair left as it is.

    Args:
        picture: (H, W, 3) uint8 BGR.
        mesh: (478, 3) pixels of the picture.
        labels: Parsed labels of the picture at any resolution.
        parser: The parser that gave them.

    Returns:
        (H, W, 3) uint8 BGR; unchanged when too little skin was found.
    """
    high, wide = labels.shape
    scale = np.array([wide / picture.shape[1], high / picture.shape[0]], np.float32)
    outline = mesh[list(topology.OVAL), :2] * scale
    across = float(np.ptp(outline[:, 0]))
    inside = np.zeros(labels.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], 1)
    skin = np.isin(labels, [parser.labels.index(name) for name in ("skin", "nose")]).astype(np.uint8)
    if (skin & inside).sum() < 0.2 * inside.sum():
        return picture
    behind = np.isin(labels, [parser.labels.index(n) for n in _BEHIND if n in parser.labels]).astype(np.uint8)
    near = cv2.dilate(inside, _disc(_REACH * across))
    eyes = int(np.clip((mesh[[33, 263], 1] * scale[1]).max(), 0, high))
    near[eyes:] |= cv2.dilate(inside, _disc(_SIDE_REACH * across))[eyes:]
    wrong = cv2.dilate(behind, _disc(_RIM * across)) & near
    # Hair and eyes beside a wall are no wall.
    wrong &= behind | skin
    if not (wrong & inside).any():
        return picture
    small = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA).astype(np.float32)
    known = (skin & inside & ~wrong).astype(np.float32)
    filled = render.spread(small, known, 0.04 * across)
    size = (picture.shape[1], picture.shape[0])
    weight = cv2.resize(cv2.GaussianBlur(wrong.astype(np.float32), (0, 0), 1.5), size, interpolation=cv2.INTER_LINEAR)
    colour = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR)
    mixed = picture + np.clip(1.3 * weight, 0, 1)[..., None] * (colour - picture)
    return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(round(radius), 1) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
