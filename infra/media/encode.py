"""Encoding of our own frames to H.264 with the source's exact presentation times, in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from infra.errors import SpaceError, ToolError
from infra.media.frame import YuvFrame
from infra.media.video_info import VideoInfo
from infra.storage.faults import full_disk

# Values of ISO/IEC 23091-2, by the names ffprobe prints.
_PRIMARIES = {"bt709": 1, "bt470m": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "film": 8, "bt2020": 9}
_TRANSFERS = {
    "bt709": 1, "gamma22": 4, "bt470m": 4, "gamma28": 5, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "linear": 8,
    "iec61966-2-4": 11, "iec61966-2-1": 13, "bt2020-10": 14, "bt2020-12": 15,
}  # fmt: skip
_MATRICES = {"bt709": 1, "fcc": 4, "bt470bg": 5, "smpte170m": 6, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 10}
_LIMITED = 1
_BT601 = 6
_BT709 = 1


def timescale(info: VideoInfo) -> tuple[int, int]:
    """Work out the clock of the encoded file, exactly.

    Args:
        info: gives the source's time base.

    Returns:
        Ticks per second, and how many of them one unit of the source's time base is.
    """
    return info.time_base.denominator, info.time_base.numerator


class Encoder:
    """Takes frames in order; see `open_encoder`."""

    def __init__(self, path: Path, info: VideoInfo, crf: int, preset: str, threads: int, queued: int) -> None:
        self._info = info
        self._path = path
        self._scale, self._step = timescale(info)
        ends = np.append(info.pts[1:], info.pts[-1] + info.last_duration)
        self._durations = {
            int(p - info.pts[0]) * self._step: int(e - p) * self._step for p, e in zip(info.pts, ends, strict=True)
        }
        self._settings = (crf, preset, threads)
        self._queue: queue.Queue[YuvFrame | None] = queue.Queue(maxsize=max(1, queued))
        self._failure: Exception | None = None
        self._written = 0
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def write(self, frame: YuvFrame) -> None:
        """Hand over the next frame; the caller must not change it afterwards.

        Args:
            frame: the frame.

        Raises:
            ToolError: frames arrive out of order, or the encoder has failed.
        """
        if frame.index != self._written or frame.pts != int(self._info.pts[self._written]):
            raise ToolError(f"Frame {frame.index} was handed to the encoder where frame {self._written} was due.")
        self._written += 1
        self._put(frame)

    def finish(self) -> None:
        """Flush everything and close the file.

        Raises:
            ToolError: a frame is missing, or encoding failed.
        """
        self._put(None)
        self._thread.join()
        if self._failure is not None:
            raise _error(self._failure) from self._failure
        if self._written != self._info.frame_count:
            raise ToolError(f"The encoder got {self._written} of {self._info.frame_count} frames.")

    def abandon(self) -> None:
        """Stop and remove the unfinished file."""
        while self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=0.2)
                self._thread.join()
        self._path.unlink(missing_ok=True)

    def _put(self, item: YuvFrame | None) -> None:
        while self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=0.2)
                return
        if self._failure is not None:
            raise _error(self._failure) from self._failure

    def _run(self) -> None:
        try:
            options = {"video_track_timescale": str(self._scale), "movie_timescale": str(self._scale)}
            with av.open(str(self._path), "w", format="mp4", options=options) as container:
                stream = self._stream(container)
                while (frame := self._queue.get()) is not None:
                    self._mux(container, stream, self._picture(frame))
                self._mux(container, stream, None)
        except Exception as error:  # handed to the caller's thread, which raises
            self._failure = error

    def _stream(self, container: av.container.OutputContainer) -> VideoStream:
        info, (crf, preset, threads) = self._info, self._settings
        stream = container.add_stream("libx264", rate=info.fps.limit_denominator(65535))
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, info.pixel_format
        context = stream.codec_context
        context.time_base = Fraction(1, self._scale)
        stream.time_base = Fraction(1, self._scale)
        context.thread_count = threads
        # Without B frames decoding and presentation order agree, so the container can hold every duration exactly.
        context.options = {"crf": str(crf), "preset": preset, "bf": "0"}
        context.color_range = _LIMITED
        rgb_source = info.color_space == "gbr" or not info.pix_fmt.startswith(("yuv", "nv", "gray", "p0"))
        # ffmpeg turns RGB into YUV by BT.601; without the tag a player would guess by the size of the picture.
        matrix = _BT601 if rgb_source else _MATRICES.get(info.color_space)
        for name, value in (
            ("colorspace", matrix),
            ("color_primaries", _BT709 if rgb_source else _PRIMARIES.get(info.color_primaries)),
            ("color_trc", _BT709 if rgb_source else _TRANSFERS.get(info.color_transfer)),
        ):
            if value is not None:
                setattr(context, name, value)
        if info.sample_aspect > 0:
            context.sample_aspect_ratio = info.sample_aspect
        return stream

    def _picture(self, frame: YuvFrame) -> av.VideoFrame:
        picture = av.VideoFrame.from_ndarray(frame.data, format=self._info.pixel_format)
        picture.pts = (frame.pts - int(self._info.pts[0])) * self._step
        picture.time_base = Fraction(1, self._scale)
        return picture

    def _mux(self, container: av.container.OutputContainer, stream: VideoStream, picture: av.VideoFrame | None) -> None:
        for packet in stream.encode(picture):
            if packet.pts is not None:
                packet.duration = self._durations[packet.pts]
            container.mux(packet)


@contextlib.contextmanager
def open_encoder(
    path: Path, info: VideoInfo, crf: int = 16, preset: str = "veryfast", threads: int = 2, queued: int = 8
) -> Iterator[Encoder]:
    """Encode frames to an mp4 without sound: `with open_encoder(path, info) as out: out.write(frame)`.

    The first frame gets time zero, all others their exact distance from it in the source's own time base. Leaving the
    block by an exception removes the file. x264 is GPL; it comes with the PyAV package.

    Args:
        path: mp4 to write.
        info: gives size, presentation times, colour tags and pixel aspect ratio.
        crf: quality of x264, 16 is visually lossless.
        preset: speed of x264.
        threads: of the encoder.
        queued: frames waiting at most.

    Yields:
        The encoder, which takes the frames.

    Raises:
        ToolError: frames are missing, out of order, or cannot be encoded.
    """
    encoder = Encoder(path, info, crf, preset, threads, queued)
    try:
        yield encoder
        encoder.finish()
    except BaseException:
        encoder.abandon()
        raise


def _error(failure: BaseException) -> ToolError:
    return SpaceError() if full_disk(failure) else ToolError("The encoder failed.")
