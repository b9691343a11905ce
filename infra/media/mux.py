"""Joining the encoded picture with the source's sound, and proof that the result is what it must be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from infra.errors import SpaceError, ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.probe import VideoInfo
from infra.media.readback import Readback, check_result


def join_sound(
    encoded: Path, source: Path, info: VideoInfo, destination: Path, limits: MediaLimits | None = None
) -> Readback:
    """Write `destination` (mp4): the picture of `encoded` with all audio streams of `source`, and check it.

    encoded: made by `open_encoder` with the same info. Audio packets are copied where mp4 can hold the codec and
    re-encoded to AAC at 192 kbit/s elsewhere, or when the copy does not come back identical. The distance between
    the first frame and the sound stays as in the source. Subtitles, data, attachments, chapters and all metadata are
    left out. Returns what was read back. Raises ToolError when ffmpeg fails or the result is not as promised; the
    destination is removed then. Not guaranteed: that the samples which only
    warm up a decoder stay silent where the source begins its sound late (they can become audible, below 50 ms); the
    stated duration where the source's own statement contradicts its frames.
    """
    limits = limits or MediaLimits()
    copied = {index: "copy" if codec in commands.COPYABLE_AUDIO else "aac" for index, codec in info.audio.items()}
    encoded_anew = dict.fromkeys(info.audio, "aac")
    choices = [copied] if copied == encoded_anew else [copied, encoded_anew]
    for audio in choices:
        try:
            _write(encoded, source, info, destination, audio, limits)
            return check_result(destination, source, info, audio, limits)
        except ToolError:
            destination.unlink(missing_ok=True)
            if audio is choices[-1]:
                raise
    raise AssertionError("unreachable")


def video_offset(info: VideoInfo) -> Fraction:
    """Seconds from the beginning of the source's clock to its first frame; zero when there is no sound."""
    return max(Fraction(0), int(info.pts[0]) * info.time_base - info.start) if info.audio else Fraction(0)


def _write(
    encoded: Path, source: Path, info: VideoInfo, destination: Path, audio: dict[int, str], limits: MediaLimits
) -> None:
    arguments = commands.join(
        encoded, source, destination, info.time_base.denominator, audio, video_offset(info), limits.max_pixels
    )
    result = child.run("ffmpeg", arguments, ChildLimits(wall_s=3600, cpu_s=3600))
    if result.status != 0:
        if "No space left on device" in result.messages:
            raise SpaceError
        raise ToolError(f"Picture and sound could not be joined (ffmpeg ended with status {result.status}).")
