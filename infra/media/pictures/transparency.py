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
    """Lay a picture over white.

    Args:
        colours: (h, w, 3) uint8.
        alpha: (h, w) uint8; None is opaque.

    Returns:
        (h, w, 3) uint8; `colours` itself when alpha is None.
    """
    if alpha is None:
        return colours
    mixed, part = colours.copy(), alpha < 255
    weight = alpha[part][:, None].astype(np.int32)
    mixed[part] = (colours[part] * weight + WHITE * (255 - weight) + 127) // 255
    return mixed


def with_transparency(before: Image, after: Image, alpha: Plane | None) -> Image:
    """Put the transparency of a source back into a result, without what it hid.

    Where `before` and `after` differ the result is opaque. All its colours are computed from `after` and alpha, so laid
    over white it is `after` within rounding, and at alpha 0 all are white. Over any other colour it shows, besides
    opaque pixels of `after`, an edge of few pixels around one body without holes; other transparency is not kept.

    Args:
        before: the picture over white as the pipeline got it, (h, w, 3) uint8 BGR.
        after: the picture over white as the pipeline left it, (h, w, 3) uint8 BGR.
        alpha: the source's transparency, (h, w) uint8; None is opaque.

    Returns:
        The picture to publish: (h, w, 4) BGRA where the transparency can be kept, else `after`, (h, w, 3) BGR.
    """
    if alpha is None or bool((alpha == 255).all()):
        return after
    changed = (before != after).any(axis=2).astype(np.uint8)
    changed = cv2.morphologyEx(np.pad(changed, 8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))[8:-8, 8:-8]
    shape = np.where(changed > 0, 255, alpha).astype(np.uint8)
    if bool((shape == 255).all()) or not is_simple(shape):
        return after
    colours, soft = after.copy(), (shape > 0) & (shape < 255)
    weight = shape[soft][:, None].astype(np.int32)
    lifted = WHITE - ((WHITE - after[soft].astype(np.int32)) * 255 + weight // 2) // weight
    colours[soft] = np.clip(lifted, 0, 255).astype(np.uint8)
    colours[shape == 0] = WHITE
    return np.dstack([colours, shape])


def is_simple(alpha: Plane) -> bool:
    """Say whether alpha is one opaque body without holes, nowhere thin, with a soft edge of few pixels.

    Any other alpha could be a drawing, say of a face in white, that only a dark background shows and no audit has seen.
    Everything opaque, or everything transparent, is simple.

    Args:
        alpha: (h, w) uint8.

    Returns:
        True when it is.
    """
    body = (alpha >= 128).astype(np.uint8)
    side = min(alpha.shape)
    radius = max(_LEAST_THICK, round(_THICK_SIDE * side)) / 2
    reach = max(_LEAST_SOFT, round(_SOFT_SIDE * side))
    clear = np.pad(1 - body, 1, constant_values=1)
    if cv2.connectedComponents(body, connectivity=8)[0] > 2 or cv2.connectedComponents(clear, connectivity=4)[0] > 2:
        return False
    # The border continues outwards as it is, so that a body may reach it.
    framed = np.pad(body, 2 * round(radius) + 2, mode="edge")
    for part in (framed, 1 - framed):
        core = _distance(part) >= radius
        # Corners are pointed, so what is thin may be as long as thick is wide.
        if bool((part.astype(bool) & (_distance(~core) > 3 * radius)).any()):
            return False
    soft = (alpha > 0) & (alpha < 255)
    edge = (_distance(alpha < 255) <= 1.5 * reach) & (_distance(alpha > 0) <= 1.5 * reach)
    return not bool((soft & ~edge).any())


def _distance(part: NDArray[np.generic]) -> NDArray[np.float32]:
    """Pixels from each true pixel to the nearest false one, 0 at those; very large where none is false."""
    return np.asarray(cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def colour_is_constant(colours: Image, alpha: Plane) -> bool:
    """Say whether all pixels at alpha 0 are white, the colour that results have there.

    Args:
        colours: (h, w, 3) uint8.
        alpha: (h, w) uint8.

    Returns:
        True when they are.
    """
    return bool((colours[alpha == 0] == WHITE).all())
