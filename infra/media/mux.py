"""Joining the encoded picture with the source's sound, and proof that the result is what it must be."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from infra.errors import SpaceError, ToolError
from infra.media import child, commands
from infra.media.containers.presented import discarded, presented_samples
from infra.media.limits import ChildLimits, MediaLimits
from infra.media.readback import Readback, check_result
from infra.media.reading import packets, presented_begin
from infra.media.video_info import StreamInfo, VideoInfo

_FADE = 2048
"""Samples over which re-encoded sound fades in: an encoder spreads a loud beginning over the samples before it."""


def join_sound(
    encoded: Path, source: Path, info: VideoInfo, destination: Path, limits: MediaLimits | None = None
) -> Readback:
    """Write an mp4 with the picture of one file and the sound of another as it is presented, and check it.

    Audio packets are copied where mp4 can hold the codec and nothing is heard in the samples that a player discards;
    otherwise, or when the copy does not come back identical, what is presented is re-encoded to AAC at 192 kbit/s. The
    distance between the first frame and the sound stays as in the source. Tracks that are switched off, subtitles,
    data, attachments, chapters and all metadata are left out.

    Not guaranteed: that the samples which only warm up a decoder stay silent where the source begins its sound late
    (they can become audible, below 100 ms); the stated duration where the source's own statement contradicts its
    frames.

    Args:
        encoded: file with the picture, made by `open_encoder` with the same info.
        source: file with the sound.
        info: what `probe_video` said about the source.
        destination: mp4 to write.
        limits: bounds on the input, the defaults when None.

    Returns:
        What was read back.

    Raises:
        ToolError: ffmpeg fails or the result is not as promised; the destination is removed then.
    """
    limits = limits or MediaLimits()
    chosen = {index: "copy" if _copyable(source, info, index, limits) else "aac" for index in info.audio}
    encoded_anew = dict.fromkeys(info.audio, "aac")
    choices = [chosen] if chosen == encoded_anew else [chosen, encoded_anew]
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
    """Work out how late the first frame is after the beginning of the source's clock.

    Args:
        info: what `probe_video` said about the source.

    Returns:
        Seconds; zero when there is no sound.
    """
    return max(Fraction(0), int(info.pts[0]) * info.time_base - info.start) if info.audio else Fraction(0)


def _copyable(source: Path, info: VideoInfo, index: int, limits: MediaLimits) -> bool:
    """Whether the packets of a sound may be in the result: mp4 can hold them, and nothing is heard in what a player
    discards of them."""
    stream = _stream(info, index)
    if stream.codec not in commands.COPYABLE_AUDIO or not stream.channels:
        return False
    found = discarded(source, stream, info.container, limits)
    return found is not None and found.quiet


def _as_presented(source: Path, info: VideoInfo, audio: Mapping[int, str], limits: MediaLimits) -> dict[int, str]:
    """The filters for each sound that is encoded: what is presented of it, gaps filled, faded in."""
    anew = [index for index, codec in audio.items() if codec != "copy"]
    listed = packets(source, limits) if anew else {}
    chains = {}
    for index in anew:
        stream = _stream(info, index)
        begin, end = presented_samples(stream)
        heard = (
            presented_begin(listed.get(index, []), stream.time_base, stream.sample_rate) + stream.hidden - info.start
        )
        chain = ["aresample=async=1:min_hard_comp=0.02"]
        if begin or end is not None:
            chain.insert(0, f"atrim=start_sample={begin}" + ("" if end is None else f":end_sample={end}"))
        if stream.sample_rate:
            seconds = _FADE / stream.sample_rate
            chain.append(f"afade=t=in:st={float(max(heard, Fraction(0))):.6f}:d={seconds:.6f}")
        chains[index] = ",".join(chain)
    return chains


def _stream(info: VideoInfo, index: int) -> StreamInfo:
    return next(stream for stream in info.streams if stream.index == index)


def _write(
    encoded: Path, source: Path, info: VideoInfo, destination: Path, audio: dict[int, str], limits: MediaLimits
) -> None:
    filters = _as_presented(source, info, audio, limits)
    arguments = commands.join(
        encoded, source, destination, info.time_base.denominator, audio, filters, video_offset(info), limits.max_pixels
    )
    result = child.run("ffmpeg", arguments, ChildLimits(wall_s=3600, cpu_s=3600))
    if result.status != 0:
        if "No space left on device" in result.messages:
            raise SpaceError
        raise ToolError(f"Picture and sound could not be joined (ffmpeg ended with status {result.status}).")
