"""Transparency of pictures: laid over white, and put back into a result without what it hid.

The pipeline sees a picture laid over white and nothing else. What a result's transparency adds to that is its shape;
it is kept only where the shape is too plain to draw anything.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Plane = NDArray[np.uint8]

WHITE = 255
_SOFT_SIDE = 0.01
_LEAST_SOFT = 2
_THICK_SIDE = 0.03
_LEAST_THICK = 5


def over_white(colours: Image, alpha: Plane | None) -> Image:
    """Lay (h, w, 3) uint8 colours over white by (h, w) uint8 alpha; None is opaque."""
    if alpha is None:
        return colours
    weight = alpha[..., None].astype(np.uint16)
    mixed = (colours * weight + WHITE * (255 - weight).astype(np.uint32) + 127) // 255
    return np.asarray(mixed, np.uint8)


def with_transparency(before: Image, after: Image, alpha: Plane | None) -> Image:
    """The picture to publish: (h, w, 4) BGRA where the transparency can be kept, else `after`, (h, w, 3) BGR.

    before, after: the picture over white as the pipeline got it and as it left it; alpha: the source's transparency.
    Where the two differ the result is opaque. All its colours are computed from `after` and alpha, so laid over white
    it is `after` within rounding, and at alpha 0 all are white. Over any other colour it shows, besides opaque
    pixels of `after`, an edge of few pixels around one body without holes; other transparency is not kept.
    """
    if alpha is None or bool((alpha == 255).all()):
        return after
    changed = (before != after).any(axis=2).astype(np.uint8)
    changed = cv2.morphologyEx(np.pad(changed, 8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))[8:-8, 8:-8]
    shape = np.where(changed > 0, 255, alpha).astype(np.uint8)
    if bool((shape == 255).all()) or not is_simple(shape):
        return after
    weight = np.maximum(shape, 1)[..., None].astype(np.int32)
    colours = WHITE - ((WHITE - after.astype(np.int32)) * 255 + weight // 2) // weight
    colours[shape == 0] = WHITE
    return np.dstack([np.clip(colours, 0, 255).astype(np.uint8), shape])


def is_simple(alpha: Plane) -> bool:
    """Whether (h, w) uint8 alpha is one opaque body without holes, nowhere thin, with a soft edge of few pixels.

    Whatever else alpha does could be a drawing, say of a face in white, that only a dark background shows and no audit
    has seen. Everything opaque, or everything transparent, is simple.
    """
    body = (alpha >= 128).astype(np.uint8)
    side = min(alpha.shape)
    thick = max(_LEAST_THICK, round(_THICK_SIDE * side)) | 1
    reach = max(_LEAST_SOFT, round(_SOFT_SIDE * side))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thick, thick))
    # The border continues outwards as it is, so that a body may reach it.
    framed = np.pad(body, thick, mode="edge")
    clear = np.pad(1 - body, 1, constant_values=1)
    if cv2.connectedComponents(framed, connectivity=8)[0] > 2 or cv2.connectedComponents(clear, connectivity=4)[0] > 2:
        return False
    for part in (framed, 1 - framed):
        opened = cv2.morphologyEx(part, cv2.MORPH_OPEN, disc)
        # Corners are pointed, so what is thin may be as long as thick is wide.
        near = cv2.dilate(opened, np.ones((3, 3), np.uint8), iterations=thick)
        if bool((part > near).any()):
            return False
    soft = (alpha > 0) & (alpha < 255)
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    edge = (cv2.dilate((alpha == 255).astype(np.uint8), around) > 0) & (
        cv2.dilate((alpha == 0).astype(np.uint8), around) > 0
    )
    return not bool((soft & ~edge).any())


def colour_is_constant(colours: Image, alpha: Plane) -> bool:
    """Whether all pixels at alpha 0 are white, the colour that results have there."""
    return bool((colours[alpha == 0] == WHITE).all())
