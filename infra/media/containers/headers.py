"""Reading the values of ffprobe's header description; pure functions over its JSON."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.media.video_info import StreamInfo


def stream_info(entry: dict[str, Any]) -> StreamInfo:
    """Read one stream and take it to be presented as a whole.

    Args:
        entry: the stream as ffprobe describes it.

    Returns:
        The stream, with `hidden` and `length` 0.
    """
    return StreamInfo(
        index=int(entry["index"]),
        kind=str(entry.get("codec_type", "unknown")),
        codec=str(entry.get("codec_name", "unknown")),
        time_base=fraction(entry.get("time_base", "0/1")),
        channels=int(entry.get("channels", 0)),
        sample_rate=int(entry.get("sample_rate", 0)),
        cover=is_cover(entry),
        enabled=True,
        hidden=Fraction(0),
        length=Fraction(0),
    )


def is_cover(stream: dict[str, Any]) -> bool:
    """Say whether a picture stream is a still cover image.

    Args:
        stream: the stream as ffprobe describes it.

    Returns:
        True for an attached picture or timed thumbnails.
    """
    disposition = stream.get("disposition", {})
    return bool(disposition.get("attached_pic") or disposition.get("timed_thumbnails"))


def rotation_of(stream: dict[str, Any]) -> tuple[int, bool]:
    """Read the rotation that the decoder applies.

    Args:
        stream: the stream as ffprobe describes it.

    Returns:
        Degrees counterclockwise (0, 90, 180, 270), and whether the angle is one of these.
    """
    for entry in stream.get("side_data_list", []):
        if "rotation" in entry:
            angle = float(entry["rotation"])
            nearest = round(angle / 90) * 90
            return nearest % 360, abs(angle - nearest) < 0.5
    return 0, True


def declared_frames(stream: dict[str, Any], description: dict[str, Any]) -> int:
    """Read the number of frames by the header, which may be wrong.

    Args:
        stream: the stream as ffprobe describes it.
        description: ffprobe's description of the whole file.

    Returns:
        Number of frames, 0 when the header does not say.
    """
    if "nb_frames" in stream:
        return int(stream["nb_frames"])
    seconds = float(stream.get("duration", description.get("format", {}).get("duration", 0)))
    return int(seconds * float(fraction(stream.get("avg_frame_rate", "0/0"))))


def mean_rate(stream: dict[str, Any], pts: NDArray[np.int64], time_base: Fraction) -> Fraction:
    """Work out the mean frame rate.

    Args:
        stream: the stream as ffprobe describes it.
        pts: (n,) presentation times in units of `time_base`.
        time_base: seconds.

    Returns:
        Frames per second as the header states them, else by the time stamps, else 25.
    """
    declared = fraction(stream.get("avg_frame_rate", "0/0")) or fraction(stream.get("r_frame_rate", "0/0"))
    if declared > 0:
        return declared
    span = int(pts[-1] - pts[0]) * time_base
    return Fraction(pts.size - 1) / span if span > 0 else Fraction(25)


def last_frame_duration(stream: dict[str, Any], pts: NDArray[np.int64], stated: int, frames_per_tick: Fraction) -> int:
    """Work out how long the last frame stays.

    Args:
        stream: the stream as ffprobe describes it.
        pts: (n,) presentation times in ticks.
        stated: ticks that the decoder states for the last frame, 0 when it does not.
        frames_per_tick: mean frame rate.

    Returns:
        Ticks.
    """
    usual = max(1, round(1 / frames_per_tick))
    # The declared end of the stream is exact where it is plausible; a decoder only guesses how long a frame stays.
    if "start_pts" in stream and "duration_ts" in stream:
        remaining = int(stream["start_pts"]) + int(stream["duration_ts"]) - int(pts[-1])
        if 0 < remaining <= 4 * usual:
            return remaining
    return stated if stated > 0 else usual


def fraction(text: str) -> Fraction:
    """Read `a/b` or `a:b`.

    Args:
        text: the fraction as text.

    Returns:
        The fraction, 0 when the text is no fraction.
    """
    numerator, _, denominator = text.replace(":", "/").partition("/")
    if not numerator.lstrip("-").isdigit() or not (denominator or "1").isdigit() or int(denominator or 1) == 0:
        return Fraction(0)
    return Fraction(int(numerator), int(denominator or 1))


def pixel_aspect(stream: dict[str, Any]) -> Fraction:
    """Read the pixel aspect ratio.

    Args:
        stream: the stream as ffprobe describes it.

    Returns:
        Width over height of a pixel, 0 when the header does not say.
    """
    return fraction(str(stream.get("sample_aspect_ratio", "0:1")))


def bit_depth_of(pix_fmt: str, stream: dict[str, Any]) -> int:
    """Read the bit depth.

    Args:
        pix_fmt: ffmpeg's name of the pixel format.
        stream: the stream as ffprobe describes it.

    Returns:
        Bits per sample.
    """
    declared = str(stream.get("bits_per_raw_sample", ""))
    if declared.isdigit() and int(declared) > 0:
        return int(declared)
    deep = re.search(r"(9|10|12|14|16)(le|be)$", pix_fmt)
    return int(deep.group(1)) if deep else 8


def colour_tag(stream: dict[str, Any], name: str) -> str:
    """Read a colour tag.

    Args:
        stream: the stream as ffprobe describes it.
        name: ffprobe's name of the tag, such as `color_space`.

    Returns:
        The tag, empty when the header does not say.
    """
    value = str(stream.get(name, ""))
    return "" if value in ("unknown", "reserved", "unspecified") else value
