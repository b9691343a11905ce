"""Painting the twin into a frame: warp, light, feathered blend.

The frame around the face is warped so that it meets the twin's outline; the twin's picture is warped into the mesh,
takes the frame's low-frequency light and skin tone, and is laid over with a soft edge. The mouth's inside (teeth,
tongue) comes from the frame; nothing else inside the face does.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Image
from models.motion.mesh.lids import Lids
from models.motion.mesh.raster import Floats, WarpField, enlarge, enlarge_places, frame_places
from models.motion.mesh.sampling import sample


def spread(values: Floats, weight: Floats, sigma: float) -> Floats:
    """Return the Gaussian average of values under a weight; holes are filled from their surroundings.

    Args:
        values: (h, w, 3).
        weight: (h, w).
        sigma: Pixels of the grid.

    Returns:
        (h, w, 3).
    """
    shrink = max(1, int(sigma / 3))
    size = (max(values.shape[1] // shrink, 4), max(values.shape[0] // shrink, 4))
    stacked = np.dstack([values * weight[..., None], weight])
    small = cv2.resize(stacked, size, interpolation=cv2.INTER_AREA) if shrink > 1 else stacked
    s = sigma / shrink
    near = cv2.GaussianBlur(small, (0, 0), s)
    # A second, much wider average fills what the first one cannot reach.
    far = cv2.GaussianBlur(small, (0, 0), 3 * s) * 0.02
    total = near + far
    average = total[..., :3] / np.maximum(total[..., 3:], 1e-4)
    return cv2.resize(average, (values.shape[1], values.shape[0]), interpolation=cv2.INTER_LINEAR)


_MOST_CONTRAST = 1.8
_SAME_HUE = 12.0
"""How far skin may lie from the face's median skin in either hue of CIELAB (8-bit units)."""


def light_of(frame: Image, twin: Image, weight: Floats, sigma: float) -> Floats:
    """Return factors and offsets that give the twin the frame's light and skin tone.

    twin * factor + offset has the frame's local mean. Brightening scales the twin's contrast by four fifths at most: a
    tanned face under bright light would otherwise burn out.

    Args:
        frame: (h, w, 3) BGR at grid resolution.
        twin: (h, w, 3) BGR at grid resolution.
        weight: (h, w) where light is measured.
        sigma: Grid cells.

    Returns:
        (h, w, 6): factors per channel, then offsets.
    """
    wanted = spread(frame.astype(np.float32), weight, sigma)
    have = spread(twin.astype(np.float32), weight, sigma)
    factor = np.clip((wanted + 4.0) / (have + 4.0), 0.25, 3.0)
    # The cap is one for all channels and what it leaves out is filled with the wanted colour: capped channel by
    # channel, a face taken under orange light would get blue shadows.
    brighter = (wanted.mean(axis=2, keepdims=True) + 4.0) / (have.mean(axis=2, keepdims=True) + 4.0)
    keep = np.minimum(1.0, _MOST_CONTRAST / np.maximum(brighter, 1e-3))
    return np.dstack([factor * keep, wanted - factor * keep * have])


def masks(field: WarpField, feather: float, bare: Floats, hairline: Floats | None = None) -> tuple[Floats, Floats]:
    """Return how much of the twin is shown, and where light may be measured, at grid resolution.

    An edge that fades inside the outline would leave the source's jaw, temples and forehead, which recognisers use.

    Args:
        field: The warp field.
        feather: Grid cells outside the outline over which the twin fades.
        bare: (h, w) in [0, 1], the twin's bare skin under the same warp.
        hairline: (h, w) in [0, 1], how much of its forehead and hair is shown above the outline.

    Returns:
        (alpha, skin), each (h, w) float32 in [0, 1]. alpha: all of the twin inside the face's outline, falling to
        nothing `feather` grid cells outside and only where the twin shows bare skin there, with a hole for the open
        mouth. skin: where light may be measured.
    """
    face = field.face.astype(np.uint8)
    outward = cv2.distanceTransform(1 - face, cv2.DIST_L2, 3)
    t = np.clip(1.0 - outward / max(feather, 1.0), 0.0, 1.0)
    alpha = t * t * (3 - 2 * t)
    shown = alpha * bare if hairline is None else np.maximum(alpha * bare, hairline)
    alpha = np.where(field.face, 1.0, shown).astype(np.float32)
    # The outline itself is softened by a cell, or bare skin that ends there would leave a hard line.
    alpha = np.maximum(cv2.GaussianBlur(alpha, (0, 0), 1.2), (inward_of(face) > 2.0).astype(np.float32))
    hole = cv2.GaussianBlur(field.mouth.astype(np.float32), (0, 0), 0.7)
    alpha = alpha * (1.0 - np.clip(hole * 1.3, 0.0, 1.0))
    inward = inward_of(face)
    closed = cv2.dilate((field.mouth | field.eyes).astype(np.uint8), np.ones((5, 5), np.uint8))
    skin = ((inward > max(1.5, 0.07 * float(np.sqrt(face.sum())))) & (closed == 0)).astype(np.float32)
    return alpha.astype(np.float32), skin


def plain(twin: Image, measured: Floats) -> Floats:
    """Return how likely each place of a twin is plain skin rather than beard, brow or nostril.

    Compared with the twin's own brightest half; taken for shade, a beard would burn white around it.

    Args:
        twin: (h, w, 3) uint8 BGR.
        measured: (h, w) in [0, 1], where light may be measured.

    Returns:
        (h, w) float32 in [0, 1].
    """
    level = cv2.cvtColor(twin, cv2.COLOR_BGR2GRAY).astype(np.float32)
    skin = level[measured > 0.5]
    usual = float(np.median(skin[skin >= np.median(skin)])) if len(skin) else 255.0
    return np.clip((level / max(usual, 1.0) - 0.5) / 0.25, 0.02, 1.0).astype(np.float32)


def uncovered(frame: Image, measured: Floats) -> Floats:
    """Return where the frame's face has the hue of its skin, and no cup or sleeve is before it.

    Args:
        frame: (h, w, 3) uint8 BGR.
        measured: (h, w) in [0, 1], where light may be measured.

    Returns:
        (h, w) float32, 0 or 1; all ones when less than a quarter would be left, as under coloured light from the side.
    """
    hue = cv2.cvtColor(frame, cv2.COLOR_BGR2LAB)[..., 1:].astype(np.float32)
    skin = hue[measured > 0.5]
    if not len(skin):
        return np.ones(measured.shape, np.float32)
    off = np.abs(hue - np.median(skin, axis=0))
    near = np.maximum(off[..., 0], off[..., 1]) <= _SAME_HUE
    if near[measured > 0.5].mean() < 0.25:
        return np.ones(measured.shape, np.float32)
    return near.astype(np.float32)


def inward_of(face: NDArray[np.uint8]) -> Floats:
    """Return the distance of each face cell to the nearest cell outside, the grid's border included.

    Args:
        face: (h, w) uint8, 1 on the face.

    Returns:
        (h, w) float32 grid cells.
    """
    padded = cv2.copyMakeBorder(face, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]


def warped_mask(mask: NDArray[np.uint8], field: WarpField, side: int) -> Floats:
    """Return a mask of a twin under the warp.

    Args:
        mask: (k, k) uint8 mask of the twin's picture.
        field: The warp field.
        side: Pixels of the twin's picture per side.

    Returns:
        (h, w) float32 in [0, 1].
    """
    scale = np.float32(mask.shape[0] / side)
    warped = cv2.remap(mask, field.twin * scale + (scale - 1) / 2, None, cv2.INTER_LINEAR, borderValue=0)
    return cv2.GaussianBlur(warped.astype(np.float32) / 255.0, (0, 0), 1.5)


def paint(
    frame: Image,
    levels: Sequence[Image],
    skin: NDArray[np.uint8],
    field: WarpField,
    *,
    hairline: NDArray[np.uint8] | None = None,
    lids: tuple[Lids, Floats] | None = None,
    feather: float = 0.08,
    light: float = 0.35,
) -> Image:
    """Return the region of a field with the twin in it.

    Args:
        frame: (H, W, 3) uint8 BGR, the whole frame.
        levels: `pyramid` of the twin's picture.
        skin: The twin's mask of bare skin.
        field: The warp field.
        hairline: The twin's mask of forehead and front hair, see `Twin.hairline`.
        lids: The twin's lids, and the (478, 3) mesh of the frame that they are drawn on.
        feather: Width of the soft edge relative to the face.
        light: Width over which light is averaged, relative to the face.

    Returns:
        (height, width, 3) uint8 BGR.
    """
    cols = field.face.shape[1]
    columns = np.flatnonzero(field.face.any(axis=0))
    span = float(columns[-1] - columns[0] + 1) if len(columns) else float(cols)
    shrink = picture_pixels(field.twin, field.face)
    side = levels[0].shape[0]
    over = None if hairline is None else warped_mask(hairline, field, side)
    alpha, measured = masks(field, feather * span, warped_mask(skin, field, side), over)
    small_frame = cv2.remap(frame, field.source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    small_twin = sample(levels, field.twin, shrink)
    weight = measured * plain(small_twin, measured) * uncovered(small_frame, measured)
    lights = light_of(small_frame, small_twin, weight, light * span)

    from_frame = frame_places(field)
    from_twin, torn = enlarge_places(field.twin, field.region, 1.5 * shrink)
    behind = cv2.remap(frame, from_frame, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    reduced = shrink / float(np.mean(field.step))
    twin = sample(levels, from_twin, reduced)
    # A tear runs along grid cells; without this its steps would show.
    seam = cv2.dilate(torn.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    twin[seam] = cv2.GaussianBlur(twin, (5, 5), 1.2)[seam]
    if lids is not None:
        lids[0].draw(twin, field.region, lids[1], reduced)
    cover = cv2.merge([enlarge(alpha, field.region)] * 3)
    lit = cv2.multiply(twin, enlarge(np.ascontiguousarray(lights[..., :3]), field.region), dtype=cv2.CV_32F)
    lit = cv2.add(lit, enlarge(np.ascontiguousarray(lights[..., 3:]), field.region))
    lit = cv2.subtract(lit, behind, dtype=cv2.CV_32F)
    mixed = cv2.add(cv2.multiply(lit, cover), behind, dtype=cv2.CV_32F)
    # Rounds to the nearest value and saturates at both ends.
    return np.asarray(cv2.convertScaleAbs(cv2.max(mixed, 0.0)), np.uint8)


def picture_pixels(field: Floats, face: NDArray[np.bool_]) -> float:
    """Return the picture pixels per grid cell, the median over the face.

    Args:
        field: (h, w, 2) map to pixels of the picture.
        face: (h, w), True on the face.

    Returns:
        Pixels; 1 without a face.
    """
    dx = field[:, 1:] - field[:, :-1]
    both = face[:, 1:] & face[:, :-1]
    steps = np.hypot(dx[..., 0], dx[..., 1])[both]
    return float(np.median(steps)) if len(steps) else 1.0
