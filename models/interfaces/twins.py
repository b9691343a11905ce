"""Twins: what makes them, what moves them, and the values that pass between stages and those backends.

The rules for images and coordinates are those of `models.interfaces.capabilities`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Appearance, Floats, Image

AT_REST: Floats = np.zeros(0, np.float32)
"""Blendshapes of a twin without an expression."""


@dataclass(frozen=True)
class TwinJob:
    """What an inpainter needs to make one twin. Identifying.

    frame: the frontal frame's crop, other people's faces redacted. mesh: (478, 3) the source's mesh in that crop.
    appearance: pooled attributes.
    source: (n, D) embeddings of the source. others: (m, D) embeddings of every other identity and twin so far.
    embedder: name of the embedder they come from. taken: candidates that other identities of the run already have.
    prefer: the candidate that this identity already has elsewhere in the dataset, or -1.
    kind_first: those of the source's kind serve, as long as there are any; otherwise those who lie far from it.
    kindred: candidates of the kind whom nobody takes for the source in its own footage, to be tried first, in this
    order. unfit: those of the kind who were seen there to be too near.
    anybody: whoever is left may serve, also where those who would probably pass are all too near to others.
    seed: of the identity, the same in every run. attempt: 1, 2, ... ; later attempts must differ more.
    """

    frame: Image
    mesh: Floats
    appearance: Appearance
    source: Floats
    others: Floats
    embedder: str
    taken: tuple[int, ...]
    seed: int
    attempt: int
    prefer: int = -1
    anybody: bool = False
    kind_first: bool = False
    kindred: tuple[int, ...] = ()
    unfit: tuple[int, ...] = ()


@dataclass(frozen=True)
class Front:
    """The frontal frame with the twin in it: what motion models move that know pictures and no meshes. Identifying,
    since surroundings and motion are the source's.

    picture: (h, w, 3) uint8 BGR. mesh: (478, 3) pixels of it, the source's shape at rest in the pose of that frame.
    template: (k,) what the motion model reads from the source there (see `Driving.template`).
    """

    picture: Image
    mesh: Floats
    template: Floats


@dataclass(frozen=True)
class Twin:
    """A synthetic person.

    picture: (H, W, 3) uint8 BGR. mesh: (478, 3) float32 pixels of the picture. candidate: which of the backend's
    candidates it is. blendshapes: (52,) the expression it wears in the picture, (0,) when the face is at rest.
    embedding: (D,) of the picture by the job's embedder. skin: (h, w) uint8, 255 where the picture shows the person's
    bare skin (ears and neck too), at any resolution; near the face's outline only this is shown. crown: (h, w) uint8,
    how much of its forehead and front hair is shown above the outline (255: all), see models.motion.mesh.hairline.
    front: see there; None until a motion model that needs it was introduced to the twin. made_with: by which
    parameters, for the record of attempts; nothing identifying.
    """

    picture: Image
    mesh: Floats
    candidate: int
    blendshapes: Floats
    embedding: Floats
    skin: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((8, 8), np.uint8))
    crown: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((8, 8), np.uint8))
    front: Front | None = None
    made_with: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class Inpainter(Protocol):
    """Makes the face of a new person."""

    name: str

    def inpaint(self, job: TwinJob) -> Twin:
        """Return a twin. Raises infra.errors.AttemptFailed when this attempt gave none that is fit, and
        infra.errors.Withheld when no further attempt could."""


@runtime_checkable
class Strangers(Protocol):
    """Makes people against whom a twin is measured."""

    name: str

    def strangers(self, job: TwinJob, count: int) -> list[Twin]:
        """Return up to `count` people of the source's kind, drawn by the job's seed without a look at their distance
        from the source, or at who else has them."""


@dataclass(frozen=True)
class Driving:
    """The motion of one track, independent of any twin. Identifying.

    first: frame index of row 0. meshes: (n, 478, 3) float32 pixels, steadied. shapes: (n, 478, 3) canonical shapes.
    scale (n,), rotation (n, 3, 3), shift (n, 3): the poses that place them. rest: (478, 3) canonical neutral shape of
    the identity. usable: (n,) bool; False where the network or the mesh cannot be trusted and the face must be
    redacted. presence: (n,) confidence of the landmarks in [0, 1]. hidden: (n,) share of the face that something seems
    to be before, 0 where nobody looked. template: (n, k) float32 what the motion model itself reads from the track's
    frames, NaN where it could not; k is 0 for models that need nothing but meshes.
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
    """How far a twin departs from the source's geometry. change: 1 takes the twin's shape, more exaggerates it.
    feather: width of the soft edge outside the face's outline, relative to the face; wider shows more of the twin."""

    change: float = 1.4
    feather: float = 0.1


@dataclass(frozen=True)
class Patch:
    """New pixels for a rectangle of a frame: x, y of its top left pixel (even numbers), pixels (h, w, 3) uint8 BGR,
    points (5, 2) float32 where the new face's eyes, nose and mouth corners lie in the frame, box (4,) float32."""

    x: int
    y: int
    pixels: Image
    points: Floats
    box: Floats

    def window(self, picture: Image) -> Image:
        """View of the patch's rectangle in a picture of the frame's size."""
        height, width = self.pixels.shape[:2]
        return picture[self.y : self.y + height, self.x : self.x + width]


@runtime_checkable
class Performance(Protocol):
    """A twin in the pose and with the expression of one frame, ready to be painted."""

    def paint(self, frame: Image) -> Patch | None:
        """Return the new pixels for this frame; None where the face lies outside it. The frame is not changed."""


@runtime_checkable
class MotionModel(Protocol):
    """Lets a twin perform a track's motion.

    batch: rows that it likes to get at a time. columns: k of `Driving.template`; 0 when it reads no frames. Safe for
    several threads.
    """

    name: str
    batch: int
    columns: int

    def observe(self, frames: Sequence[Image], drivings: Sequence[Driving], rows: Sequence[int]) -> Floats:
        """Return (n, columns), what the model reads from each frame of the face in that row of that driving."""

    def introduce(self, twin: Twin, driving: Driving, row: int, frame: Image, strength: Strength) -> Twin:
        """Return the twin with what this model must know of the frontal frame: `row` of the driving, on `frame`."""

    def perform(
        self, twin: Twin, driving: Driving, rows: Sequence[int], strength: Strength
    ) -> Sequence[Performance | None]:
        """Return one performance per row of the driving; None where the face cannot be replaced (redact it)."""
