"""Streams of frames turned by quarters, for files whose people lie on their side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from infra.media.frame import YuvFrame

OpenFrames = Callable[[], AbstractContextManager[Iterator[YuvFrame]]]


class Sink(Protocol):
    """Takes finished frames in order."""

    def write(self, frame: YuvFrame) -> None:
        """Take the next frame.

        Args:
            frame: the frame.
        """


def open_turned(frames: OpenFrames, angle: int) -> OpenFrames:
    """Turn the frames of a stream clockwise.

    Args:
        frames: opens the frames.
        angle: 0, 90, 180 or 270 degrees.

    Returns:
        Opens the same frames, turned.
    """
    if angle % 360 == 0:
        return frames

    @contextlib.contextmanager
    def opened() -> Iterator[Iterator[YuvFrame]]:
        with frames() as stream:
            yield (frame.turned(angle) for frame in stream)

    return opened


class TurnedSink:
    """Hands frames on, turned clockwise by an angle of 0, 90, 180 or 270 degrees."""

    def __init__(self, sink: Sink, angle: int) -> None:
        self._sink = sink
        self._angle = angle

    def write(self, frame: YuvFrame) -> None:
        """Turn the next frame and hand it on.

        Args:
            frame: the frame.
        """
        self._sink.write(frame.turned(self._angle))
