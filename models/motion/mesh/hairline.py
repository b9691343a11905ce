"""The twin's forehead, hairline and front hair, laid over the source's.

Recognisers lean on the hairline: with everything above the outline hidden, the distance of SFace on the test clips
grew by three quarters of what hiding all surroundings gave. So the twin brings its own, in the colour of the source's
hair, and only where both show head: no hair grows over a background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image, Parser
from models.interfaces.twins import Twin
from models.landmarks import topology
from models.motion.mesh import raster

_HEAD = ("skin", "left brow", "right brow", "left eye", "right eye", "glasses", "nose", "hair")
_SKIN = ("skin", "nose")
_SIDE = 512
"""Side in pixels of the masks, half a twin's picture."""
_MOST_GAIN, _MOST_HUE = 2.0, 1.7
"""Limits of the factors by which the hair's brightness, and each channel beside it, may change."""
_MOST_SKIN_HUE = 1.6
"""Limit of the factor by which one channel of the skin may change beside the others."""
_LEFT, _RIGHT = 127, 356


@dataclass(frozen=True)
class Head:
    """A source's head in one crop.

    Attributes:
        labels: (h, w) uint8 parsed labels of the window.
        x: Left column of the window in the crop.
        y: Top row of the window in the crop.
        mesh: (478, 3) pixels of the crop.
        colours: (2, 3) float32 median BGR of skin and of hair, NaN where there is none.
    """

    labels: NDArray[np.uint8]
    x: int
    y: int
    mesh: Floats
    colours: Floats


def look(crop: Image, mesh: Floats, parser: Parser) -> Head:
    """Parse the head in a crop of the source, framed as the parser knows portraits.

    Args:
        crop: (h, w, 3) uint8 BGR.
        mesh: (478, 3) pixels of the crop.
        parser: The parser.

    Returns:
        The head.
    """
    low, high = mesh[:468, :2].min(axis=0), mesh[:468, :2].max(axis=0)
    tall = float((high - low).max())
    centre = (low + high) / 2 - (0, 0.12 * tall)
    left, top = np.maximum(np.floor(centre - 0.95 * tall).astype(int), 0)
    right, bottom = np.minimum(np.ceil(centre + 0.95 * tall).astype(int), (crop.shape[1], crop.shape[0]))
    window = np.ascontiguousarray(crop[top:bottom, left:right])
    labels = parser.parse([window])[0]
    return Head(labels, int(left), int(top), mesh, colours(window, labels, parser))


def colours(picture: Image, labels: NDArray[np.uint8], parser: Parser) -> Floats:
    """Return the median colours of the skin and of the hair of a parsed picture.

    Args:
        picture: (h, w, 3) uint8 BGR.
        labels: (h, w) parsed labels.
        parser: The parser that gave them.

    Returns:
        (2, 3) float32 BGR; NaN for under fifty pixels.
    """
    result = np.full((2, 3), np.nan, np.float32)
    for row, names in enumerate((_SKIN, ("hair",))):
        chosen = picture[np.isin(labels, [parser.labels.index(name) for name in names])]
        if len(chosen) >= 50:
            result[row] = np.median(chosen, axis=0)
    return result


def match_tone(picture: Image, skin: Floats, wanted: Floats) -> Image:
    """Return a twin's picture with its skin in another hue; brightness, beard, brows and eye whites stay.

    Left to the light of the frame, the hue would also dye what is grey in the picture: beards turn blue when a tanned
    face is put under cool light.

    Args:
        picture: (H, W, 3) uint8 BGR.
        skin: (3,) BGR of the picture's skin.
        wanted: (3,) BGR of the source's skin.

    Returns:
        (H, W, 3) uint8 BGR; unchanged when a colour is not finite.
    """
    if not np.isfinite(skin).all() or not np.isfinite(wanted).all():
        return picture
    ratio = np.maximum(wanted, 4.0) / np.maximum(skin, 4.0)
    hue = np.clip(ratio / np.exp(np.log(ratio).mean()), 1 / _MOST_SKIN_HUE, _MOST_SKIN_HUE).astype(np.float32)
    warm = float((skin[2] - skin[0]) / max(skin.sum(), 1.0))
    blue, green, red = (channel.astype(np.float32) for channel in cv2.split(picture))
    weight = np.clip((red - blue) / np.maximum(red + green + blue, 1.0) / max(warm, 0.05), 0, 1)
    changed = cv2.merge([c * (1 + weight * (h - 1)) for c, h in zip((blue, green, red), hue.tolist(), strict=True)])
    return np.clip(changed + 0.5, 0, 255).astype(np.uint8)


def put_on(twin: Twin, labels: NDArray[np.uint8], heads: Sequence[Head], parser: Parser) -> Twin:
    """Return the twin with its `hairline`, its skin in the source's hue and its hair in the source's colour.

    The hair's colour is taken beside the skin. Not guaranteed: that the hair's style fits.

    Args:
        twin: The twin.
        labels: Parsed labels of the twin's picture at any resolution.
        heads: The source's head in several crops.
        parser: The parser that gave the labels.

    Returns:
        The twin; without heads, or with little hair in common, its hairline stays empty.
    """
    if not heads:
        return twin
    small = cv2.resize(labels, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST)
    own = np.isin(small, [parser.labels.index(name) for name in _HEAD]).astype(np.uint8)
    both = own & np.min([_shared(twin, head, parser) for head in heads], axis=0).astype(np.uint8)
    hairline = _soft(both, twin.mesh * (_SIDE / twin.picture.shape[0]))
    hair = (small == parser.labels.index("hair")).astype(np.float32)
    large = _full(labels, twin.picture)
    tones = np.stack([head.colours[0] for head in heads])
    tones = tones[np.isfinite(tones).all(axis=1)]
    picture = twin.picture
    if len(tones):
        picture = match_tone(picture, colours(picture, large, parser)[0], np.median(tones, axis=0))
    return replace(twin, picture=_tint(picture, hair, colours(picture, large, parser), heads), hairline=hairline)


def _full(labels: NDArray[np.uint8], picture: Image) -> NDArray[np.uint8]:
    return np.asarray(
        cv2.resize(labels, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8
    )


def _shared(twin: Twin, head: Head, parser: Parser) -> NDArray[np.uint8]:
    """(_SIDE, _SIDE) uint8: where the source shows its head, in the coordinates of the twin's picture."""
    scale = _SIDE / twin.picture.shape[0]
    mesh = (twin.mesh * scale).astype(np.float32)
    region = raster.region_of(mesh, mesh, _SIDE, _SIDE)
    if region is None:
        return np.zeros((_SIDE, _SIDE), np.uint8)
    field = raster.warp_field(mesh, mesh, head.mesh, region, cells=_SIDE)
    places = raster.enlarge(field.twin, region) - np.array([head.x, head.y], np.float32)
    wanted = np.isin(head.labels, [parser.labels.index(name) for name in _HEAD]).astype(np.uint8)
    result = np.zeros((_SIDE, _SIDE), np.uint8)
    region.cut(result)[:] = cv2.remap(wanted, places, None, cv2.INTER_NEAREST, borderValue=0)
    return result


def _soft(both: NDArray[np.uint8], mesh: Floats) -> NDArray[np.uint8]:
    """(_SIDE, _SIDE) uint8 opacity: full above the temples near the face, nothing at the ring's rim, the edge of the
    heads, and below the eyes."""
    wide = float(np.linalg.norm(mesh[_RIGHT, :2] - mesh[_LEFT, :2]))
    inside = cv2.distanceTransform(cv2.copyMakeBorder(both, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), cv2.DIST_L2, 3)
    edge = np.clip((inside[1:-1, 1:-1] - 0.02 * wide) / (0.10 * wide), 0, 1)
    ys, xs = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    eyes = float(mesh[[_LEFT, _RIGHT], 1].mean())
    above = np.clip((eyes - 0.08 * wide - ys) / (0.22 * wide), 0, 1)
    oval = mesh[list(topology.OVAL), :2]
    centre = oval.mean(axis=0)
    angle = np.arctan2(oval[:, 1] - centre[1], oval[:, 0] - centre[0])
    order = np.argsort(angle)
    radius = np.interp(
        np.arctan2(ys - centre[1], xs - centre[0]),
        angle[order],
        np.linalg.norm(oval - centre, axis=1)[order],
        period=2 * np.pi,
    )
    far = np.hypot(xs - centre[0], ys - centre[1]) / np.maximum(radius, 1.0)
    ring = np.clip((raster.RING - 0.06 - far) / 0.22, 0, 1)
    soft = np.minimum(np.minimum(edge, above), ring)
    soft = soft * soft * (3 - 2 * soft)
    return (cv2.GaussianBlur(soft.astype(np.float32), (0, 0), 2.0) * 255 + 0.5).astype(np.uint8)


def _tint(picture: Image, hair: Floats, own: Floats, heads: Sequence[Head]) -> Image:
    """The picture with its hair as far from its skin, channel by channel, as the source's hair is from its skin.

    The light that is later measured on the skin then brings both to the source's colours. Only pixels away from the
    skin's brightness towards the hair's take part: thin hair lets the skin shine through.
    """
    seen = np.stack([head.colours for head in heads])
    seen = seen[np.isfinite(seen).all(axis=(1, 2))]
    if not len(seen) or not np.isfinite(own).all():
        return picture
    theirs = np.maximum(np.median(seen, axis=0), 6.0)
    mine = np.maximum(own, 6.0)
    tint = (theirs[1] / theirs[0]) / (mine[1] / mine[0])
    gain = float(np.exp(np.log(tint).mean()))
    tint = np.clip(gain, 1 / _MOST_GAIN, _MOST_GAIN) * np.clip(tint / gain, 1 / _MOST_HUE, _MOST_HUE)
    level = picture.astype(np.float32).mean(axis=2)
    step = float(mine[1].mean() - mine[0].mean())
    step = np.sign(step) * max(abs(step), 8.0) if step else -8.0
    pure = np.clip((level - mine[0].mean()) / step, 0, 1)
    weight = cv2.resize(cv2.GaussianBlur(hair, (0, 0), 3.0), pure.shape[::-1], interpolation=cv2.INTER_LINEAR) * pure
    # What lies between skin and hair is brightened like hair, never beyond: it would glow as a fringe of sparks.
    base = np.where(tint > 1, np.minimum(picture, mine[1]), picture)
    return np.clip(picture + weight[..., None] * (tint - 1) * base + 0.5, 0, 255).astype(np.uint8)
