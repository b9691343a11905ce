"""Frames of a video, in order, through a bounded queue: an ffmpeg child decodes, a thread reads its pipe."""

from __future__ import annotations

import contextlib
import fcntl
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from infra.errors import MediaError, ToolError
from infra.media import child, commands
from infra.media.frame import YuvFrame
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.video_info import VideoInfo
from infra.reasons import Reason

_SILENCE_S = 300.0
_PIPE_BYTES = 1 << 20


@contextlib.contextmanager
def open_frames(
    path: Path, info: VideoInfo, threads: int = 1, queued: int = 8, limits: MediaLimits | None = None
) -> Iterator[Iterator[YuvFrame]]:
    """Decode a video once: `with open_frames(path, info) as frames: for frame in frames: ...`.

    Leaving the block early ends the child.

    Args:
        path: the file.
        info: what `probe_video` said about the same file.
        threads: of the decoder.
        queued: frames waiting at most, which bounds the memory for a video of any length.
        limits: bounds on the input, the defaults when None.

    Yields:
        An iterator over exactly info.frame_count frames with index and pts set, upright, 8 bit, limited range, as a
        viewer shows them: cropped, and what is transparent over black.

    Raises:
        MediaError: the file delivers more or fewer frames than were probed (`frame_mismatch`).
        ToolError: ffmpeg dies or falls silent.
    """
    limits = limits or MediaLimits()
    arguments = commands.decode_frames(path, info, limits.max_pixels, threads)
    with child.started("ffmpeg", arguments, ChildLimits()) as (process, _log):
        assert process.stdout is not None
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        reader = _Reader(process.stdout, info, queued)
        reader.start()
        try:
            yield _frames(reader, info, process)
        finally:
            reader.stop()
            process.kill()
            reader.join()


def _frames(reader: _Reader, info: VideoInfo, process: subprocess.Popen[bytes]) -> Iterator[YuvFrame]:
    count = 0
    while (frame := reader.take()) is not None:
        yield frame
        count += 1
    if reader.failure is not None:
        raise ToolError(f"The decoder's output could not be read after frame {count}.") from reader.failure
    if count < info.frame_count and (status := process.wait(_SILENCE_S)) < 0:
        raise ToolError(f"The decoder was ended by signal {-status} after frame {count}.")
    if count != info.frame_count or reader.surplus:
        raise MediaError(
            Reason.FRAME_MISMATCH,
            f"The decoder delivered {'more' if reader.surplus else count} frames where {info.frame_count} were probed.",
        )


class _Reader(threading.Thread):
    """Cuts the pipe into frames. Ends with None in the queue."""

    def __init__(self, pipe: IO[bytes], info: VideoInfo, queued: int) -> None:
        super().__init__(name="decode", daemon=True)
        self._pipe = pipe
        self._info = info
        self._queue: queue.Queue[YuvFrame | None] = queue.Queue(maxsize=max(1, queued))
        self._stopped = threading.Event()
        self.failure: OSError | ValueError | None = None
        self.surplus = False

    def run(self) -> None:
        try:
            for index in range(self._info.frame_count):
                frame = self._read(index)
                if frame is None or not self._put(frame):
                    break
            else:
                self.surplus = bool(self._pipe.read(1))
        except (OSError, ValueError) as error:
            self.failure = error
        self._put(None)

    def _read(self, index: int) -> YuvFrame | None:
        info = self._info
        data = np.empty(YuvFrame.shape_for(info.width, info.height), dtype=np.uint8)
        view = memoryview(data.data).cast("B")
        filled = 0
        while filled < len(view):
            received = self._pipe.readinto(view[filled:])  # type: ignore[attr-defined]
            if not received:
                return None
            filled += received
        return YuvFrame(index, int(info.pts[index]), info.width, info.height, data)

    def _put(self, item: YuvFrame | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def take(self) -> YuvFrame | None:
        """The next frame, None at the end. Raises ToolError when nothing comes for minutes."""
        try:
            return self._queue.get(timeout=_SILENCE_S)
        except queue.Empty:
            raise ToolError(f"ffmpeg delivered no frame for {_SILENCE_S:g} s and was ended.") from None

    def stop(self) -> None:
        self._stopped.set()
