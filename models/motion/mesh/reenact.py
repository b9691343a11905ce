"""Motion models that move a picture: the common part of LivePortrait and LIA.

Steps 1 to 4 of the paper's motion transfer (AnonNET section 3.5): the frontal frame with the twin in it is the source
picture, every frame of the track drives it relative to that same frontal frame, and the drawing goes back to where the
face was. Crops come from the mesh at rest in each frame's pose, so that they follow the head and not the jaw.

Frames that are too hard for a network are held, left to the mesh, or redacted. The pixels of the source are never an
answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.settings import HardFrames
from models.interfaces.capabilities import Floats, Image
from models.interfaces.twins import AnimatedFace, DrivingMotion, Patch, SourcePortrait, Strength, Twin
from models.motion import crop
from models.motion.animate import animate
from models.motion.mesh import overlay
from models.motion.mesh.backend import MeshMotion, placed, resting_shape, target_mesh
from models.motion.mesh.rows import moved
from models.motion.recent import Recent

Source = TypeVar("Source")
_MEMORY = 24
"""Twins whose source features are kept; more people in one video, or videos at a time, would make them anew."""
CROP_OFFSET = 4
"""Numbers of a template that say how the crop lies to the one that the mesh gives."""
_HALF_TURN = 180.0


class Network(Protocol[Source]):
    """A network that draws.

    Attributes:
        name: Name of the backend.
        columns: Numbers of a template row.
        batch: Rows at a time.
        framing: Framing of its crops and of its drawings.
    """

    name: str
    columns: int
    batch: int
    framing: crop.Framing

    def read(self, crops: Sequence[Image], meshes: Floats) -> Floats:
        """Return the templates of crops.

        Args:
            crops: (s, s, 3) uint8 BGR crops.
            meshes: (n, 478, 3) pixels of the frames.

        Returns:
            (n, columns) float32.
        """

    def take_in(self, picture: Image) -> Source:
        """Return the network's features of a source picture; done once per twin.

        Args:
            picture: (s, s, 3) uint8 BGR crop.

        Returns:
            The features.
        """

    def draw(self, source: Source, origin: Floats, rows: Floats) -> Sequence[Image | None]:
        """Return drawings of the source, moved as rows say.

        Args:
            source: The features of `take_in`.
            origin: (columns,) template that the rows are relative to.
            rows: (n, columns) templates.

        Returns:
            uint8 BGR crops, one per row; None where numbers ran out of their range.
        """


@dataclass(frozen=True)
class PoseLimits:
    """The frames that a network can draw.

    Attributes:
        most_yaw: Degrees from the frontal pose.
        most_pitch: Degrees from the frontal pose.
        least_presence: Confidence of the landmarks in [0, 1].
        most_hidden: Hidden share of the face.
    """

    most_yaw: float = 40.0
    most_pitch: float = 35.0
    least_presence: float = 0.7
    most_hidden: float = 0.2


@dataclass(frozen=True)
class _Prepared(Generic[Source]):
    source: Source
    shape: Floats


@dataclass(frozen=True)
class _Drawn:
    """A drawing, and the row in whose place it belongs."""

    drawing: Image
    to_frame: Floats
    target: Floats
    mesh: Floats
    feather: float

    def paint(self, frame: Image) -> Patch | None:
        """The new pixels for this frame; None where the face lies outside it."""
        return overlay.lay_over(frame, self.drawing, self.to_frame, self.target, self.mesh, self.feather)


class Locator(Protocol):
    """Finds landmarks of a set that `crop` knows."""

    def locate(self, frames: Sequence[Image], meshes: Sequence[Floats]) -> Floats:
        """Return the landmarks of faces.

        Args:
            frames: (H, W, 3) uint8 BGR images.
            meshes: (478, 3) pixels, one per frame, that say where to look.

        Returns:
            (n, k, 2) pixels of the frames.
        """


class Reenactor(Generic[Source]):
    """MotionModel around a network that moves pictures; safe for several threads.

    hard_frames: what to do where a frame is too hard for the network. locator: finds landmarks that crops are fitted
    to; None fits them to the mesh.
    """

    def __init__(
        self,
        network: Network[Source],
        hard_frames: HardFrames = HardFrames.MESH,
        bearing: PoseLimits | None = None,
        locator: Locator | None = None,
    ) -> None:
        self.name = network.name
        self.batch = network.batch
        self.columns = network.columns + (CROP_OFFSET if locator is not None else 0)
        self._read = network.columns
        self._locator = locator
        self._network = network
        self._hard = hard_frames
        self._bearing = bearing or PoseLimits()
        self._mesh = MeshMotion()
        self._prepared: Recent[Twin, _Prepared[Source]] = Recent(_MEMORY)

    def observe(self, frames: Sequence[Image], drivings: Sequence[DrivingMotion], rows: Sequence[int]) -> Floats:
        """Return the numbers that the network reads from the face of each frame.

        Args:
            frames: (H, W, 3) uint8 BGR images.
            drivings: One driving per frame.
            rows: One row per frame: the face's row in that driving.

        Returns:
            (n, columns) float32.
        """
        result = np.zeros((len(rows), self.columns), np.float32)
        for first in range(0, len(rows), self.batch):
            some = range(first, min(first + self.batch, len(rows)))
            meshes = np.stack([drivings[i].meshes[rows[i]] for i in some])
            resting = [resting_mesh(drivings[i], rows[i]) for i in some]
            lies = self._lies([frames[i] for i in some], list(meshes), resting)
            known = np.nan_to_num(lies)
            crops = [self._crop(frames[i], mesh, lie) for i, mesh, lie in zip(some, resting, known, strict=True)]
            result[first : first + len(crops)] = np.concatenate([self._network.read(crops, meshes), lies], axis=1)
        return result

    def _lies(self, frames: Sequence[Image], meshes: Sequence[Floats], resting: Sequence[Floats]) -> Floats:
        """(n, 4) how each crop lies to that of the mesh at rest, NaN where unknown; (n, 0) without a locator."""
        if self._locator is None:
            return np.zeros((len(frames), 0), np.float32)
        framing, result = self._network.framing, np.full((len(frames), CROP_OFFSET), np.nan, np.float32)
        for row, points in enumerate(self._locator.locate(frames, meshes)):
            if np.isfinite(points).all():
                base = crop.square(resting[row], framing)
                result[row] = crop.relative(crop.square(points, framing), base)
        return result

    def prepare(self, twin: Twin, driving: DrivingMotion, row: int, frame: Image, strength: Strength) -> Twin:
        """Return the twin with its frontal frame: painted by the mesh, which puts it where the source was.

        Args:
            twin: The twin.
            driving: The motion of the track.
            row: Row of the driving that belongs to the frontal frame.
            frame: (H, W, 3) uint8 BGR frontal frame.
            strength: How far the twin departs from the source's geometry.

        Returns:
            The twin; its `front` is None where the face lies too far outside the frame.
        """
        # The part of the face that the frame cuts off is painted, too: it may be seen on another frame.
        wide = 2 * int(np.ceil(0.5 * float(np.ptp(driving.meshes[row, :, :2], axis=0).max()) / 2)) + 2
        picture = cv2.copyMakeBorder(frame, wide, wide, wide, wide, cv2.BORDER_REPLICATE)
        inner = moved(driving, wide, wide)
        (patch,) = animate(self._mesh, twin, inner, [picture], [row], strength)
        if patch is None or not _within(driving.meshes[row], wide, frame):
            return replace(twin, front=None)
        patch.window(picture)[:] = patch.pixels
        return replace(twin, front=SourcePortrait(picture, resting_mesh(inner, row), driving.template[row]))

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
            One performance per row; None where the row is not usable, or is too hard and the policy says so.
        """
        within_limits = self.within_limits(driving)
        drawn = {row: self._standing_in(row, within_limits) for row in rows if driving.usable[row]}
        if twin.front is None:
            drawn = {}
        pictures = self._draw(twin, driving, sorted({row for row in drawn.values() if row is not None}))
        result: list[AnimatedFace | None] = []
        for row in rows:
            if row not in drawn:
                result.append(None)
            elif (model := drawn[row]) is None or (picture := pictures[model]) is None:
                result.append(self._otherwise(twin, driving, row, strength))
            else:
                target = target_mesh(self._ready(twin).shape, driving, row, strength.change)
                to_frame = self._matrices(resting_mesh(driving, row), self._lie(driving.template[row]))[1]
                result.append(_Drawn(picture, to_frame, target, driving.meshes[row], strength.feather))
        return result

    def within_limits(self, driving: DrivingMotion) -> NDArray[np.bool_]:
        """Return the rows that the network can draw: usable, read, seen well, not hidden and not turned too far.

        Args:
            driving: The motion of the track.

        Returns:
            (n,) bool.
        """
        yaw, pitch = turned(driving.rotation)
        return (
            driving.usable
            & np.isfinite(driving.template).all(axis=1)
            & (driving.presence >= self._bearing.least_presence)
            & (driving.hidden <= self._bearing.most_hidden)
            & (yaw <= self._bearing.most_yaw)
            & (pitch <= self._bearing.most_pitch)
        )

    def _standing_in(self, row: int, within_limits: NDArray[np.bool_]) -> int | None:
        """The row whose motion is drawn in the place of a row; None when the drawing cannot be had."""
        if within_limits[row]:
            return row
        if self._hard is not HardFrames.HOLD:
            return None
        known = np.flatnonzero(within_limits)
        before = known[known < row]
        if len(before):
            return int(before[-1])
        return int(known[0]) if len(known) else None

    def _otherwise(self, twin: Twin, driving: DrivingMotion, row: int, strength: Strength) -> AnimatedFace | None:
        if self._hard is not HardFrames.MESH:
            return None
        return self._mesh.animate(twin, driving, [row], strength)[0]

    def _draw(self, twin: Twin, driving: DrivingMotion, rows: Sequence[int]) -> dict[int, Image | None]:
        if not rows or twin.front is None:
            return {}
        ready = self._ready(twin)
        result: dict[int, Image | None] = {}
        for first in range(0, len(rows), self.batch):
            some = list(rows[first : first + self.batch])
            origin, moved = twin.front.template[: self._read], driving.template[some, : self._read]
            drawings = self._network.draw(ready.source, origin, moved)
            result.update(zip(some, drawings, strict=True))
        return result

    def _ready(self, twin: Twin) -> _Prepared[Source]:
        return self._prepared.get(twin, self._prepare)

    def _prepare(self, twin: Twin) -> _Prepared[Source]:
        assert twin.front is not None
        picture = self._crop(twin.front.picture, twin.front.mesh, self._lie(twin.front.template))
        return _Prepared(self._network.take_in(picture), resting_shape(twin))

    def _lie(self, template: Floats) -> Floats:
        """How a row's crop lies to that of the mesh; nothing known is taken for the mesh's own."""
        return np.nan_to_num(template[self._read :])

    def _crop(self, frame: Image, mesh: Floats, lie: Floats) -> Image:
        return crop.crop_image(frame, self._matrices(mesh, lie)[0], self._network.framing.side)

    def _matrices(self, mesh: Floats, lie: Floats) -> tuple[Floats, Floats]:
        framing = self._network.framing
        base = crop.square(mesh, framing)
        return crop.matrices(crop.placed(lie, base) if len(lie) else base, framing)


def _within(mesh: Floats, border: int, frame: Image) -> bool:
    """Whether a (478, 3) mesh lies inside a frame or less than `border` pixels outside it."""
    points, (height, width) = mesh[:, :2], frame.shape[:2]
    return bool((points > -border).all() and (points < np.array([width, height]) + border).all())


def resting_mesh(driving: DrivingMotion, row: int) -> Floats:
    """Return the identity's shape at rest, in the pose of a row.

    Args:
        driving: The motion of the track.
        row: Row of the driving.

    Returns:
        (478, 3) pixels of the frame.
    """
    return placed(driving, row).apply(driving.rest)


def turned(rotation: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far rotations of the mean face are from the frontal pose.

    Args:
        rotation: (n, 3, 3).

    Returns:
        (yaw, pitch), each (n,) float64 degrees, not negative.
    """
    forward = rotation[:, :, 2].astype(np.float64)
    yaw = np.degrees(np.arctan2(np.abs(forward[:, 0]), forward[:, 2]))
    pitch = np.degrees(np.arcsin(np.clip(np.abs(forward[:, 1]), 0.0, 1.0)))
    return np.where(np.isfinite(yaw), yaw, _HALF_TURN), np.where(np.isfinite(pitch), pitch, _HALF_TURN)
