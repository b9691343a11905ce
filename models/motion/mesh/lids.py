"""The closed lids of a twin whose picture has its eyes open.

Stretched over the eyeball, the narrow lid of an open eye becomes a curtain of lashes and creases, and the line of the
lashes is lost; recognisers of blinks then see a half open eye. Here a second picture of the twin has its eyes filled
with skin, once, and closing lids show that, with the lashes drawn along the moving rim. Lengths are in eye widths, see
`eyes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Image
from models.motion.mesh.eyes import EYES, Eye
from models.motion.mesh.raster import Floats, Region
from models.motion.mesh.sampling import pyramid, sample, smooth_step

_ABOVE = ((226, 113, 225, 224, 223, 222, 221, 189, 244), (446, 342, 445, 444, 443, 442, 441, 413, 464))
_BELOW = ((226, 25, 110, 24, 23, 22, 26, 112, 244), (446, 255, 339, 254, 253, 252, 256, 341, 464))
"""Points around the left and the right eye with its lashes and creases: from the outer over to the inner corner."""
_BEGIN, _SHUT = 0.8, 0.45
"""Share of the picture's opening from which on closed skin is shown, and at which nothing else is."""
_HIDDEN = (0.08, 0.22)
"""Between these shares of the opening the eyeball fades: a slit is narrower than the area it would be sampled from."""
_EDGE = 0.12
"""Share of the enclosed area at each border over which it fades."""
_LASHES = (0.022, 0.045)
"""How far the lashes' line reaches above and below the rim, in eye widths."""
_FINEST = 0.9
"""It never reaches less far than so many pixels, and is the paler for it, or it would break into dots."""
_DETAIL = 0.7
_BELOW_EYE = 0.85
"""The filled lids get this share of the texture that the skin so far below the eye has, in eye widths."""
_BULGE, _CREASE = 0.10, 0.14
"""How much brighter the middle of a closed lid is, which lies over the eyeball, and how much darker its upper fold."""


@dataclass(frozen=True)
class Lids:
    """The closed lids of a twin, ready to be drawn.

    Attributes:
        levels: Pyramid of the picture with its eyes filled.
        lashes: (2,) how dark each eye's lashes are, as a share of its skin's brightness.
        mesh: (478, 3) pixels of the picture.
    """

    levels: tuple[Image, ...]
    lashes: tuple[float, float]
    mesh: Floats

    @staticmethod
    def of(picture: Image, mesh: Floats) -> Lids:
        """Return the lids of a twin's picture.

        Args:
            picture: (H, W, 3) uint8 BGR.
            mesh: (478, 3) pixels of the picture.

        Returns:
            The lids.
        """
        filled = picture.copy()
        lashes = []
        for number, (ring, iris) in enumerate(EYES):
            eye = Eye.of(mesh, ring, iris)
            _fill(filled, _outline(mesh, number), eye, _chains(eye, mesh, number))
            lashes.append(_darkness(picture, filled, eye))
        return Lids(tuple(pyramid(filled)), (lashes[0], lashes[1]), mesh)

    def draw(self, image: Image, region: Region, target: Floats, shrink: float) -> None:
        """Close the lids in a painted region as far as the target mesh closes them, in place.

        Args:
            image: (height, width, 3) uint8 BGR of `region`; changed in place.
            region: The region of the frame.
            target: (478, 3) pixels of the frame.
            shrink: Pixels of the picture per pixel of the image.
        """
        for number, (ring, iris) in enumerate(EYES):
            own, goal = (Eye.of(mesh, ring, iris) for mesh in (self.mesh, target))
            share = goal.opening(0.5) / max(own.opening(0.5), 1e-3)
            shut = smooth_step((_BEGIN - share) / (_BEGIN - _SHUT))
            window = _window(_outline(target, number), region)
            if shut <= 0 or window is None:
                continue
            x0, y0, x1, y1 = window
            ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
            uv = goal.place(np.stack([xs, ys], axis=-1))
            across, down = _within(uv, _chains(goal, target, number))
            cover = _edge(across) * _edge(down) * shut
            upper, lower = goal.lids(uv[..., 0])
            seen = smooth_step((share - _HIDDEN[0]) / (_HIDDEN[1] - _HIDDEN[0]))
            inside = (uv[..., 1] > upper) & (uv[..., 1] < lower) & (uv[..., 0] > 0) & (uv[..., 0] < 1)
            cover = cover * (1.0 - seen * cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.6))
            places = own.back(_at(across, down, _chains(own, self.mesh, number)))
            skin = sample(self.levels, places, shrink).astype(np.float32)
            part = image[y0 - region.y : y1 - region.y, x0 - region.x : x1 - region.x]
            mixed = part + (skin - part) * cover[..., None]
            line = _line(uv, upper, _FINEST / goal.width) * shut * (1.0 - self.lashes[number])
            part[:] = np.clip(mixed * (1.0 - line[..., None]) + 0.5, 0, 255).astype(np.uint8)


def _outline(mesh: Floats, number: int) -> Floats:
    return np.asarray(mesh[[*_ABOVE[number], *reversed(_BELOW[number][1:-1])], :2], np.float32)


def _fill(picture: Image, outline: Floats, eye: Eye, chains: tuple[Floats, Floats]) -> None:
    """Fill an eye's outline with what its border suggests, the texture of the skin below and a lid's shading, in place.
    chains: see `_chains`."""
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 8, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 9, picture.shape[1::-1])
    if (high - low < 8).any():
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    hole = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(hole, [np.round(outline - low).astype(np.int32)], 255)
    smooth = _membrane(part.astype(np.float32), hole)
    sigma = 0.03 * eye.width
    soft = cv2.GaussianBlur(hole, (0, 0), max(0.3 * sigma, 0.5)).astype(np.float32)[..., None] / 255.0
    below = low[1] + round(_BELOW_EYE * eye.width)
    patch = picture[below : below + len(part), low[0] : high[0]].astype(np.float32)
    if patch.shape == part.shape:
        smooth += _DETAIL * (patch - cv2.GaussianBlur(patch, (0, 0), sigma))
    ys, xs = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    smooth *= _shading(*_within(eye.place(np.stack([xs, ys], axis=-1)), chains))[..., None]
    part[:] = np.clip(part + (smooth - part) * soft + 0.5, 0, 255).astype(np.uint8)


def _shading(across: Floats, down: Floats) -> Floats:
    """(h, w) factors: a closed lid is brightest over the eyeball and folds below the brow."""
    bulge = np.exp(-(((across - 0.5) / 0.26) ** 2) - ((down - 0.52) / 0.17) ** 2)
    # The fold runs nearer to the border at the corners, as the eye's own border does.
    fold = np.exp(-(((down - 0.24) / 0.055) ** 2)) * smooth_step(np.minimum(across, 1.0 - across) / 0.3)
    return np.asarray(1.0 + _BULGE * bulge - _CREASE * fold, np.float32)


def _membrane(values: Floats, hole: NDArray[np.uint8]) -> Floats:
    """(h, w, 3) values with the hole filled as a stretched skin would, from coarse to fine."""
    height, width = hole.shape
    filled: Floats | None = None
    for scale in (16, 8, 4, 2, 1):
        size = (max(width // scale, 4), max(height // scale, 4))
        weight = cv2.resize((hole == 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
        known = cv2.resize(values * (hole == 0)[..., None], size, interpolation=cv2.INTER_AREA)
        known = known / np.maximum(weight, 1e-3)
        free = weight < 0.5
        start = known[~free[..., 0]].mean(axis=0) if not free.all() else values.mean(axis=(0, 1))
        guess = np.broadcast_to(start, known.shape) if filled is None else cv2.resize(filled, size)
        filled = np.where(free, guess, known).astype(np.float32)
        for _ in range(40):
            filled = np.where(free, cv2.blur(filled, (3, 3)), known).astype(np.float32)
    assert filled is not None
    return filled


def _darkness(picture: Image, filled: Image, eye: Eye) -> float:
    """Brightness of the lashes over the upper rim as a share of the lid's own, 0.3 to 0.8."""
    u, v = np.meshgrid(np.linspace(0.15, 0.85, 40), np.linspace(-0.08, 0.03, 12))
    upper, _ = eye.lids(u)
    places = eye.back(np.stack([u, upper + v], axis=-1).astype(np.float32))
    have, skin = (
        cv2.remap(cv2.cvtColor(p, cv2.COLOR_BGR2GRAY), places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for p in (picture, filled)
    )
    return float(np.clip(np.median(have.min(axis=0) / np.maximum(skin.mean(axis=0), 1.0)), 0.3, 0.8))


def _window(outline: Floats, region: Region) -> tuple[int, int, int, int] | None:
    """Columns and rows of the frame, ends excluded, where an outline lies within the region."""
    low, high = np.floor(outline.min(axis=0)).astype(int) - 2, np.ceil(outline.max(axis=0)).astype(int) + 3
    x0, y0 = max(int(low[0]), region.x), max(int(low[1]), region.y)
    x1, y1 = min(int(high[0]), region.x + region.width), min(int(high[1]), region.y + region.height)
    return (x0, y0, x1, y1) if x1 - x0 > 2 and y1 - y0 > 2 else None


def _chains(eye: Eye, mesh: Floats, number: int) -> tuple[Floats, Floats]:
    """(9, 2) upper and lower border of an eye in its own plane, u increasing."""
    chains = [eye.place(mesh[list(ids[number]), :2]) for ids in (_ABOVE, _BELOW)]
    upper, lower = (chain if chain[-1, 0] > chain[0, 0] else chain[::-1] for chain in chains)
    return upper, lower


def _heights(u: Floats, chains: tuple[Floats, Floats]) -> list[NDArray[np.float64]]:
    return [np.interp(u, np.maximum.accumulate(chain[:, 0]), chain[:, 1]) for chain in chains]


def _within(uv: Floats, chains: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Places in an eye's plane -> shares of the way across and down the enclosed area; outside 0 to 1 when outside."""
    first, last = float(chains[0][0, 0]), float(chains[0][-1, 0])
    above, below = _heights(uv[..., 0], chains)
    down = (uv[..., 1] - above) / np.maximum(below - above, 1e-3)
    return ((uv[..., 0] - first) / max(last - first, 1e-3)).astype(np.float32), down.astype(np.float32)


def _at(across: Floats, down: Floats, chains: tuple[Floats, Floats]) -> Floats:
    """The inverse of `_within`, for another eye's chains."""
    first, last = float(chains[0][0, 0]), float(chains[0][-1, 0])
    u = (first + across * (last - first)).astype(np.float32)
    above, below = _heights(u, chains)
    return np.stack([u, above + down * (below - above)], axis=-1).astype(np.float32)


def _edge(share: Floats) -> Floats:
    return smooth_step(np.minimum(share, 1.0 - share) / _EDGE)


def _line(uv: Floats, upper: NDArray[np.floating], finest: float) -> Floats:
    """(h, w) strength of the lashes, thin at the corners, heavier below the rim than above. finest: least reach."""
    u, away = uv[..., 0], uv[..., 1] - upper
    wanted = np.where(away < 0, _LASHES[0], _LASHES[1]) * np.clip(4.0 * u * (1.0 - u), 0.02, 1.0) ** 0.5
    reach = np.maximum(wanted, finest)
    ends = smooth_step(np.minimum(u, 1.0 - u) / 0.06)
    return (np.exp(-((away / reach) ** 2)) * (wanted / reach) * ends).astype(np.float32)
