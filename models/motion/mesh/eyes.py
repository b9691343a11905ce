"""The eyes of a twin under the warp: where its picture is sampled for the lids, and where its eyeballs look.

The eyeballs shown are the twin's own. The mesh alone would squash them as the lids close and leave them looking where
the picture looks; here the lids cover them, and they turn with the source's irises. Lengths are in eye widths, along
the line of the corners (u, from 0 to 1) and across it (v, downwards).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.landmarks import topology
from models.motion.mesh.raster import Floats, WarpField

EYES = ((topology.LEFT_EYE, topology.LEFT_IRIS), (topology.RIGHT_EYE, topology.RIGHT_IRIS))
"""Rim and iris points of the left and of the right eye."""
_OPEN, _SHUT = 0.03, 0.10
"""How far outside the lid's rim an open and a closed eye's lids are sampled, as shares of the picture's opening."""
_RIGID = 0.85
"""Share of the iris's radius that keeps its shape when the eye turns; the white on both sides stretches."""
_MARGIN = 0.03


@dataclass(frozen=True)
class Eye:
    """One eye of a mesh in its own plane.

    Attributes:
        start: (2,) pixels of the corner where u is 0.
        along: (2,) unit vector of u.
        down: (2,) unit vector of v.
        width: Pixels between the corners.
        high: (9, 2) rim of the upper lid, u increasing.
        low: (9, 2) rim of the lower lid, u increasing.
        iris: (2,) centre of the iris.
        radius: Radius of the iris.
    """

    start: Floats
    along: Floats
    down: Floats
    width: float
    high: Floats
    low: Floats
    iris: Floats
    radius: float

    @staticmethod
    def of(points: Floats, ring: tuple[int, ...], iris: tuple[int, ...]) -> Eye:
        """Return one eye of a mesh.

        Args:
            points: (478, 2+) pixels.
            ring: Indices of its rim.
            iris: Indices of its iris, the centre first.

        Returns:
            The eye.
        """
        first, last = (ring[0], ring[8]) if ring[0] == topology.LEFT_EYE[0] else (ring[8], ring[0])
        start = points[first, :2]
        across = points[last, :2] - start
        width = max(float(np.linalg.norm(across)), 1e-3)
        along = (across / width).astype(np.float32)
        down = np.array([-along[1], along[0]], np.float32)
        upper, lower = [ring[0], *reversed(ring[8:])], list(ring[:9])
        if first != ring[0]:
            upper, lower = upper[::-1], lower[::-1]
        high, low, round_ = (_into(points[ids, :2], start, along, down, width) for ids in (upper, lower, list(iris)))
        radius = float(np.linalg.norm(round_[1:] - round_[0], axis=1).mean())
        return Eye(start, along, down, width, high, low, round_[0], radius)

    def place(self, points: Floats) -> Floats:
        """Map pixels to u and v.

        Args:
            points: (..., 2) pixels.

        Returns:
            (..., 2) u and v.
        """
        return _into(points, self.start, self.along, self.down, self.width)

    def back(self, places: Floats) -> Floats:
        """Map u and v to pixels.

        Args:
            places: (..., 2) u and v.

        Returns:
            (..., 2) float32 pixels.
        """
        moved = places[..., :1] * self.along + places[..., 1:] * self.down
        return np.asarray(self.start + self.width * moved, np.float32)

    def lids(self, u: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the heights of both lids.

        Args:
            u: Places along the line of the corners.

        Returns:
            v of the upper and of the lower lid, each of the shape of `u`.
        """
        upper, lower = (np.interp(u, np.maximum.accumulate(r[:, 0]), r[:, 1]) for r in (self.high, self.low))
        return upper, lower

    def opening(self, u: float) -> float:
        """Return the distance of the lids.

        Args:
            u: Place along the line of the corners.

        Returns:
            Eye widths; negative where the lids cross.
        """
        upper, lower = self.lids(np.array([u]))
        return float(lower[0] - upper[0])

    def height(self, u: float) -> float:
        """Return where between the lids the iris's centre would lie at a place along the eye.

        Args:
            u: Place along the line of the corners.

        Returns:
            0 at the upper lid, 1 at the lower one.
        """
        upper, _ = self.lids(np.array([u]))
        return float(self.iris[1] - upper[0]) / max(self.opening(u), 1e-3)


def open_rims(mesh: Floats, target: Floats) -> Floats:
    """Return the mesh of a twin's picture with its lid rims moved apart, for sampling only, never for shape.

    The mesh tends to run just inside the lids, so that lid triangles carry a strip of eyeball that shows when the eye
    closes; on an open eye the same room would narrow the eye by half of it.

    Args:
        mesh: (478, 3) mesh of the twin's picture.
        target: (478, 3) mesh to be drawn.

    Returns:
        (478, 3).
    """
    result = mesh.copy()
    for ring, iris in EYES:
        full = Eye.of(mesh, ring, iris).opening(0.5)
        open_ = float(np.clip(Eye.of(target, ring, iris).opening(0.5) / max(full, 1e-3), 0.0, 1.0))
        share = _SHUT + (_OPEN - _SHUT) * open_
        lower, upper = list(ring[1:8]), list(reversed(ring[9:16]))
        gap = mesh[upper] - mesh[lower]
        result[upper] += share * gap
        result[lower] -= 0.5 * share * gap
    return result


def turn(field: WarpField, target: Floats, source: Floats, texture: Floats) -> WarpField:
    """Return the field with the places inside both eyes moved so that the twin's irises lie where the source's do.

    Only cells of `field.eyes` change. Gaze is carried over relative to the corners of each eye; where a twin's corners
    lie otherwise about its eyeball, its gaze is off by that.

    Args:
        field: The warp field.
        target: (478, 3) pixels of the frame: the mesh to be drawn.
        source: (478, 3) pixels of the frame: the source's mesh.
        texture: (478, 3) pixels of the twin's picture, as the field was made with.

    Returns:
        The changed field.
    """
    places = field.twin.copy()
    for ring, iris in EYES:
        own, goal, driver = (Eye.of(points, ring, iris) for points in (texture, target, source))
        uv = own.place(field.twin)
        mine = field.eyes & (np.abs(uv[..., 0] - 0.5) < 0.7)
        if not mine.any():
            continue
        u, v = uv[mine].T
        upper, lower = own.lids(u)
        share = (v - upper) / np.maximum(lower - upper, 1e-3)
        reach = _RIGID * own.radius
        have, want = (float(np.clip(e.iris[0], reach + _MARGIN, 1 - reach - _MARGIN)) for e in (own, driver))
        turned = np.interp(u, [0.0, want - reach, want + reach, 1.0], [0.0, have - reach, have + reach, 1.0])
        share = np.where((share > 0) & (share < 1), _covered(share, own, goal, driver, have, want), share)
        upper, lower = own.lids(turned)
        moved = np.stack([turned, upper + share * (lower - upper)], axis=-1)
        places[mine] = own.back(moved.astype(np.float32))
    return replace(field, twin=places)


def _covered(
    share: NDArray[np.floating], own: Eye, goal: Eye, driver: Eye, have: float, want: float
) -> NDArray[np.floating]:
    """Heights between the drawn lids (0 to 1) -> heights between the picture's lids, so that lids cover the eyeball
    instead of squashing it."""
    ratio = float(np.clip(goal.opening(want) / max(own.opening(have), 1e-3), 0.0, 1.0))
    centre = own.height(have)
    # A nearly closed eye tells nothing of how high it looks.
    trust = float(np.clip(2 * ratio - 0.5, 0.0, 1.0))
    seen = centre + (float(np.clip(driver.height(float(driver.iris[0])), 0.2, 0.8)) - centre) * trust
    return np.clip(centre + (share - seen) * ratio, 0.02, 0.98)


def _into(points: Floats, start: Floats, along: Floats, down: Floats, width: float) -> Floats:
    away = points - start
    return np.asarray(np.stack([away @ along, away @ down], axis=-1) / width, np.float32)
