"""Reading a finished file back: frame times, sound, and that nothing else is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.probe import VideoInfo

_QUICK = ChildLimits(wall_s=1800, cpu_s=1800)
_HARMLESS = {
    "major_brand": None,
    "minor_version": None,
    "compatible_brands": None,
    "language": {"und"},
    "handler_name": {"VideoHandler", "SoundHandler"},
    "vendor_id": {"[0][0][0][0]"},
}


@dataclass(frozen=True)
class Readback:
    """What a finished file holds. frames: pictures. audio_streams: number. copied: True when every audio stream
    has the very packets of the source. duration: seconds as the container states it.
    """

    frames: int
    audio_streams: int
    copied: bool
    duration: Fraction


def check_result(
    result: Path, source: Path, info: VideoInfo, audio: Mapping[int, str], limits: MediaLimits | None = None
) -> Readback:
    """Compare a finished mp4 with its source.

    audio: source stream index -> "copy" or encoder name, as given to the join. Checked: one picture stream and the
    audio streams only, no chapters, no metadata beyond the container's own constants; presentation times relative to
    the first frame equal in exact arithmetic; copied audio identical packet for packet; each sound stream begins at
    the same distance from the first frame (2 ms for copies; 150 ms for re-encoded sound, where the packets that warm
    up either codec count as sound). Raises ToolError naming the first difference.
    """
    limits = limits or MediaLimits()
    description = _describe(result, limits)
    streams = description["streams"]
    kinds = [entry.get("codec_type") for entry in streams]
    if kinds != ["video"] + ["audio"] * len(audio):
        raise ToolError("The result does not hold exactly one picture stream and the sound of the source.")
    _check_no_metadata(description)
    ours = _packets(result, limits)
    base = Fraction(streams[0]["time_base"])
    _check_times(ours.get(0, []), base, info)
    theirs = _packets(source, limits) if audio else {}
    first = min(ours[0]) * base
    source_first = int(info.pts[0]) * info.time_base
    bases = {stream.index: stream.time_base for stream in info.streams}
    for position, (index, codec) in enumerate(audio.items(), start=1):
        lag = _begin(ours.get(position, []), Fraction(streams[position]["time_base"])) - first
        expected = _begin(theirs.get(index, []), bases[index]) - source_first
        if abs(lag - expected) > (Fraction(2, 1000) if codec == "copy" else Fraction(150, 1000)):
            raise ToolError("The sound of the result does not begin where it does in the source.")
    copied = {index: info.audio[index] for index, codec in audio.items() if codec == "copy"}
    if copied:
        placed = {p: info.audio[index] for p, index in enumerate(audio, start=1) if index in copied}
        if _hashes(source, copied, limits) != _hashes(result, placed, limits):
            raise ToolError("The copied sound is not identical to the source's.")
    duration = Fraction(description["format"]["duration"])
    return Readback(len(ours[0]), len(audio), len(copied) == len(audio), duration)


def leftovers(result: Path, limits: MediaLimits | None = None) -> tuple[str, ...]:
    """Names of metadata entries in a file that are not the container's own constants (names only, never values)."""
    return tuple(_foreign_tags(_describe(result, limits or MediaLimits())))


def _describe(path: Path, limits: MediaLimits) -> dict[str, Any]:
    found = child.run("ffprobe", commands.probe_headers(path, limits.max_pixels), _QUICK)
    if found.status != 0:
        raise ToolError(f"A finished file could not be read back (ffprobe ended with status {found.status}).")
    description: dict[str, Any] = json.loads(found.output)
    return description


def _foreign_tags(description: dict[str, Any]) -> list[str]:
    tagged = [description.get("format", {}), *description.get("streams", []), *description.get("chapters", [])]
    names = []
    for part in tagged:
        for name, value in part.get("tags", {}).items():
            allowed = _HARMLESS.get(name, set())
            if allowed is not None and value not in allowed:
                names.append(name)
    return names


def _check_no_metadata(description: dict[str, Any]) -> None:
    foreign = _foreign_tags(description)
    if foreign or description.get("chapters"):
        raise ToolError(f"The result still holds metadata ({', '.join(sorted(set(foreign))) or 'chapters'}).")


def _packets(path: Path, limits: MediaLimits) -> dict[int, list[int]]:
    arguments = commands.probe_packets(path, limits.max_pixels)
    found = child.run("ffprobe", arguments, _QUICK, max_output=1 << 30)
    if found.status != 0:
        raise ToolError(f"The packets of a file could not be listed (ffprobe ended with status {found.status}).")
    stamps: dict[int, list[int]] = {}
    for line in found.output.decode("ascii", "replace").splitlines():
        entry = dict(pair.split("=", 1) for pair in line.split("|") if "=" in pair)
        if entry.get("pts", "N/A").lstrip("-").isdigit():
            stamps.setdefault(int(entry["stream_index"]), []).append(int(entry["pts"]))
    return stamps


def _check_times(unordered: list[int], time_base: Fraction, info: VideoInfo) -> None:
    stamps = sorted(unordered)
    if len(stamps) != info.frame_count:
        raise ToolError(f"The result holds {len(stamps)} frames where the source has {info.frame_count}.")
    ratio = info.time_base / time_base
    if any((s - stamps[0]) != int(p - info.pts[0]) * ratio for s, p in zip(stamps, info.pts, strict=True)):
        raise ToolError("The presentation times of the result differ from the source's.")


def _begin(stamps: list[int], time_base: Fraction) -> Fraction:
    return min(stamps) * time_base if stamps else Fraction(0)


def _hashes(path: Path, streams: Mapping[int, str], limits: MediaLimits) -> list[str]:
    found = child.run("ffmpeg", commands.audio_hashes(path, streams, limits.max_pixels), _QUICK)
    if found.status != 0:
        raise ToolError(f"The sound could not be hashed (ffmpeg ended with status {found.status}).")
    # Lines read "0,a,SHA256=..."; only the position and the digest count.
    return [line.rsplit("=", 1)[-1] for line in sorted(found.output.decode("ascii").split())]
