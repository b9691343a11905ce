"""What does not need faces: frames, their times, size, sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.video_info import VideoInfo


def times(source: VideoInfo, result: VideoInfo) -> dict[str, Any]:
    """Frames of the source whose time the result lacks, and the reverse (counts, 0 is best); exact, from the first
    frame on. Also whether all times and the size in pixels are equal."""
    ours, theirs = ([Fraction(int(p - i.pts[0])) * i.time_base for p in i.pts] for i in (source, result))
    return {
        "frames": source.frame_count,
        "frames_dropped": len(set(ours) - set(theirs)),
        "frames_added": len(theirs) - len(set(ours) & set(theirs)),
        "times_equal": ours == theirs,
        "size_equal": (source.width, source.height) == (result.width, result.height),
    }


def sound(source: Path, result: Path, infos: tuple[VideoInfo, VideoInfo]) -> str:
    """How the sound compares, best first: packets identical, samples identical, no sound, or else what differs."""
    if not infos[0].audio and not infos[1].audio:
        return "no sound"
    if len(infos[0].audio) != len(infos[1].audio):
        return "different number of streams"
    for decoded, answer in ((False, "packets identical"), (True, "samples identical")):
        hashes = [_hashes(path, info, decoded) for path, info in zip((source, result), infos, strict=True)]
        if hashes[0] == hashes[1]:
            return answer
    return "different"


def _hashes(path: Path, info: VideoInfo, decoded: bool) -> list[str]:
    arguments = commands.audio_hashes(path, info.audio, MediaLimits().max_pixels, decoded)
    found = child.run("ffmpeg", arguments, ChildLimits())
    if found.status != 0:
        raise ToolError(f"The sound could not be hashed (ffmpeg ended with status {found.status}).")
    return [line.rsplit("=", 1)[-1] for line in sorted(found.output.decode("ascii").split())]
