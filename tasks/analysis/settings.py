"""What the analysis knows about an input beforehand: how its faces are found, and which of them may be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.interfaces.capabilities import Image
from tasks.records import Scene


class SceneConsumer(Protocol):
    """Watches small frames go by and knows the scenes at the end."""

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """See the next frame.

        Args:
            frame_index: Its number.
            small_bgr: (h, w, 3) uint8 BGR, reduced.
        """

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """Return the scenes, which cover all frames.

        Args:
            frame_count: Frames of the video.

        Returns:
            The scenes, in order.
        """


@dataclass(frozen=True)
class FaceSettings:
    """How the faces of an input are found.

    Attributes:
        workers: Threads.
        weak: Least detector score that is kept at all.
        meshed: Least score that gets a mesh at once.
        strong: Score that starts a track.
        gap: Frames after which a lost track ends.
        stretch: Frames that are looked at beyond both ends of a track.
        small_side: Longer side in pixels of the scene detector's pictures.
        doubtful_sightings: A track of at most so many sightings may be doubtful.
        doubtful_presence: It is when its meshes are all less likely than this; then another detector must confirm it.
    """

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
    """When a face may be replaced at all; beyond, it is redacted.

    Attributes:
        most_yaw: Degrees.
        most_pitch: Degrees.
        least_face: Side of the face in pixels.
        release: Degrees inside the limits from which a face that was turned too far is shown again.
        growth: Share by which a face that was too small must be larger to be shown again.
        least_run: Frames of the shortest redaction, and of the shortest stretch shown between two redactions.
        least_presence: Least presence of the mesh.
        least_frames: Usable frames under which a track is redacted as a whole.
    """

    most_yaw: float = 45.0
    most_pitch: float = 40.0
    least_face: float = 44.0
    release: float = 3.0
    growth: float = 0.04
    least_run: int = 6
    least_presence: float = 0.5
    least_frames: int = 4
