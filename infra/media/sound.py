"""How loud a video's sound is at given times: its first audio stream, decoded once and never held as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.video_info import VideoInfo

RATE = 16_000
"""Samples a second: speech has little above half of it."""
WINDOW = 0.06
"""Seconds around a time: some periods of the deepest voice, and short against a syllable."""
SILENT = -60.0
"""Decibels below full scale under which everything counts as silence."""


def loudness(
    path: Path, info: VideoInfo, times: NDArray[np.float64], limits: MediaLimits | None = None
) -> NDArray[np.float32]:
    """Measure how loud the sound is around given times: root mean square over WINDOW seconds.

    Mono is the mean of all channels. Before the stream begins, in its gaps and after its end there is silence.

    Args:
        path: the file.
        info: what `probe_video` said about the same file.
        times: (n,) seconds from the first frame on, increasing, as `info.seconds` gives them.
        limits: bounds on the input, the defaults when None.

    Returns:
        (n,) decibels of full scale, SILENT at least; empty (0,) when the file has no audio stream.

    Raises:
        ToolError: ffmpeg fails, is missing or runs past its limits, for instance because it cannot decode the sound.
    """
    if not info.audio:
        return np.zeros(0, np.float32)
    limits = limits or MediaLimits()
    start = int(info.pts[0]) * info.time_base
    arguments = commands.decode_sound(path, next(iter(info.audio)), RATE, start, limits.max_pixels)
    meter = _Meter(times)
    status, _ = child.feed("ffmpeg", arguments, ChildLimits(wall_s=3600, cpu_s=3600), meter.take)
    if status != 0:
        raise ToolError(f"The sound could not be decoded (ffmpeg ended with status {status}).")
    return meter.result()


class _Meter:
    """Sums the squares of the samples in the window around each time as they come by."""

    def __init__(self, times: NDArray[np.float64]) -> None:
        half = round(WINDOW * RATE / 2)
        middle = np.round(np.asarray(times, np.float64) * RATE).astype(np.int64)
        # The first times have half a window: nothing is known before the first frame.
        self._from, self._to = np.maximum(middle - half, 0), middle + half
        self._sums = np.zeros(len(middle), np.float64)
        self._seen, self._rest = 0, b""

    def take(self, part: bytes) -> None:
        """The next bytes; a piece may end within a sample."""
        data = self._rest + part
        whole = len(data) // 2 * 2
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").astype(np.float64) / 32768
        if not len(samples):
            return
        # Up to each sample, so that the sum over any window is one difference.
        upto = np.concatenate([[0.0], np.cumsum(samples * samples)])
        begin, end = self._seen, self._seen + len(samples)
        rows = slice(int(np.searchsorted(self._to, begin, "right")), int(np.searchsorted(self._from, end)))
        low, high = (np.clip(edge[rows], begin, end) - begin for edge in (self._from, self._to))
        self._sums[rows] += upto[high] - upto[low]
        self._seen = end

    def result(self) -> NDArray[np.float32]:
        """(n,) decibels."""
        power = self._sums / np.maximum(self._to - self._from, 1)
        return np.maximum(10 * np.log10(np.maximum(power, 1e-12)), SILENT).astype(np.float32)
