"""The command lines of ffmpeg and ffprobe, as pure functions: values in, argument list out, nothing started.

Every input carries the same guard: local files only, an allow-list of demuxers (so playlists, concat scripts, image
sequences and device inputs are refused before they are opened), and a bound on the pixels of a frame. Sources are
given as absolute `file:` addresses, so that a name can neither look like an option nor like a protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import ffmpeg
from ffmpeg._utils import convert_kwargs_to_cmd_line_args

from infra.media.video_info import VideoInfo

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,gif,asf,ogg"
PROTOCOLS = "file,pipe"
COPYABLE_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "mp2"})
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""ffmpeg's own decoders of these codecs drop the layer that holds transparency."""


def address(path: Path) -> str:
    """Write a local file in the form in which the tools get it.

    Args:
        path: the file.

    Returns:
        An absolute `file:` address.
    """
    return "file:" + str(path.absolute())


def guard(max_pixels: int, threads: int = 1) -> dict[str, str | int | None]:
    """Give the input options that every untrusted source gets.

    Args:
        max_pixels: bound on width x height of a frame.
        threads: of the decoder.

    Returns:
        Options by name.
    """
    return {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": FORMATS,
        "max_pixels": max_pixels,
        "threads": threads,
    }


def _whole(max_pixels: int, threads: int = 1) -> dict[str, str | int | None]:
    # Otherwise decoders leave a part of what the codec crops on the left, so that rows begin at aligned addresses.
    return guard(max_pixels, threads) | {"flags": "+unaligned"}


def _ffprobe(path: Path, options: Mapping[str, str | int | None]) -> list[str]:
    arguments: list[str] = convert_kwargs_to_cmd_line_args(dict(options))
    return ["-hide_banner", "-v", "error", *arguments, "-i", address(path)]


def probe_headers(path: Path, max_pixels: int) -> list[str]:
    """Build the ffprobe arguments that list container, streams and chapters as JSON.

    Nothing is decoded beyond what detection needs.

    Args:
        path: the file.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    shown: dict[str, str | int | None] = {
        "show_format": None,
        "show_streams": None,
        "show_chapters": None,
        "of": "json",
    }
    return _ffprobe(path, guard(max_pixels) | shown)


def probe_coded_size(path: Path, stream: int, max_pixels: int) -> list[str]:
    """Build the ffprobe arguments that read the size of the first frame in an mp4's stream.

    The size includes what the codec crops away.

    Args:
        path: the mp4.
        stream: index of the stream.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    shown: dict[str, str | int | None] = {
        "apply_cropping": 0,
        "ignore_editlist": 1,
        "select_streams": stream,
        "read_intervals": "%+#1",
        "show_frames": None,
        "show_entries": "frame=width,height",
        "of": "compact=p=0:nk=0",
    }
    return _ffprobe(path, guard(max_pixels) | shown)


def probe_setup(path: Path, stream: int, max_pixels: int) -> list[str]:
    """Build the ffprobe arguments that dump the bytes with which a stream's decoder is set up, in hexadecimal digits.

    Args:
        path: the file.
        stream: index of the stream.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    shown: dict[str, str | int | None] = {
        "select_streams": stream,
        "show_data": None,
        "show_entries": "stream=extradata",
        "of": "default=nk=1:nw=1",
    }
    return _ffprobe(path, guard(max_pixels) | shown)


def probe_frames(path: Path, stream: int, max_pixels: int, threads: int = 1) -> list[str]:
    """Build the ffprobe arguments that print one line for each decoded frame of a stream.

    A line holds time stamp, duration, size and pixel format.

    Args:
        path: the file.
        stream: index of the stream.
        max_pixels: bound on width x height of a frame.
        threads: of the decoder.

    Returns:
        The arguments.
    """
    shown: dict[str, str | int | None] = {
        "select_streams": stream,
        "show_frames": None,
        "show_entries": "frame=best_effort_timestamp,pkt_duration,duration,width,height,pix_fmt",
        "of": "compact=p=0:nk=0",
    }
    return _ffprobe(path, _whole(max_pixels, threads) | shown)


def probe_packets(path: Path, max_pixels: int, whole_movie: bool = False) -> list[str]:
    """Build the ffprobe arguments that print one line for each packet of every stream; nothing is decoded.

    A line holds stream, time stamp, place, and what is discarded of the packet.

    Args:
        path: the file.
        max_pixels: bound on width x height of a frame.
        whole_movie: also list what an mp4's edit list hides; other containers do not know the option.

    Returns:
        The arguments.
    """
    shown: dict[str, str | int | None] = {
        "show_packets": None,
        "show_entries": "packet=stream_index,pts,size,pos,flags:packet_side_data",
        "of": "compact=p=0:nk=0",
    }
    return _ffprobe(path, guard(max_pixels) | ({"ignore_editlist": 1} if whole_movie else {}) | shown)


def presenting_decoder(info: VideoInfo) -> dict[str, str]:
    """Choose the decoder of a video.

    Args:
        info: what `probe_video` said about the file.

    Returns:
        Input options for ffmpeg; empty where the usual decoder shows everything.
    """
    if info.alpha and info.codec in ALPHA_DECODERS:
        return {f"c:{info.stream}": ALPHA_DECODERS[info.codec]}
    return {}


def presenting_filters(info: VideoInfo) -> list[str]:
    """List the filters for ffmpeg that turn decoded frames into what a viewer shows: over black, cropped.

    Args:
        info: what `probe_video` said about the file.

    Returns:
        The filters, in order; may be empty.
    """
    found = []
    if info.alpha:
        # Multiplying by alpha is composition over black, frame by frame; colours at alpha 0 become exactly black.
        planar = "yuva444p" if info.pix_fmt.startswith("yuv") else "gbrap"
        found += [f"format={planar}", "premultiply=inplace=1"]
    if any(info.crop):
        left, top, right, bottom = info.crop
        found.append(f"crop=iw-{left + right}:ih-{top + bottom}:{left}:{top}:exact=1")
    return found


def decode_frames(path: Path, info: VideoInfo, max_pixels: int, threads: int) -> list[str]:
    """Build the ffmpeg arguments that decode every frame of a stream as a viewer shows it, upright.

    The frames come on a pipe as planar 8 bit YUV in limited range. The scale filter is spelled out although it usually
    has nothing to do: a stream that changes its size half way must not shift the frame boundaries in the pipe.

    Args:
        path: the file.
        info: what `probe_video` said about the same file; gives stream, size, format, transparency and cropping.
        max_pixels: bound on width x height of a frame.
        threads: of the decoder.

    Returns:
        The arguments.
    """
    scale = f"scale={info.width}:{info.height}"
    if info.full_range:
        scale += ":in_range=full:out_range=limited"
    source = ffmpeg.input(address(path), **_whole(max_pixels, threads), **presenting_decoder(info))
    return _arguments(
        source[str(info.stream)].output(
            "pipe:1",
            vf=",".join([*presenting_filters(info), scale, f"format={info.pixel_format}"]),
            vsync="passthrough",
            format="rawvideo",
            pix_fmt=info.pixel_format,
        )
    )


def decode_sound(path: Path, stream: int, rate: int, start: Fraction, max_pixels: int) -> list[str]:
    """Build the ffmpeg arguments that decode an audio stream as mono 16 bit samples, little endian, on a pipe.

    What is earlier than `start` is left out, and where the stream begins later or has gaps there is silence. The clock
    is kept as it is, because ffmpeg would otherwise count from the earliest of the streams that it was asked for, not
    of all that are there.

    Args:
        path: the file.
        stream: index of the stream.
        rate: samples per second.
        start: time of the first sample, in seconds of the container's own clock.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    source = ffmpeg.input(address(path), **guard(max_pixels))
    chain = f"asetpts=PTS-({float(start):.6f})/TB,aresample={rate}:async=1:min_hard_comp=0.02:first_pts=0"
    options = {"copyts": None, "af": chain, "ac": 1, "acodec": "pcm_s16le", "format": "s16le"}
    return _arguments(source[str(stream)].output("pipe:1", **options))


def decode_samples(
    path: Path, stream: int, channels: int, whole_movie: bool, whole_packets: bool, max_pixels: int
) -> list[str]:
    """Build the ffmpeg arguments that decode an audio stream at its own rate and without gaps.

    The samples come on a pipe, 16 bit, of all channels in turn.

    Args:
        path: the file.
        stream: index of the stream.
        channels: number of channels.
        whole_movie: also decode what an mp4's edit list hides; other containers do not know the option.
        whole_packets: also decode the samples that packets tell a decoder to discard.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    extra: dict[str, str | int] = {}
    if whole_packets:
        extra["flags2"] = "+skip_manual"
    if whole_movie:
        extra["ignore_editlist"] = 1
    source = ffmpeg.input(address(path), **guard(max_pixels), **extra)
    options = {"ac": channels, "acodec": "pcm_s16le", "format": "s16le"}
    return _arguments(source[str(stream)].output("pipe:1", **options))


def scene_changes(path: Path, info: VideoInfo, threshold: float, max_pixels: int) -> list[str]:
    """Build the ffmpeg arguments of the paper's scene filter, on frames as a viewer shows them.

    It prints `frame:N pts:P ...` for each frame with a score above the threshold.

    Args:
        path: the file.
        info: what `probe_video` said about the same file.
        threshold: score that a frame must exceed.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    source = ffmpeg.input(address(path), **_whole(max_pixels), **presenting_decoder(info))
    chain = [*presenting_filters(info), f"select='gt(scene,{threshold:g})'", "metadata=mode=print:file=-"]
    options = {"copyts": None, "vf": ",".join(chain), "vsync": "passthrough", "format": "null"}
    return _arguments(source[str(info.stream)].output("-", **options))


def join(
    encoded: Path,
    source: Path,
    destination: Path,
    timescale: int,
    audio: Mapping[int, str],
    filters: Mapping[int, str],
    video_offset: Fraction,
    max_pixels: int,
) -> list[str]:
    """Build the ffmpeg arguments that join picture and sound into one mp4 without any other content.

    Args:
        encoded: file with the encoded picture.
        source: file with the sound.
        destination: mp4 to write.
        timescale: ticks per second of the mp4.
        audio: stream index in the source -> "copy" or an encoder's name.
        filters: for streams that are encoded, by the same index.
        video_offset: seconds by which the first frame follows the beginning of the source's clock; may be zero, never
            negative.
        max_pixels: bound on width x height of a frame.

    Returns:
        The arguments.
    """
    picture = ffmpeg.input(
        address(encoded),
        protocol_whitelist=PROTOCOLS,
        format_whitelist="mov,mp4",
        itsoffset=f"{float(video_offset):.6f}",
    )
    streams = [picture["v:0"]]
    codecs: dict[str, str | int] = {"c:v": "copy"}
    if audio:
        sound = ffmpeg.input(address(source), **guard(max_pixels))
        for position, (index, codec) in enumerate(audio.items()):
            streams.append(sound[str(index)])
            codecs[f"c:a:{position}"] = codec
            if codec != "copy":
                codecs[f"b:a:{position}"] = "192k"
            if index in filters:
                codecs[f"filter:a:{position}"] = filters[index]
    hygiene: dict[str, str | int] = {
        "map_metadata": -1,
        "map_metadata:s": -1,
        "map_chapters": -1,
        "fflags": "+bitexact",
        "flags:v": "+bitexact",
        "flags:a": "+bitexact",
    }
    container: dict[str, str | int] = {
        "format": "mp4",
        "movflags": "+faststart",
        "video_track_timescale": timescale,
        "movie_timescale": timescale,
    }
    arguments = _arguments(ffmpeg.output(*streams, address(destination), **codecs, **hygiene, **container))
    # The library has no place for options without a value, and these three belong to the output.
    return [*arguments[:-1], "-sn", "-dn", "-y", arguments[-1]]


def audio_hashes(path: Path, streams: Mapping[int, str], max_pixels: int, decoded: bool = False) -> list[str]:
    """Build the ffmpeg arguments that print the SHA-256 of each audio stream.

    Args:
        path: the file.
        streams: stream index -> codec name.
        max_pixels: bound on width x height of a frame.
        decoded: hash decoded samples instead of the packets as mp4 would carry them.

    Returns:
        The arguments.
    """
    source = ffmpeg.input(address(path), **guard(max_pixels))
    options: dict[str, str] = {"format": "streamhash", "hash": "sha256"}
    for position, codec in enumerate(streams.values()):
        options[f"c:a:{position}"] = "pcm_s16le" if decoded else "copy"
        # AAC from a transport stream carries a header on each packet that mp4 does not keep.
        if codec == "aac" and not decoded:
            options[f"bsf:a:{position}"] = "aac_adtstoasc"
    return _arguments(ffmpeg.output(*[source[str(index)] for index in streams], "pipe:1", **options))


def _arguments(output: ffmpeg.nodes.OutputStream) -> list[str]:
    arguments: list[str] = output.get_args()
    return ["-hide_banner", "-nostdin", "-v", "error", *arguments]
