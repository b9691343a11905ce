"""Reenactment on the face mesh: the twin's texture on the twin's shape, moved by the track's motion.

Needs no network of its own. Works up to about 45 degrees of yaw; wrinkles do not follow expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.interfaces.capabilities import Face, Floats, Image
from models.interfaces.twins import AnimatedFace, DrivingMotion, Patch, Strength, Twin
from models.landmarks import pose
from models.landmarks.topology import five_points
from models.motion.mesh import eyes, geometry, jaw, mouth, raster, render, sampling
from models.motion.mesh.lids import Lids
from models.motion.recent import Recent

_MEMORY = 8


@dataclass(frozen=True)
class _Prepared:
    levels: list[Image]
    lids: Lids
    shape: Floats


@dataclass(frozen=True)
class _Performance:
    """One row; everything is left to `paint`, which many threads may do at a time."""

    twin: Twin
    ready: _Prepared
    driving: DrivingMotion
    row: int
    strength: Strength

    def paint(self, frame: Image) -> Patch | None:
        """The new pixels for this frame; None where the face lies outside it."""
        twin, ready = self.twin, self.ready
        target = target_mesh(ready.shape, self.driving, self.row, self.strength.change)
        source = self.driving.meshes[self.row]
        region = raster.region_of(target, source, frame.shape[1], frame.shape[0])
        if region is None:
            return None
        texture = eyes.open_rims(twin.mesh, target)
        drawn, seen = geometry.real_opening(target), geometry.real_opening(source)
        field = raster.warp_field(drawn, seen, texture, region)
        field = eyes.turn(field, drawn, seen, texture)
        behind = mouth.without_lips(jaw.without_beard(frame, source), seen)
        pixels = render.paint(
            behind, ready.levels, twin.skin, field, hairline=twin.hairline, lids=(ready.lids, drawn),
            feather=self.strength.feather,
        )  # fmt: skip
        return Patch(region.x, region.y, pixels, five_points(target), outline(target))


class MeshMotion:
    """MotionModel over the mesh; safe for several threads."""

    name = "mesh"
    batch = 1
    columns = 0

    def __init__(self) -> None:
        self._prepared: Recent[Twin, _Prepared] = Recent(_MEMORY)

    def observe(self, frames: Sequence[Image], drivings: Sequence[DrivingMotion], rows: Sequence[int]) -> Floats:
        """Return no numbers: the model needs only the meshes.

        Args:
            frames: (H, W, 3) uint8 BGR images.
            drivings: One driving per frame.
            rows: One row per frame.

        Returns:
            (n, 0) float32.
        """
        return np.zeros((len(rows), 0), np.float32)

    def prepare(self, twin: Twin, driving: DrivingMotion, row: int, frame: Image, strength: Strength) -> Twin:
        """Return the twin as it is.

        Args:
            twin: The twin.
            driving: Not used.
            row: Not used.
            frame: Not used.
            strength: Not used.

        Returns:
            The twin.
        """
        return twin

    def animate(
        self, twin: Twin, driving: DrivingMotion, rows: Sequence[int], strength: Strength
    ) -> list[AnimatedFace | None]:
        """Return one performance per row of the driving.

        Args:
            twin: The twin.
            driving: The motion of the track.
            rows: Rows of the driving.
            strength: How far the twin departs from the source's geometry.

        Returns:
            One performance per row; None where the row is not usable.
        """
        ready = self._prepared.get(twin, _prepare)
        return [_Performance(twin, ready, driving, int(row), strength) if driving.usable[row] else None for row in rows]


def _prepare(twin: Twin) -> _Prepared:
    return _Prepared(sampling.pyramid(twin.picture), Lids.of(twin.picture, twin.mesh), resting_shape(twin))


def resting_shape(twin: Twin) -> Floats:
    """Return the shape of a twin without the expression in its picture.

    Args:
        twin: The twin.

    Returns:
        (478, 3) canonical shape.
    """
    shape = geometry.align_stable(twin.mesh, pose.mean_face()).invert(twin.mesh)
    return geometry.relaxed(shape, twin.blendshapes) if len(twin.blendshapes) else shape


def target_mesh(shape: Floats, driving: DrivingMotion, row: int, change: float) -> Floats:
    """Return where the face of a twin lies in a row of a driving.

    Args:
        shape: (478, 3) canonical shape of the twin.
        driving: The motion of the track.
        row: Row of the driving.
        change: As in `Strength`.

    Returns:
        (478, 3) pixels of the frame.
    """
    (posed,) = geometry.twin_shapes(driving.shapes[row : row + 1], driving.rest, shape, change)
    return placed(driving, row).apply(posed)


def placed(driving: DrivingMotion, row: int) -> geometry.Similarity:
    """Return the pose of a row.

    Args:
        driving: The motion of the track.
        row: Row of the driving.

    Returns:
        Map from canonical coordinates to pixels of the frame.
    """
    return geometry.Similarity(float(driving.scale[row]), driving.rotation[row], driving.shift[row])


def face_of(mesh: Floats) -> Face:
    """Return the face of a mesh, as embedders and the landmarker take it.

    Args:
        mesh: (478, 3) pixels.

    Returns:
        The face, with score 1.
    """
    return Face(outline(mesh), 1.0, five_points(mesh))


def outline(mesh: Floats) -> Floats:
    """Return the box around the surface of a mesh.

    Args:
        mesh: (478, 3) pixels.

    Returns:
        (4,) float32 x0 y0 x1 y1.
    """
    return np.concatenate([mesh[:468, :2].min(axis=0), mesh[:468, :2].max(axis=0)]).astype(np.float32)
