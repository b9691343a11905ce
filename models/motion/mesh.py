"""Reenactment on the face mesh: the twin's texture on the twin's shape, moved by the track's motion.

Needs no network of its own. Bears about 45 degrees of yaw; wrinkles do not follow expression.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.capabilities import Driving, Floats, Image, Patch, Strength, Twin
from models.landmarks import pose
from models.landmarks.topology import five_points
from models.motion import eyes, geometry, jaw, mouth, raster, render, sampling
from models.motion.lids import Lids

_MEMORY = 8


@dataclass(frozen=True)
class _Prepared:
    twin: Twin
    levels: list[Image]
    lids: Lids
    shape: Floats


class MeshMotion:
    """MotionModel over the mesh; safe for several threads."""

    name = "mesh"

    def __init__(self) -> None:
        self._prepared: OrderedDict[int, _Prepared] = OrderedDict()
        self._guard = threading.Lock()

    def animate(
        self, twin: Twin, driving: Driving, frames: Sequence[Image], rows: Sequence[int], strength: Strength
    ) -> list[Patch | None]:
        """Return one patch per (frame, row) pair; None where the face lies outside the frame or is not usable."""
        ready = self._prepare(twin)
        chosen = list(rows)
        shapes = geometry.twin_shapes(driving.shapes[chosen], driving.rest, ready.shape, strength.change)
        result: list[Patch | None] = []
        for frame, row, shape in zip(frames, chosen, shapes, strict=True):
            if not driving.usable[row]:
                result.append(None)
                continue
            placed = geometry.Similarity(float(driving.scale[row]), driving.rotation[row], driving.shift[row])
            target = placed.apply(shape)
            source = driving.meshes[row]
            region = raster.region_of(target, source, frame.shape[1], frame.shape[0])
            if region is None:
                result.append(None)
                continue
            texture = eyes.open_rims(twin.mesh, target)
            drawn, seen = geometry.real_opening(target), geometry.real_opening(source)
            field = raster.warp_field(drawn, seen, texture, region)
            field = eyes.turn(field, drawn, seen, texture)
            behind = mouth.without_lips(jaw.without_beard(frame, source), seen)
            pixels = render.paint(
                behind, ready.levels, twin.skin, field, crown=twin.crown, lids=(ready.lids, drawn),
                feather=strength.feather,
            )  # fmt: skip
            result.append(Patch(region.x, region.y, pixels, five_points(target), outline(target)))
        return result

    def _prepare(self, twin: Twin) -> _Prepared:
        with self._guard:
            found = self._prepared.get(id(twin))
            if found is not None and found.twin is twin:
                return found
            template = pose.mean_face()
            shape = geometry.align_stable(twin.mesh, template).invert(twin.mesh)
            ready = _Prepared(twin, sampling.pyramid(twin.picture), Lids.of(twin.picture, twin.mesh), shape)
            self._prepared[id(twin)] = ready
            while len(self._prepared) > _MEMORY:
                self._prepared.popitem(last=False)
            return ready


def outline(mesh: Floats) -> Floats:
    """(4,) float32 box around the surface of a (478, 3) mesh."""
    return np.concatenate([mesh[:468, :2].min(axis=0), mesh[:468, :2].max(axis=0)]).astype(np.float32)
