"""What stages hand to each other. Plain frozen dataclasses of numbers, strings and numpy arrays, so that
`infra.storage.serialise` can store any of them. Everything here except VideoInfo's technical fields is identifying.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Verdict(StrEnum):
    """What became of one input."""

    PUBLISHED = "published"
    REDACTED = "redacted"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True)
class Scene:
    """An interval between shot boundaries.

    Attributes:
        index: Place among the scenes, from 0.
        scene_id: Shared by visually similar scenes.
        first: First frame.
        last: Last frame, inclusive.
    """

    index: int
    scene_id: int
    first: int
    last: int


@dataclass(frozen=True)
class Track:
    """One person's faces through one scene, on the consecutive frames first .. first + n - 1.

    Attributes:
        index: Place among the tracks, from 0.
        scene: Index of the scene.
        first: First frame.
        boxes: (n, 4) float32 pixels.
        points: (n, 5, 2) float32 pixels.
        detected: (n,) bool, False where the face was filled from its neighbours.
        mesh: (n, 478, 3) float32 pixels.
        presence: (n,) float32, 0 where no mesh was found.
        blendshapes: (n, 52) float32.
        angles: (n, 3) float32 degrees, pitch yaw roll from the six-point PnP, NaN where the mesh is missing.
    """

    index: int
    scene: int
    first: int
    boxes: Floats
    points: Floats
    detected: NDArray[np.bool_]
    mesh: Floats
    presence: Floats
    blendshapes: Floats
    angles: Floats

    @property
    def length(self) -> int:
        """Number of frames."""
        return int(self.boxes.shape[0])

    @property
    def last(self) -> int:
        """Its last frame."""
        return self.first + self.length - 1

    def area(self, frame: int) -> float:
        """Return the area of the face's box on a frame of the track.

        Args:
            frame: Number of the frame.

        Returns:
            The area in square pixels.
        """
        box = self.boxes[frame - self.first]
        return float(np.prod(box[2:] - box[:2]))

    @property
    def largest(self) -> float:
        """Side in pixels (root of the area) of its largest box."""
        return float(np.sqrt(np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=1).max()))


@dataclass(frozen=True)
class Tracks:
    """All tracks of one video.

    Attributes:
        tracks: The tracks.
        frame_count: Frames as decoded.
        width: Pixels, as decoded (upright).
        height: Pixels, as decoded (upright).
    """

    tracks: tuple[Track, ...]
    frame_count: int
    width: int
    height: int


@dataclass(frozen=True)
class AttemptRecord:
    """One try at a twin.

    Distances are cosine distances of the verifying embedder, NaN where there was nothing to compare. `distance` and
    `threshold` are of the rule that decided. In place, they are the twin's score (see `tasks.generation.limits`) and
    the limit there. By a general matcher, they are the score, or, strictly, the smallest distance of any pair of a
    painted and a source sample, and what is asked (its threshold at most).

    Attributes:
        number: Of the attempt.
        candidate: The twin.
        strength: How far the twin departed from the source's geometry, see `Strength.change`.
        distance: See above.
        threshold: See above.
        accepted: Whether the twin was taken.
        reason: Why it was not, or `ACCEPTED`.
        made_with: Parameters of an inpainter that has any.
        genuine: How far the source's own samples lie from one another.
        strangers: Score of a typical control stranger.
        missing: What nobody had where no candidate was found, in words.
    """

    number: int
    candidate: int
    strength: float
    distance: float
    threshold: float
    accepted: bool
    reason: str
    made_with: dict[str, float] = field(default_factory=dict)
    genuine: float = float("nan")
    strangers: float = float("nan")
    missing: str = ""


@dataclass(frozen=True)
class FaceEdits:
    """What was done to faces, one row per face and frame. Identifying only in that it says where faces were.

    Attributes:
        frame: (n,) int.
        track: (n,) int.
        replaced: (n,) bool, False means redacted.
        boxes: (n, 4) float32 pixels of the new face, or of the filled region.
        points: (n, 5, 2) float32 pixels of the new face, or of the filled region.
    """

    frame: NDArray[np.int64]
    track: NDArray[np.int64]
    replaced: NDArray[np.bool_]
    boxes: Floats
    points: Floats


@dataclass(frozen=True)
class RedactionRegion:
    """A region that the audit wants redacted.

    Attributes:
        first: First frame.
        last: Last frame, inclusive.
        box: (4,) pixels.
    """

    first: int
    last: int
    box: Floats


@dataclass(frozen=True)
class References:
    """Embeddings of all sources of a video. Identifying.

    Attributes:
        vectors: (n, D) per judge in the judges' order.
    """

    vectors: tuple[Floats, ...]
