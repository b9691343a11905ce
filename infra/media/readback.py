"""Reading a finished file back: frame times, sound, and that nothing else is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.containers.hidden import hidden_in_video
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.reading import Packet, describe, foreign_tags, packets, presented_begin
from infra.media.video_info import VideoInfo

_QUICK = ChildLimits(wall_s=1800, cpu_s=1800)
_COPIED_APART = Fraction(2, 1000)
_ENCODED_APART = Fraction(50, 1000)


@dataclass(frozen=True)
class Readback:
    """What a finished file holds.

    Attributes:
        frames: pictures.
        audio_streams: number.
        copied: True when every audio stream has the very packets of the source.
        duration: seconds as the container states it.
    """

    frames: int
    audio_streams: int
    copied: bool
    duration: Fraction


def check_result(
    result: Path, source: Path, info: VideoInfo, audio: Mapping[int, str], limits: MediaLimits | None = None
) -> Readback:
    """Compare a finished mp4 with its source.

    Checked: one picture stream and the audio streams only, no chapters, no metadata beyond the container's own
    constants, nothing that a player does not show (`infra.media.containers.hidden`); presentation times relative to the
    first frame equal in exact arithmetic; copied audio identical packet for packet; each sound begins at the same
    distance from the first frame (2 ms for copies, packets that warm up the codec counted; 50 ms for re-encoded sound,
    counted from what is heard).

    Args:
        result: the finished mp4.
        source: the source.
        info: what `probe_video` said about the source.
        audio: source stream index -> "copy" or encoder name, as given to the join.
        limits: bounds on the input, the defaults when None.

    Returns:
        What the result holds.

    Raises:
        ToolError: they differ; the message names the first difference.
    """
    limits = limits or MediaLimits()
    description = describe(result, limits)
    streams = description["streams"]
    kinds = [entry.get("codec_type") for entry in streams]
    if kinds != ["video"] + ["audio"] * len(audio):
        raise ToolError("The result does not hold exactly one picture stream and the sound of the source.")
    _check_no_metadata(description)
    ours = packets(result, limits)
    base = Fraction(streams[0]["time_base"])
    stamps = [packet.pts for packet in ours.get(0, []) if packet.pts is not None]
    _check_times(stamps, base, info)
    theirs = packets(source, limits) if audio else {}
    first, source_first = min(stamps) * base, int(info.pts[0]) * info.time_base
    described = {stream.index: stream for stream in info.streams}
    for position, (index, codec) in enumerate(audio.items(), start=1):
        stream, mine = described[index], Fraction(streams[position]["time_base"])
        here, there = ours.get(position, []), theirs.get(index, [])
        if codec == "copy":
            lag, expected, apart = _first(here, mine), _first(there, stream.time_base), _COPIED_APART
        else:
            rate = int(streams[position].get("sample_rate", 0))
            lag, apart = presented_begin(here, mine, rate), _ENCODED_APART
            expected = presented_begin(there, stream.time_base, stream.sample_rate) + stream.hidden
        if abs((lag - first) - (expected - source_first)) > apart:
            raise ToolError("The sound of the result does not begin where it does in the source.")
    copied = {index: info.audio[index] for index, codec in audio.items() if codec == "copy"}
    if copied:
        placed = {p: info.audio[index] for p, index in enumerate(audio, start=1) if index in copied}
        if _hashes(source, copied, limits) != _hashes(result, placed, limits):
            raise ToolError("The copied sound is not identical to the source's.")
    if found := hidden_in_video(result, limits):
        raise ToolError(f"The result holds what a player does not show ({', '.join(found)}).")
    duration = Fraction(description["format"]["duration"])
    return Readback(len(stamps), len(audio), len(copied) == len(audio), duration)


def _check_no_metadata(description: dict[str, Any]) -> None:
    foreign = foreign_tags(description)
    if foreign or description.get("chapters"):
        raise ToolError(f"The result still holds metadata ({', '.join(sorted(set(foreign))) or 'chapters'}).")


def _check_times(unordered: list[int], time_base: Fraction, info: VideoInfo) -> None:
    stamps = sorted(unordered)
    if len(stamps) != info.frame_count:
        raise ToolError(f"The result holds {len(stamps)} frames where the source has {info.frame_count}.")
    ratio = info.time_base / time_base
    if any((s - stamps[0]) != int(p - info.pts[0]) * ratio for s, p in zip(stamps, info.pts, strict=True)):
        raise ToolError("The presentation times of the result differ from the source's.")


def _first(listed: list[Packet], time_base: Fraction) -> Fraction:
    return min((packet.pts * time_base for packet in listed if packet.pts is not None), default=Fraction(0))


def _hashes(path: Path, streams: Mapping[int, str], limits: MediaLimits) -> list[str]:
    found = child.run("ffmpeg", commands.audio_hashes(path, streams, limits.max_pixels), _QUICK)
    if found.status != 0:
        raise ToolError(f"The sound could not be hashed (ffmpeg ended with status {found.status}).")
    # Lines read "0,a,SHA256=..."; only the position and the digest count.
    return [line.rsplit("=", 1)[-1] for line in sorted(found.output.decode("ascii").split())]
