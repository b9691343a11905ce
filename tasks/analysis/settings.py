"""What the analysis is told about an input: how its faces are found, and which of them may be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.interfaces.capabilities import Image
from tasks.records import Scene


class SceneConsumer(Protocol):
    """Watches small frames go by and knows the scenes at the end."""

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """See the next frame."""

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """Return the scenes, which cover all frames."""


@dataclass(frozen=True)
class FaceSettings:
    """workers: threads. weak: least detector score kept at all. meshed: least score that gets a mesh at once.
    stretch: frames looked at beyond both ends of a track. small_side: longer side of the scene detector's pictures.
    doubtful_sightings, doubtful_presence: a track of at most so many sightings whose meshes are all less likely than
    this must be confirmed by another detector."""

    workers: int = 2
    weak: float = 0.2
    meshed: float = 0.35
    strong: float = 0.6
    gap: int = 20
    stretch: int = 12
    small_side: int = 160
    doubtful_sightings: int = 8
    doubtful_presence: float = 0.3


@dataclass(frozen=True)
class MotionLimits:
    """When a face may be replaced at all; beyond, it is redacted. Degrees, pixels, frames.

    release: a face that was turned too far is shown again only when it is this much inside the limits, a face that
    was too small when it is larger by the share `growth`. least_run: no redaction, and nothing shown between two of
    them, is shorter than this many frames.
    """

    most_yaw: float = 45.0
    most_pitch: float = 40.0
    least_face: float = 44.0
    release: float = 3.0
    growth: float = 0.04
    least_run: int = 6
    least_presence: float = 0.5
    least_frames: int = 4
