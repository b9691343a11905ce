"""Whether a source has parts that are not opaque, which a player hides and a decoder without transparency shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from infra.errors import MediaError
from infra.media import child
from infra.media.commands import FORMATS, PROTOCOLS, address
from infra.media.limits import ChildLimits
from infra.reasons import Reason

_LIMITS = ChildLimits(memory_bytes=6 << 30, cpu_s=3600, wall_s=3600.0, output_bytes=1 << 20)
_PICTURES = {
    b"\x89PNG": "png_pipe", b"RIFF": "webp_pipe", b"BM": "bmp_pipe", b"II*\0": "tiff_pipe", b"MM\0*": "tiff_pipe",
}  # fmt: skip
_JPEG = b"\xff\xd8\xff"
_OPAQUE = 255
_LEAST = re.compile(rb"signalstats\.YMIN=(\d+)")


def translucent(path: Path) -> bool:
    """Return whether any pixel of a picture, or of any frame of a video, is not fully opaque.

    A WebM file that says it carries alpha counts as such, since ffmpeg's own decoders leave it out. So does a file with
    an alpha channel that cannot be decoded to its end.

    Args:
        path: The picture or video.

    Returns:
        Whether it is translucent somewhere.

    Raises:
        MediaError: When it cannot be read.
        ToolError: When ffprobe or ffmpeg cannot start, or exceeds its limits.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except OSError:
        raise MediaError(Reason.MISSING, "The source is not a readable file.") from None
    if beginning.startswith(_JPEG):
        return False
    guard = ["-v", "error", "-protocol_whitelist", PROTOCOLS, *_demuxer(beginning)]
    shown = ["-select_streams", "v:0", "-show_entries", "stream=pix_fmt:stream_tags=alpha_mode", "-of", "json"]
    done = child.run("ffprobe", [*guard, *shown, "-i", address(path)], _LIMITS, 1 << 20)
    try:
        (stream,) = json.loads(done.output or b"{}").get("streams", ())
    except ValueError:
        raise MediaError(Reason.UNREADABLE, "What the source shows cannot be told.") from None
    tags = {name.lower(): text for name, text in stream.get("tags", {}).items()}
    if tags.get("alpha_mode", "0") != "0":
        return True
    if not _alpha(str(stream.get("pix_fmt", ""))):
        return False
    least = "format=rgba,alphaextract,format=yuvj444p,signalstats,metadata=print:key=lavfi.signalstats.YMIN:file=-"
    command = [*guard, "-nostdin", "-i", address(path), "-map", "0:v:0", "-vf", least, "-f", "null", "-"]
    done = child.run("ffmpeg", command, _LIMITS, 256 << 20)
    values = [int(number) for number in _LEAST.findall(done.output)]
    return done.status != 0 or not values or min(values) < _OPAQUE


def _demuxer(beginning: bytes) -> list[str]:
    """Options that let ffmpeg read a file as a picture of its kind, or as a video of a kind that may be a source."""
    webp = beginning[8:12] == b"WEBP"
    kind = next((name for start, name in _PICTURES.items() if beginning.startswith(start)), "")
    picture = bool(kind) and (kind != "webp_pipe" or webp)
    return ["-f", kind] if picture else ["-format_whitelist", FORMATS]


def _alpha(pixel_format: str) -> bool:
    """Whether a pixel format of ffmpeg has room for transparency; palettes have."""
    return pixel_format.startswith(("yuva", "gbrap", "ya8", "ya16", "pal8", "ayuv", "vuya", "rgbaf")) or bool(
        re.match(r"(rgba|bgra|argb|abgr)", pixel_format)
    )
