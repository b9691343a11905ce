"""What ffprobe lists of a file: its description, metadata that is not the container's own, and its packets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits

_QUICK = ChildLimits(wall_s=1800, cpu_s=1800)
_HARMLESS: dict[str, set[str] | None] = {
    "major_brand": None,
    "minor_version": None,
    "compatible_brands": None,
    "language": {"und"},
    "handler_name": {"VideoHandler", "SoundHandler"},
    "vendor_id": {"[0][0][0][0]"},
}
_SKIPPED = re.compile(r"\bskip_samples=(\d+)")


@dataclass(frozen=True)
class Packet:
    """One packet of a stream.

    Attributes:
        pts: ticks of the stream, None where the file states none.
        dropped: whether a player shows nothing of it.
        skipped: samples to discard from its beginning on.
        position, size: bytes in the file, -1 where not known.
    """

    pts: int | None
    dropped: bool
    skipped: int
    position: int
    size: int


def describe(path: Path, limits: MediaLimits) -> dict[str, Any]:
    """Read container, streams and chapters of a finished file.

    Args:
        path: the file.
        limits: bounds on the input.

    Returns:
        ffprobe's description.

    Raises:
        ToolError: ffprobe cannot read it.
    """
    found = child.run("ffprobe", commands.probe_headers(path, limits.max_pixels), _QUICK)
    if found.status != 0:
        raise ToolError(f"A finished file could not be read back (ffprobe ended with status {found.status}).")
    description: dict[str, Any] = json.loads(found.output)
    return description


def foreign_tags(description: Mapping[str, Any]) -> list[str]:
    """List the metadata entries that are not the container's own constants.

    Args:
        description: ffprobe's, see `describe`.

    Returns:
        Names of the entries.
    """
    tagged = [description.get("format", {}), *description.get("streams", []), *description.get("chapters", [])]
    names = []
    for part in tagged:
        for name, value in part.get("tags", {}).items():
            allowed = _HARMLESS.get(name, set())
            if allowed is not None and value not in allowed:
                names.append(name)
    return names


def packets(path: Path, limits: MediaLimits, whole_movie: bool = False) -> dict[int, list[Packet]]:
    """List the packets of every stream.

    Args:
        path: the file.
        limits: bounds on the input.
        whole_movie: also those which an mp4's edit list hides; for no other container.

    Returns:
        Stream index -> packets, in the file's order.

    Raises:
        ToolError: ffprobe fails.
    """
    arguments = commands.probe_packets(path, limits.max_pixels, whole_movie)
    found = child.run("ffprobe", arguments, _QUICK, max_output=1 << 30)
    if found.status != 0:
        raise ToolError(f"The packets of a file could not be listed (ffprobe ended with status {found.status}).")
    listed: dict[int, list[Packet]] = {}
    for line in found.output.decode("ascii", "replace").splitlines():
        entry = dict(pair.split("=", 1) for pair in line.split("|") if "=" in pair)
        if "stream_index" not in entry:
            continue
        skipped = _SKIPPED.search(line)
        listed.setdefault(int(entry["stream_index"]), []).append(
            Packet(
                pts=_number(entry.get("pts", "")),
                dropped="D" in entry.get("flags", ""),
                skipped=int(skipped.group(1)) if skipped else 0,
                position=_number(entry.get("pos", "")) or -1,
                size=_number(entry.get("size", "")) or -1,
            )
        )
    return listed


def coded_size(path: Path, stream: int, limits: MediaLimits) -> tuple[int, int]:
    """Read the size of the first frame of an mp4's stream before the codec's own cropping.

    Args:
        path: the mp4.
        stream: index of the stream.
        limits: bounds on the input.

    Returns:
        Width and height in pixels.

    Raises:
        ToolError: the frame cannot be read.
    """
    found = child.run("ffprobe", commands.probe_coded_size(path, stream, limits.max_pixels), _QUICK)
    size = re.search(r"\bwidth=(\d+)\|height=(\d+)", found.output.decode("ascii", "replace"))
    if found.status != 0 or size is None:
        raise ToolError(f"The first frame of a file could not be read (ffprobe ended with status {found.status}).")
    return int(size[1]), int(size[2])


def presented_begin(listed: Sequence[Packet], time_base: Fraction, rate: int) -> Fraction:
    """Work out when a sound begins to be heard.

    Args:
        listed: packets of its stream.
        time_base: seconds of a tick.
        rate: samples a second, 0 where not known.

    Returns:
        Seconds, 0 when no packet states a time.
    """
    stamps = [packet.pts for packet in listed if packet.pts is not None]
    heard = [packet.pts for packet in listed if packet.pts is not None and not packet.dropped]
    if not stamps:
        return Fraction(0)
    skipped = Fraction(listed[0].skipped, rate) if rate else Fraction(0)
    return max(min(heard or stamps) * time_base, min(stamps) * time_base + skipped)


def _number(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdigit() else None
