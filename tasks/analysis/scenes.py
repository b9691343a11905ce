"""Stage 2: shot boundaries, then one scene_id for all scenes that look alike (paper, section 3.2).

Frames are decoded once for all early stages, therefore scene detection is a consumer: it is shown every frame, small,
in order, and answers at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.video_info import VideoInfo
from infra.settings import SceneBackend, Settings
from tasks.records import Scene

VERSION = 1

PYSCENEDETECT_THRESHOLD = 27.0
FFMPEG_THRESHOLD = 0.2
_SHORTEST = 5

Image = NDArray[np.uint8]


class Boundaries(Protocol):
    """Finds the frames with which a new shot begins."""

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """See the next frame.

        Args:
            frame_index: Its number.
            small_bgr: (h, w, 3) uint8 BGR, of constant size, reduced.
        """

    def finish(self) -> list[int]:
        """Return the first frame of every shot but the first."""


class SceneConsumer:
    """Collects frames and answers with scenes; made by `consumer_for`."""

    def __init__(self, boundaries: Boundaries, similarity: float) -> None:
        self._boundaries = boundaries
        self._similarity = similarity
        self._means: list[tuple[float, float, float]] = []

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """See the next frame.

        Args:
            frame_index: Its number.
            small_bgr: (h, w, 3) uint8 BGR, of constant size, reduced.

        Raises:
            ToolError: When the frame is out of order.
        """
        if frame_index != len(self._means):
            raise ToolError(f"Scene detection got frame {frame_index} where frame {len(self._means)} was due.")
        blue, green, red, _ = cv2.mean(small_bgr)
        self._means.append((red, green, blue))
        self._boundaries.push(frame_index, small_bgr)

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """Return the scenes, which cover 0 .. frame_count - 1 without gap.

        Args:
            frame_count: Frames of the video.

        Returns:
            The scenes, in order.

        Raises:
            ToolError: When frames are missing.
        """
        if frame_count != len(self._means) or frame_count == 0:
            raise ToolError(f"Scene detection saw {len(self._means)} of {frame_count} frames.")
        inner = {cut for cut in self._boundaries.finish() if 0 < cut < frame_count}
        starts = [0, *sorted(inner)]
        ends = [*(start - 1 for start in starts[1:]), frame_count - 1]
        means = np.array(self._means, dtype=np.float64)
        looks = [means[first : last + 1].mean(axis=0) for first, last in zip(starts, ends, strict=True)]
        lengths = [last - first + 1 for first, last in zip(starts, ends, strict=True)]
        ids = merge_similar(looks, lengths, self._similarity)
        return tuple(
            Scene(index, scene_id, first, last)
            for index, (scene_id, first, last) in enumerate(zip(ids, starts, ends, strict=True))
        )


def consumer_for(settings: Settings, source: Path, info: VideoInfo) -> SceneConsumer:
    """Return the consumer that the settings ask for.

    pyscenedetect looks at the pushed frames. ffmpeg is the paper's filter, which reads the file itself, so that it
    costs a second decoding.

    Args:
        settings: Of the run.
        source: The video file.
        info: What was probed of it.

    Returns:
        The consumer.
    """
    if settings.scene_backend is SceneBackend.FFMPEG:
        threshold = settings.scene_threshold or FFMPEG_THRESHOLD
        return SceneConsumer(FfmpegBoundaries(source, info, threshold), settings.scene_similarity)
    threshold = settings.scene_threshold or PYSCENEDETECT_THRESHOLD
    return SceneConsumer(ContentBoundaries(info.fps, threshold), settings.scene_similarity)


def merge_similar(looks: Sequence[NDArray[np.float64]], lengths: Sequence[int], similarity: float) -> list[int]:
    """Give scenes that look alike the same number.

    Two looks are alike when their mean absolute difference over the three channels is below `similarity`; a scene joins
    the nearest group, whose look then moves to the mean over all its frames.

    Args:
        looks: Mean red, green, blue (0 to 255) of each scene.
        lengths: Frames in each.
        similarity: Difference below which two looks are alike.

    Returns:
        Numbers, counted up from 0 in order of first appearance.
    """
    groups: list[tuple[NDArray[np.float64], int]] = []
    ids: list[int] = []
    for look, length in zip(looks, lengths, strict=True):
        distances = [float(np.abs(look - known).mean()) for known, _ in groups]
        nearest = int(np.argmin(distances)) if distances else -1
        if distances and distances[nearest] < similarity:
            known, weight = groups[nearest]
            groups[nearest] = ((known * weight + look * length) / (weight + length), weight + length)
            ids.append(nearest)
        else:
            groups.append((look, length))
            ids.append(len(groups) - 1)
    return ids


class ContentBoundaries:
    """PySceneDetect's content detector (BSD-3-Clause): change of hue, saturation and brightness between frames."""

    def __init__(self, fps: Fraction, threshold: float) -> None:
        # Imported here because it is slow to import and the other backend does not need it.
        from scenedetect import FrameTimecode
        from scenedetect.detectors import ContentDetector

        self._detector = ContentDetector(threshold=threshold, min_scene_len=_SHORTEST)
        self._timecode = FrameTimecode
        self._fps = float(fps)
        self._cuts: list[int] = []
        self._last = 0

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """See the next frame.

        Args:
            frame_index: Its number.
            small_bgr: (h, w, 3) uint8 BGR, of constant size, reduced.
        """
        self._last = frame_index
        found = self._detector.process_frame(self._timecode(frame_index, self._fps), small_bgr)
        self._cuts += [cut.frame_num for cut in found]

    def finish(self) -> list[int]:
        """Return the first frame of every shot but the first."""
        found = self._detector.post_process(self._timecode(self._last, self._fps))
        return sorted({*self._cuts, *(cut.frame_num for cut in found)})


class FfmpegBoundaries:
    """The paper's filter: ffmpeg's scene score above a threshold (LGPL/GPL tool, run as a child process)."""

    def __init__(self, source: Path, info: VideoInfo, threshold: float) -> None:
        self._source, self._info, self._threshold = source, info, threshold

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """Do nothing: the filter reads the file.

        Args:
            frame_index: Not used.
            small_bgr: Not used.
        """

    def finish(self) -> list[int]:
        """Return the first frame of every shot but the first.

        Returns:
            The numbers of the frames.

        Raises:
            ToolError: When ffmpeg fails.
        """
        arguments = commands.scene_changes(self._source, self._info, self._threshold, MediaLimits().max_pixels)
        result = child.run("ffmpeg", arguments, ChildLimits())
        if result.status != 0:
            raise ToolError(f"The scene filter failed (ffmpeg ended with status {result.status}).")
        index_of = {int(pts): index for index, pts in enumerate(self._info.pts)}
        stamps = [
            int(word.removeprefix("pts:"))
            for line in result.output.decode("ascii", "replace").splitlines()
            if line.startswith("frame:")
            for word in line.split()
            if word.startswith("pts:")
        ]
        unknown = [stamp for stamp in stamps if stamp not in index_of]
        if unknown:
            raise ToolError("The scene filter reported a time at which the video has no frame.")
        return [index_of[stamp] for stamp in stamps]
