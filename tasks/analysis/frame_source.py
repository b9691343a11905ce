"""What the stages read frames from and write them to: a video file or a picture, turned upright."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.frame import YuvFrame
from infra.media.turn import OpenFrames, Sink, open_turned
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from tasks.analysis import scenes
from tasks.analysis.settings import FaceSettings, MotionLimits, SceneConsumer
from tasks.records import Scene

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class LocalFile:
    """An input on the local disk. Identifying.

    Attributes:
        path: Where it lies.
        sha256: Digest of its bytes, which stands for it in cache keys.
    """

    path: Path
    sha256: str

    def digest(self) -> str:
        """Return what stands for it in cache keys."""
        return self.sha256


@dataclass(frozen=True)
class FrameSource:
    """One input, ready to be read.

    Attributes:
        file: What it was read from.
        open: Opens its decoded frames.
        size: (width, height) in pixels.
        frames: Number of frames.
        scenes: Makes a consumer that finds scenes.
        sink: Opens where finished frames go, given the scratch folder.
        written: Opens the frames that were written, once the sink is closed.
        limits: Beyond which a face is redacted.
        faces: How faces are found.
        turn: Degrees clockwise by which the frames are turned against the file's.
        info: Of a video; None for a picture.
        picture: The (H, W, 3) uint8 BGR picture that was written, to the bit; None for a video.
    """

    file: LocalFile
    open: OpenFrames
    size: tuple[int, int]
    frames: int
    scenes: Callable[[], SceneConsumer]
    sink: Callable[[Path, Settings], AbstractContextManager[Sink]]
    written: Callable[[Path], OpenFrames]
    limits: MotionLimits = field(default_factory=MotionLimits)
    faces: FaceSettings = field(default_factory=FaceSettings)
    turn: int = 0
    info: VideoInfo | None = None
    picture: Callable[[], Image] | None = None

    def digest(self) -> str:
        """Return what stands for it in cache keys."""
        # The number of threads changes nothing in the result.
        settings = asdict(replace(self.faces, workers=0)) | asdict(self.limits)
        return repr((self.file.sha256, self.turn, sorted(settings.items())))

    def turned(self, angle: int) -> FrameSource:
        """Turn the frames.

        Args:
            angle: Clockwise, 0, 90, 180 or 270 degrees.

        Returns:
            The same input with its frames turned.
        """
        size = self.size[::-1] if angle % 180 else self.size
        return replace(self, open=open_turned(self.open, angle), size=size, turn=(self.turn + angle) % 360)


ENCODED = "picture.mp4"
"""Name in the scratch folder of the encoded frames of a video, before its sound is joined."""


def of_video(file: LocalFile, info: VideoInfo, settings: Settings) -> FrameSource:
    """Make a probed local file ready to be read.

    Args:
        file: The video.
        info: What the probe found.
        settings: Of the run.

    Returns:
        Its frames; what is written goes into an encoded file in the scratch folder.
    """
    return FrameSource(
        file=file,
        open=lambda: open_frames(file.path, info),
        size=(info.width, info.height),
        frames=info.frame_count,
        scenes=lambda: scenes.consumer_for(settings, file.path, info),
        sink=lambda folder, s: open_encoder(folder / ENCODED, info, s.crf, s.preset, s.threads),
        written=lambda folder: lambda: open_frames(folder / ENCODED, info),
        info=info,
    )


class _OneScene:
    """A picture is one scene."""

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """Nothing to look at."""

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """One scene over all frames."""
        return (Scene(0, 0, 0, frame_count - 1),)


class _Keep:
    """Keeps the last frame written to it."""

    def __init__(self) -> None:
        self.frame: YuvFrame | None = None

    def write(self, frame: YuvFrame) -> None:
        """Keep the frame."""
        self.frame = frame


def of_picture(file: LocalFile, picture: Image) -> FrameSource:
    """Make a picture ready to be read, as a video of one frame.

    Args:
        file: What it was read from.
        picture: (H, W, 3) uint8 BGR, upright.

    Returns:
        Its frame, with full colour resolution; what is written stays in memory.
    """
    kept = _Keep()

    def result() -> Image:
        if kept.frame is None:
            raise ValueError("Nothing was written.")
        return kept.frame.to_bgr()

    return FrameSource(
        file=file,
        open=lambda: frames_of(picture),
        size=(picture.shape[1], picture.shape[0]),
        frames=1,
        scenes=_OneScene,
        sink=lambda folder, settings: contextlib.nullcontext(kept),
        written=lambda folder: lambda: frames_of(result()),
        picture=result,
        limits=MotionLimits(least_frames=1),
        faces=FaceSettings(stretch=0),
    )


@contextlib.contextmanager
def frames_of(picture: Image) -> Iterator[Iterator[YuvFrame]]:
    """Open a picture as a stream of one frame, with full colour resolution.

    Args:
        picture: (H, W, 3) uint8 BGR.

    Yields:
        The stream.
    """
    yield iter([YuvFrame.from_bgr(picture)])
