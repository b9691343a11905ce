"""The capabilities a stage may ask for, and the values that pass between stages and backends.

A stage never names a network: it receives objects that satisfy these protocols. All images are uint8 arrays of
shape (H, W, 3) in BGR order; all coordinates are pixels with the origin at the centre of the top left pixel, x to
the right and y down; every verb takes a batch and keeps its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Face:
    """One detection.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 in pixels, may reach outside the image.
        score: Confidence in [0, 1]; comparable only within one detector.
        points: (5, 2) float32 pixels: eye on the image's left, eye on its right, nose tip, mouth corner on the left, on
            the right (for an upright frontal face).
    """

    box: Floats
    score: float
    points: Floats

    @property
    def size(self) -> float:
        """Geometric mean of width and height in pixels."""
        x0, y0, x1, y1 = (float(v) for v in self.box)
        return float(np.sqrt(max(x1 - x0, 0.0) * max(y1 - y0, 0.0)))


@dataclass(frozen=True)
class Mesh:
    """A dense face mesh on one frame.

    Attributes:
        points: (478, 3) float32; x, y in pixels of the image, z in the same scale, smaller is nearer to the camera.
            Indices follow the MediaPipe canonical face (468 surface points, 10 iris points).
        presence: Probability in [0, 1] that the mesh sits on a face.
        blendshapes: (52,) float32 in [0, 1], MediaPipe order (index 0 is the neutral entry).
    """

    points: Floats
    presence: float
    blendshapes: Floats


@dataclass(frozen=True)
class Hair:
    """The kind of hair. Identifying.

    Attributes:
        fringe: Share of the forehead's middle, from the outline's top to the brows, that is hair.
        crown: Share of the head's top above the outline that is hair: 0 for bald heads.
        length: Share of the places beside jaw and neck that is hair, on the side that has more.
        shade: Lightness of the hair (L of LAB) over that of the cheeks; NaN where there is too little hair.
        warmth: (a + b) / 60 of the hair's colour in LAB: about 0 for black and grey hair; NaN as `shade`.
    """

    fringe: float
    crown: float
    length: float
    shade: float
    warmth: float


@dataclass(frozen=True)
class FaceAttributes:
    """Predicted attributes of one face. Identifying: never logged, never published.

    Attributes:
        age: Years.
        female: Probability in [0, 1].
        emotion: Label -> probability; empty where it was not estimated.
        skin_ita: Individual typology angle in degrees (larger is lighter).
        beard: Score in [0, 1].
        glasses: Score in [0, 1].
        ethnicity: Label -> probability; empty where it was not estimated.
        hair: The kind of hair; None where it was not measured.
    """

    age: float
    female: float
    emotion: dict[str, float] = field(default_factory=dict)
    skin_ita: float = 0.0
    beard: float = 0.0
    glasses: float = 0.0
    ethnicity: dict[str, float] = field(default_factory=dict)
    hair: Hair | None = None


@runtime_checkable
class Detector(Protocol):
    """Finds faces.

    Not guaranteed: that every face is found; stages must treat a miss as possible.

    Attributes:
        name: Name of the backend.
        batch: Number of frames that the detector prefers to get at a time.
    """

    name: str
    batch: int

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        """Return the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 BGR images.

        Returns:
            One list per frame, best score first.
        """


@runtime_checkable
class Landmarker(Protocol):
    """Places a dense mesh on a detected face."""

    name: str

    def locate(self, frames: Sequence[Image], faces: Sequence[Face]) -> list[Mesh]:
        """Return one mesh per (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            One mesh per pair, in order; doubt is expressed by a low presence, never by a missing entry.
        """


@runtime_checkable
class Embedder(Protocol):
    """Turns a face into a unit vector; distance is cosine distance, 1 - dot product, in [0, 2]."""

    name: str
    dimension: int

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return one unit vector per (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, dimension) float32 unit vectors.
        """


@runtime_checkable
class AgeGender(Protocol):
    """Estimates age and gender."""

    name: str

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return age and gender of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 2) float32: age in years, probability of female.
        """


@runtime_checkable
class Emotion(Protocol):
    """Estimates the expressed emotion."""

    name: str
    labels: tuple[str, ...]

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the expressed emotion of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, len(labels)) float32 rows that sum to one.
        """


@runtime_checkable
class Ethnicity(Protocol):
    """Estimates the label that the looks of a face are given. Used only to make a twin of the same kind."""

    name: str
    labels: tuple[str, ...]

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return the label shares of each (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, len(labels)) float32 rows that sum to one.
        """


@runtime_checkable
class Parser(Protocol):
    """Labels the pixels of a face crop."""

    name: str
    labels: tuple[str, ...]

    def parse(self, crops: Sequence[Image]) -> list[NDArray[np.uint8]]:
        """Return a label map for each crop.

        Args:
            crops: (H, W, 3) uint8 BGR face crops.

        Returns:
            (H, W) uint8 maps of label indices, each at its crop's own size.
        """


@runtime_checkable
class Features(Protocol):
    """Describes pictures by what they show, for comparing many of them with many others."""

    name: str
    dimension: int

    def describe(self, images: Sequence[Image]) -> Floats:
        """Return one feature vector per image.

        Args:
            images: (H, W, 3) uint8 BGR images.

        Returns:
            (N, dimension) float32.

        Raises:
            ValueError: An image has no pixels.
        """


@runtime_checkable
class Quality(Protocol):
    """Rates how good pictures look, without anything to compare them with."""

    name: str

    def rate(self, images: Sequence[Image]) -> Floats:
        """Return one rating per image.

        Args:
            images: (H, W, 3) uint8 BGR images.

        Returns:
            (n,) float32, lower is better; NaN for an image that is too small or shows nothing to rate.
        """
