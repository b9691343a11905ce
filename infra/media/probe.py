"""What a video file is: streams, exact time, geometry, colour; and a clear reason when it cannot be processed."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import MediaError, ToolError
from infra.media import child, commands
from infra.media.containers.headers import (
    bit_depth_of,
    colour_tag,
    declared_frames,
    is_cover,
    last_frame_duration,
    mean_rate,
    pixel_aspect,
    rotation_of,
)
from infra.media.containers.hevc import decoder_setup, has_layers
from infra.media.containers.shown import check_within_edits, has_alpha, presentation
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.video_info import VideoInfo
from infra.reasons import Reason

_PLAYLISTS = (
    b"#EXTM3U",
    b"ffconcat",
    b"<MPD",
    b"[playlist]",
    b"<SmoothStreamingMedia",
    b"<asx",
    b"v=0\r\no=",
    b"v=0\no=",
)
_TRUNCATED = ("partial file", "moov atom not found", "File ended prematurely", "Truncating packet", "truncated")
_ATOMS = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})
_HDR = frozenset({"smpte2084", "arib-std-b67"})


def probe_video(path: Path, limits: MediaLimits | None = None, threads: int = 1) -> VideoInfo:
    """Examine a local video file; decodes it once to learn the time of every frame.

    Not guaranteed: that every packet is intact; damaged pictures that the decoder can conceal are frames like any
    other.

    Args:
        path: the file.
        limits: bounds on the input, the defaults when None.
        threads: of the decoder.

    Returns:
        Everything about the video.

    Raises:
        MediaError: reasons missing, empty, playlist, not_media, truncated, no_video, too_small, too_large,
            unsupported_hdr, unsupported_rotation, unsupported_crop, unsupported_edits, unsupported_layers,
            bad_structure, size_changes, bad_timestamps.
        ToolError: ffprobe itself is missing or runs past its limits.
    """
    limits = limits or MediaLimits()
    _check_file(path, limits)
    headers = child.run("ffprobe", commands.probe_headers(path, limits.max_pixels), ChildLimits(wall_s=120, cpu_s=120))
    if headers.status != 0:
        raise _refusal(path, headers.messages)
    description = json.loads(headers.output or b"{}")
    picture = _picture_stream(path, description, headers.messages)
    width, height = int(picture.get("width", 0)), int(picture.get("height", 0))
    rotation, matrix_ok = rotation_of(picture)
    if not matrix_ok:
        raise MediaError(Reason.UNSUPPORTED_ROTATION, "The picture is rotated by no multiple of 90 degrees.")
    _check_size(width, height, declared_frames(picture, description), limits)
    if picture.get("color_transfer") in _HDR:
        raise MediaError(Reason.UNSUPPORTED_HDR, "The video is HDR (PQ or HLG); convert it to standard range first.")
    shown = presentation(path, description, picture)
    if picture.get("codec_name") == "hevc" and has_layers(decoder_setup(path, int(picture["index"]), limits)):
        raise MediaError(
            Reason.UNSUPPORTED_LAYERS, "The picture has layers (transparency or a second view); re-encode it."
        )
    time_base = Fraction(picture["time_base"])
    pts, durations, formats = _frame_times(path, picture, limits, threads, (width, height))
    fps = mean_rate(picture, pts, time_base)
    last = last_frame_duration(picture, pts, int(durations[-1]), fps * time_base)
    check_within_edits((int(pts[0]) * time_base, int(pts[-1]) * time_base), shown.edits)
    sample_aspect = pixel_aspect(picture) * shown.stretch
    width -= shown.crop[0] + shown.crop[2]
    height -= shown.crop[1] + shown.crop[3]
    _check_size(width, height, len(pts), limits)
    if rotation in (90, 270):
        width, height = height, width
        sample_aspect = 1 / sample_aspect if sample_aspect else sample_aspect
    container = description.get("format", {})
    spanned = (int(pts[-1] - pts[0]) + last) * time_base
    pix_fmt = str(picture.get("pix_fmt", ""))
    return VideoInfo(
        width=width,
        height=height,
        fps=fps,
        time_base=time_base,
        pts=pts,
        last_duration=last,
        start=Fraction(container.get("start_time", "0")),
        duration=Fraction(container["duration"]) if "duration" in container else spanned,
        stream=int(picture["index"]),
        codec=str(picture.get("codec_name", "")),
        rotation=rotation,
        pix_fmt=pix_fmt,
        bit_depth=bit_depth_of(pix_fmt, picture),
        full_range=picture.get("color_range") == "pc" or pix_fmt.startswith("yuvj"),
        color_space=colour_tag(picture, "color_space"),
        color_transfer=colour_tag(picture, "color_transfer"),
        color_primaries=colour_tag(picture, "color_primaries"),
        sample_aspect=sample_aspect,
        streams=shown.streams,
        chapters=len(description.get("chapters", [])),
        container=str(container.get("format_name", "")),
        alpha=has_alpha(picture, str(container.get("format_name", "")), formats),
        crop=shown.crop,
    )


def _check_file(path: Path, limits: MediaLimits) -> None:
    if not path.is_file():
        raise MediaError(Reason.MISSING, "The input is not a readable file.")
    size = path.stat().st_size
    if size == 0:
        raise MediaError(Reason.EMPTY, "The file has no content.")
    if size > limits.max_bytes:
        raise MediaError(Reason.TOO_LARGE, f"The file is larger than the limit of {limits.max_bytes} bytes.")
    with path.open("rb") as file:
        beginning = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if beginning.startswith(_PLAYLISTS) or (beginning.startswith(b"<?xml") and b"<MPD" in beginning):
        raise MediaError(
            Reason.PLAYLIST, "The file is a playlist that points to other files; give the media file itself."
        )


def _refusal(path: Path, messages: str) -> MediaError:
    with path.open("rb") as file:
        atom = file.read(8)[4:]
    # By the name alone ffprobe takes any file called .mp4 for one and misses its index.
    misnamed = "moov atom not found" in messages and atom not in _ATOMS
    if not misnamed and any(sign in messages for sign in _TRUNCATED):
        return MediaError(Reason.TRUNCATED, "The file is cut off: its index or its end is missing. Copy it again.")
    if "max_pixels" in messages or "Picture size" in messages:
        return MediaError(Reason.TOO_LARGE, "The frames are larger than the limit.")
    return MediaError(Reason.NOT_MEDIA, "The file is no video in a supported container.")


def _picture_stream(path: Path, description: dict[str, Any], messages: str) -> dict[str, Any]:
    streams = description.get("streams", [])
    if not streams:
        raise _refusal(path, messages)
    pictures = [s for s in streams if s.get("codec_type") == "video" and not is_cover(s)]
    if not pictures:
        raise MediaError(Reason.NO_VIDEO, "The file holds no moving picture (only sound, or a cover image).")
    default = [s for s in pictures if s.get("disposition", {}).get("default")]
    chosen: dict[str, Any] = (default or pictures)[0]
    if "time_base" not in chosen or chosen.get("codec_name", "unknown") == "unknown":
        raise MediaError(Reason.NOT_MEDIA, "The picture stream uses a codec that this ffmpeg cannot decode.")
    return chosen


def _check_size(width: int, height: int, frames: int, limits: MediaLimits) -> None:
    if width < 16 or height < 16:
        raise MediaError(Reason.TOO_SMALL, "The picture is smaller than 16 pixels.")
    if width * height > limits.max_pixels or width * height * frames > limits.max_total_pixels:
        raise MediaError(Reason.TOO_LARGE, f"{width}x{height} pixels by {frames} frames is over the limit.")


def _frame_times(
    path: Path, picture: dict[str, Any], limits: MediaLimits, threads: int, size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], set[str]]:
    """Presentation time and duration of each frame, in ticks, and the pixel formats that occur."""
    arguments = commands.probe_frames(path, int(picture["index"]), limits.max_pixels, threads)
    # About 100 bytes a line; a file with more frames than allowed is ended on the way, whatever its header claims.
    result = child.run("ffprobe", arguments, ChildLimits(), max_output=160 * limits.max_frames)
    rows = [line for line in result.output.decode("ascii", "replace").splitlines() if "best_effort_timestamp=" in line]
    if any(sign in result.messages for sign in _TRUNCATED):
        raise MediaError(
            Reason.TRUNCATED, "The file is cut off: frames that its index promises are missing. Copy it again."
        )
    if not rows:
        raise MediaError(Reason.NO_VIDEO, "The picture stream holds no frame that can be decoded.")
    if result.status != 0:
        raise ToolError(f"ffprobe ended with status {result.status} while it read the frames.")
    fields = [dict(pair.split("=", 1) for pair in row.split("|") if "=" in pair) for row in rows]
    _check_size(*size, len(fields), limits)
    if any((int(f.get("width", 0)), int(f.get("height", 0))) != size for f in fields):
        raise MediaError(Reason.SIZE_CHANGES, "The picture changes its size within the video; re-encode it first.")
    stamps = [f["best_effort_timestamp"] for f in fields]
    if not all(re.fullmatch(r"-?\d+", stamp) for stamp in stamps):
        raise MediaError(Reason.BAD_TIMESTAMPS, "Frames without presentation time; remux the video first.")
    pts = np.array([int(stamp) for stamp in stamps], dtype=np.int64)
    if pts.size > 1 and not bool(np.all(np.diff(pts) > 0)):
        raise MediaError(Reason.BAD_TIMESTAMPS, "The frames' presentation times do not increase; remux it first.")
    durations = [f.get("duration", f.get("pkt_duration", "0")) for f in fields]
    formats = {f.get("pix_fmt", "") for f in fields}
    return pts, np.array([int(d) if d.isdigit() else 0 for d in durations], dtype=np.int64), formats
