"""How long a video is by its headers alone: cheap, and good enough to share out work."""

from __future__ import annotations

import json
from pathlib import Path

from infra.errors import AnonflowError, MediaError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits
from infra.reasons import Reason

HEAD = 1 << 20
"""Bytes from the beginning, and as many from the end, that hold the headers of nearly all files."""


def declared_seconds(path: Path) -> float:
    """Read the length of a video as its container states it.

    Not guaranteed: that the statement is true, or that the file can be decoded.

    Args:
        path: the file.

    Returns:
        Seconds.

    Raises:
        MediaError: it states nothing usable (`not_media`).
    """
    limits = ChildLimits(wall_s=60, cpu_s=60)
    try:
        headers = child.run("ffprobe", commands.probe_headers(path, MediaLimits().max_pixels), limits)
        description = json.loads(headers.output or b"{}")
        stated = [description.get("format", {}).get("duration")]
        stated += [stream.get("duration") for stream in description.get("streams", [])]
        seconds = max((float(value) for value in stated if value is not None), default=0.0)
    except (AnonflowError, ValueError):
        seconds = 0.0
    if not 0 < seconds < 1e7:
        raise MediaError(Reason.NOT_MEDIA, "The file states no duration.")
    return seconds


def partial_copy(target: Path, size: int, head: bytes, tail: bytes) -> None:
    """Write a file of which only the beginning and the end are there; the hole takes no room.

    Args:
        target: file to write.
        size: bytes of the whole file.
        head: bytes at its beginning.
        tail: bytes at its end.
    """
    with target.open("wb") as file:
        file.write(head)
        file.truncate(max(size, len(head)))
        file.seek(max(size - len(tail), 0))
        file.write(tail)
