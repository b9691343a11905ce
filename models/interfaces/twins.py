"""Twins: the backends that make and move them, and the values that pass between stages and those backends.

The rules for images and coordinates are those of `models.interfaces.capabilities`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import FaceAttributes, Floats, Image

AT_REST: Floats = np.zeros(0, np.float32)
"""Blendshapes of a twin without an expression."""


@dataclass(frozen=True)
class TwinJob:
    """The input of an inpainter for one twin. Identifying.

    Attributes:
        frame: Crop of the frontal frame, other people's faces redacted.
        mesh: (478, 3) mesh of the source in that crop.
        appearance: Pooled attributes.
        source: (n, D) embeddings of the source.
        others: (m, D) embeddings of every other identity and twin so far.
        embedder: Name of the embedder that made these embeddings.
        taken: Candidates that other identities of the run already have.
        seed: Seed of the identity, the same in every run.
        attempt: 1, 2, ... ; later attempts must differ more.
        prefer: The candidate that this identity already has elsewhere in the dataset, or -1.
        kindred: Candidates of the kind who are not taken for the source in its own footage, to be tried first, in this
            order.
        unfit: Candidates of the kind who were seen there to be too near.
    """

    frame: Image
    mesh: Floats
    appearance: FaceAttributes
    source: Floats
    others: Floats
    embedder: str
    taken: tuple[int, ...]
    seed: int
    attempt: int
    prefer: int = -1
    kindred: tuple[int, ...] = ()
    unfit: tuple[int, ...] = ()


@dataclass(frozen=True)
class SourcePortrait:
    """The frontal frame with the twin in it. Identifying, since surroundings and motion are the source's.

    Motion models that know pictures and no meshes move this.

    Attributes:
        picture: (h, w, 3) uint8 BGR.
        mesh: (478, 3) pixels of the picture, the source's shape at rest in the pose of that frame.
        template: (k,) numbers that the motion model reads from the source there (see `DrivingMotion.template`).
    """

    picture: Image
    mesh: Floats
    template: Floats


@dataclass(frozen=True)
class Twin:
    """A synthetic person.

    Attributes:
        picture: (H, W, 3) uint8 BGR.
        mesh: (478, 3) float32 pixels of the picture.
        candidate: Index of the person among the backend's candidates.
        blendshapes: (52,) the expression in the picture, (0,) when the face is at rest.
        embedding: (D,) of the picture by the job's embedder.
        skin: (h, w) uint8, 255 where the picture shows the person's bare skin (ears and neck too), at any resolution;
            near the face's outline only this is shown.
        hairline: (h, w) uint8, the share of forehead and front hair that is shown above the outline (255: all), see
            models.motion.mesh.hairline.
        front: See `SourcePortrait`; None until a motion model that needs it was introduced to the twin.
        made_with: Parameters that made it, for the record of attempts; nothing identifying.
    """

    picture: Image
    mesh: Floats
    candidate: int
    blendshapes: Floats
    embedding: Floats
    skin: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((8, 8), np.uint8))
    hairline: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((8, 8), np.uint8))
    front: SourcePortrait | None = None
    made_with: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class Inpainter(Protocol):
    """Makes the face of a new person."""

    name: str

    def inpaint(self, job: TwinJob) -> Twin:
        """Return a twin for a job.

        Args:
            job: The source, and the other people of the run.

        Returns:
            The new person.

        Raises:
            infra.errors.AttemptFailed: This attempt gave no twin that is fit.
            infra.errors.Withheld: No further attempt could give one.
        """


@runtime_checkable
class Strangers(Protocol):
    """Makes people against whom a twin is measured."""

    name: str

    def strangers(self, job: TwinJob, count: int) -> list[Twin]:
        """Return people of the source's kind.

        They are drawn by the job's seed, regardless of their distance from the source and of other identities that have
        them.

        Args:
            job: The source, and the other people of the run.
            count: Number of people wanted.

        Returns:
            Up to `count` people.
        """


@dataclass(frozen=True)
class DrivingMotion:
    """The motion of one track, independent of any twin. Identifying.

    Attributes:
        first: Frame index of row 0.
        meshes: (n, 478, 3) float32 pixels, steadied.
        shapes: (n, 478, 3) canonical shapes.
        scale: (n,) scales of the poses that place the shapes.
        rotation: (n, 3, 3) rotations of these poses.
        shift: (n, 3) shifts of these poses.
        rest: (478, 3) canonical neutral shape of the identity.
        usable: (n,) bool; False where the network or the mesh cannot be trusted and the face must be redacted.
        presence: (n,) confidence of the landmarks in [0, 1].
        hidden: (n,) share of the face that something seems to cover, 0 where it was not measured.
        template: (n, k) float32 numbers that the motion model itself reads from the track's frames, NaN where it could
            not; k is 0 for models that need only meshes.
    """

    first: int
    meshes: Floats
    shapes: Floats
    scale: Floats
    rotation: Floats
    shift: Floats
    rest: Floats
    usable: NDArray[np.bool_]
    presence: Floats
    hidden: Floats
    template: Floats


@dataclass(frozen=True)
class Strength:
    """How far a twin departs from the source's geometry.

    Attributes:
        change: 1 takes the twin's shape, more exaggerates it.
        feather: Width of the soft edge outside the face's outline, relative to the face; wider shows more of the twin.
    """

    change: float = 1.4
    feather: float = 0.1


@dataclass(frozen=True)
class Patch:
    """New pixels for a rectangle of a frame.

    Attributes:
        x: Column of its top left pixel in the frame, an even number.
        y: Row of its top left pixel in the frame, an even number.
        pixels: (h, w, 3) uint8 BGR.
        points: (5, 2) float32 pixels of the frame where the new face's eyes, nose and mouth corners lie.
        box: (4,) float32.
    """

    x: int
    y: int
    pixels: Image
    points: Floats
    box: Floats

    def window(self, picture: Image) -> Image:
        """Return a view of the patch's rectangle in a picture.

        Args:
            picture: (H, W, 3) uint8, of the frame's size.

        Returns:
            (h, w, 3) view into `picture`.
        """
        height, width = self.pixels.shape[:2]
        return picture[self.y : self.y + height, self.x : self.x + width]


@runtime_checkable
class AnimatedFace(Protocol):
    """A twin in the pose and with the expression of one frame, ready to be painted."""

    def paint(self, frame: Image) -> Patch | None:
        """Return the new pixels for this frame. The frame is not changed.

        Args:
            frame: (H, W, 3) uint8 BGR.

        Returns:
            The patch; None where the face lies outside the frame.
        """


@runtime_checkable
class MotionModel(Protocol):
    """Lets a twin perform a track's motion. Safe for several threads.

    Attributes:
        name: Name of the backend.
        batch: Number of rows that the model prefers to get at a time.
        columns: k of `DrivingMotion.template`; 0 when the model reads no frames.
    """

    name: str
    batch: int
    columns: int

    def observe(self, frames: Sequence[Image], drivings: Sequence[DrivingMotion], rows: Sequence[int]) -> Floats:
        """Return the numbers that the model reads from each frame of a face.

        Args:
            frames: (H, W, 3) uint8 BGR images.
            drivings: One driving per frame.
            rows: One row per frame: the face's row in that driving.

        Returns:
            (n, columns) float32.
        """

    def prepare(self, twin: Twin, driving: DrivingMotion, row: int, frame: Image, strength: Strength) -> Twin:
        """Return the twin with the facts of the frontal frame that this model must know.

        Args:
            twin: The twin.
            driving: The motion of the track.
            row: Row of the driving that belongs to the frontal frame.
            frame: (H, W, 3) uint8 BGR frontal frame.
            strength: How far the twin departs from the source's geometry.

        Returns:
            The twin, completed.
        """

    def animate(
        self, twin: Twin, driving: DrivingMotion, rows: Sequence[int], strength: Strength
    ) -> Sequence[AnimatedFace | None]:
        """Return one performance per row of the driving.

        Args:
            twin: The twin.
            driving: The motion of the track.
            rows: Rows of the driving.
            strength: How far the twin departs from the source's geometry.

        Returns:
            One performance per row; None where the face cannot be replaced (redact it).
        """
