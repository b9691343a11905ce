"""What a video is, as values: its streams, exact time, geometry and colour."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StreamInfo:
    """One stream as the container declares it.

    Attributes:
        kind: video, audio, subtitle, data, attachment or unknown.
        enabled: False for a track that is switched off and not offered for choice, as if it were not there.
        hidden: seconds at the beginning of the decoded sound that an edit list hides although ffmpeg decodes them.
        length: seconds of the sound that are presented, 0 when the container sets no end.
    """

    index: int
    kind: str
    codec: str
    time_base: Fraction
    channels: int
    sample_rate: int
    cover: bool
    enabled: bool
    hidden: Fraction
    length: Fraction


@dataclass(frozen=True, eq=False)
class VideoInfo:
    """Everything about a source that later stages need to reproduce its time and its look. Holds no tags, no names.

    Attributes:
        width, height: pixels after cropping and rotation, as a viewer sees them.
        fps: mean frame rate.
        time_base: seconds of one unit of `pts`.
        pts: (n,) int64, the presentation time of every frame in units of time_base, strictly increasing.
        last_duration: how long the last frame stays, same units.
        start: seconds, when the container's clock begins (its earliest stream).
        duration: seconds as the container states it, or by the frames.
        stream: index of the picture stream in the file.
        rotation: degrees, counterclockwise, that the decoder applies: 0, 90, 180 or 270.
        pix_fmt, bit_depth, full_range, color_space, color_transfer, color_primaries: of the source; an empty colour tag
            means that the file does not say.
        sample_aspect: pixel aspect ratio after rotation, 0 when the file does not say.
        container: ffmpeg's name of the format.
        alpha: whether the picture may be transparent.
        crop: pixels that a viewer cuts off the decoded picture: left, top, right, bottom.
    """

    width: int
    height: int
    fps: Fraction
    time_base: Fraction
    pts: NDArray[np.int64]
    last_duration: int
    start: Fraction
    duration: Fraction
    stream: int
    codec: str
    rotation: int
    pix_fmt: str
    bit_depth: int
    full_range: bool
    color_space: str
    color_transfer: str
    color_primaries: str
    sample_aspect: Fraction
    streams: tuple[StreamInfo, ...]
    chapters: int
    container: str
    alpha: bool
    crop: tuple[int, int, int, int]

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return int(self.pts.shape[0])

    @property
    def audio(self) -> dict[int, str]:
        """Audio streams that are not switched off: index in the file -> codec name."""
        return {stream.index: stream.codec for stream in self.streams if stream.kind == "audio" and stream.enabled}

    @property
    def pixel_format(self) -> str:
        """The format in which frames are decoded and encoded: 4:4:4 where an odd side has no 4:2:0 form."""
        return "yuv444p" if self.width % 2 or self.height % 2 else "yuv420p"

    def seconds(self, frame: int) -> float:
        """Work out the presentation time of a frame, relative to the first frame.

        Args:
            frame: index of the frame.

        Returns:
            Seconds.
        """
        return float(int(self.pts[frame] - self.pts[0]) * self.time_base)
