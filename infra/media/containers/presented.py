"""Which samples of a sound a player discards, and whether anything can be heard in them.

A sound stream is decoded twice: as a player presents it, and with everything that is in its packets. Every encoder
leaves some silent samples before its sound, and most leave some after it; edit lists can hide whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.containers.shown import COARSEST_CLOCK
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.video_info import StreamInfo

MOST_DISCARDED = 4224
"""Samples that an encoder leaves before or after its sound at most: 2112 of AAC, doubled by its band replication."""
_SILENT = 10 ** (-60 / 20)
_QUIETER = 10 ** (-20 / 20)
_WINDOW = 1024
_KEPT = 2 * MOST_DISCARDED
_CHILD = ChildLimits(wall_s=3600, cpu_s=3600)

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Discarded:
    """What a player discards of a sound.

    Attributes:
        head, tail: samples of each channel before and after what is presented.
        quiet: whether nothing is heard in them.
    """

    head: int
    tail: int
    quiet: bool


def discarded(path: Path, stream: StreamInfo, container: str, limits: MediaLimits | None = None) -> Discarded | None:
    """Compare a sound with what a player presents of it.

    Quiet means: below -60 decibels of full scale, or 20 decibels below the loudest of what is presented next to it.

    Args:
        path: the file.
        stream: gives index, channels, and what the container hides.
        container: ffmpeg's name of the format.
        limits: bounds on the input, the defaults when None.

    Returns:
        What is discarded; None when what is presented is not one piece of everything that is there, or when more is
        discarded than `MOST_DISCARDED` on either side.

    Raises:
        ToolError: the sound cannot be decoded.
    """
    limits = limits or MediaLimits()
    begin, end = presented_samples(stream)
    whole = _decoded(path, stream, container, True, (0, None), limits)
    played = _decoded(path, stream, container, False, (begin, end), limits)
    surplus = whole.count - played.count
    for head in range(min(surplus, MOST_DISCARDED) + 1):
        tail = surplus - head
        if tail <= MOST_DISCARDED and whole.without(head, tail) == played.sums:
            return Discarded(head, tail, _is_quiet(whole.first, head) and _is_quiet(whole.last[::-1], tail))
    return None


def presented_samples(stream: StreamInfo) -> tuple[int, int | None]:
    """Work out which samples are presented of what ffmpeg decodes.

    Args:
        stream: gives the sample rate and what the container hides.

    Returns:
        First sample, and the one after the last; None is the end.
    """
    begin = round(stream.hidden * stream.sample_rate)
    if stream.length == 0:
        return begin, None
    # Rounded up by what a coarse clock of the container may have cut off.
    return begin, begin + int((stream.length + COARSEST_CLOCK) * stream.sample_rate) + 1


def _is_quiet(outward: Samples, count: int) -> bool:
    """Whether the first `count` rows are; what follows them is presented."""
    if count == 0:
        return True
    loud = _level(outward[:count])
    beside = [
        _level(outward[at : at + _WINDOW]) for at in range(count, min(count + MOST_DISCARDED, len(outward)), _WINDOW)
    ]
    return loud <= _SILENT or loud <= _QUIETER * max(beside, default=0.0)


def _level(samples: Samples) -> float:
    """Root mean square of the loudest channel, 1 is full scale."""
    if not len(samples):
        return 0.0
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean(axis=0).max()) / 32768)


class _Sums:
    """Sums over a sound that do not need all of it: their first and last samples, and three weighted sums.

    The weights are 1, i and i squared, for the i-th sample, modulo 2 to the 64th. They tell whether a part of one
    sound equals another, without keeping either.
    """

    def __init__(self, channels: int, begin: int, end: int | None) -> None:
        self._channels, self._begin, self._end = channels, begin, end
        self._position, self._rest = 0, b""
        self.count = 0
        self.sums = _none()
        self.first: Samples = np.zeros((0, channels), np.int16)
        self.last: Samples = np.zeros((0, channels), np.int16)

    def take(self, part: bytes) -> None:
        """The next bytes, 16 bit samples of all channels in turn; a piece may end within a sample."""
        data = self._rest + part
        whole = len(data) // (2 * self._channels) * (2 * self._channels)
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, self._channels)
        start, self._position = self._position, self._position + len(samples)
        stop = len(samples) if self._end is None else max(self._end - start, 0)
        samples = samples[max(self._begin - start, 0) : stop]
        if not len(samples):
            return
        self.sums = self.sums + _weighted(samples, self.count)
        self.count += len(samples)
        if len(self.first) < _KEPT:
            self.first = np.concatenate([self.first, samples[: _KEPT - len(self.first)]])
        self.last = np.concatenate([self.last, samples[-_KEPT:]])[-_KEPT:]

    def without(self, head: int, tail: int) -> _Weighted:
        """The sums of this sound without its first and last samples; both at most `MOST_DISCARDED`."""
        left = _weighted(self.first[:head], 0)
        right = _weighted(self.last[len(self.last) - tail :], self.count - tail)
        return (self.sums - left - right).moved(head)


@dataclass(frozen=True)
class _Weighted:
    plain: int
    by_place: int
    by_square: int

    def __add__(self, other: _Weighted) -> _Weighted:
        return _wrapped(self.plain + other.plain, self.by_place + other.by_place, self.by_square + other.by_square)

    def __sub__(self, other: _Weighted) -> _Weighted:
        return _wrapped(self.plain - other.plain, self.by_place - other.by_place, self.by_square - other.by_square)

    def moved(self, by: int) -> _Weighted:
        """The same samples, counted from a later one."""
        return _wrapped(
            self.plain, self.by_place - by * self.plain, self.by_square - 2 * by * self.by_place + by * by * self.plain
        )


def _wrapped(*values: int) -> _Weighted:
    plain, by_place, by_square = (value % (1 << 64) for value in values)
    return _Weighted(plain, by_place, by_square)


def _none() -> _Weighted:
    return _Weighted(0, 0, 0)


def _weighted(samples: Samples, start: int) -> _Weighted:
    # Channels get different weights, so that one taken for another does not pass for the same sound.
    mixed = (samples.astype(np.int64) * (2 * np.arange(samples.shape[1]) + 1)).sum(axis=1).view(np.uint64)
    place = np.arange(start, start + len(samples), dtype=np.uint64)
    once = mixed * place
    return _wrapped(int(mixed.sum()), int(once.sum()), int((once * place).sum()))


def _decoded(
    path: Path,
    stream: StreamInfo,
    container: str,
    everything: bool,
    window: tuple[int, int | None],
    limits: MediaLimits,
) -> _Sums:
    sums = _Sums(max(stream.channels, 1), *window)
    arguments = commands.decode_samples(
        path, stream.index, max(stream.channels, 1), everything and "mp4" in container.split(","), everything,
        limits.max_pixels,
    )  # fmt: skip
    status, _ = child.feed("ffmpeg", arguments, _CHILD, sums.take)
    if status != 0:
        raise ToolError(f"The sound could not be decoded (ffmpeg ended with status {status}).")
    return sums
