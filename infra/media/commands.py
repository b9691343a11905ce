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

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,gif,asf,ogg"
PROTOCOLS = "file,pipe"
COPYABLE_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "mp2"})


def address(path: Path) -> str:
    """The form in which a local file is given to the tools."""
    return "file:" + str(path.absolute())


def guard(max_pixels: int, threads: int = 1) -> dict[str, str | int | None]:
    """Input options that every untrusted source gets."""
    return {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": FORMATS,
        "max_pixels": max_pixels,
        "threads": threads,
    }


def _ffprobe(path: Path, options: Mapping[str, str | int | None]) -> list[str]:
    arguments: list[str] = convert_kwargs_to_cmd_line_args(dict(options))
    return ["-hide_banner", "-v", "error", *arguments, "-i", address(path)]


def probe_headers(path: Path, max_pixels: int) -> list[str]:
    """ffprobe: container, streams and chapters as JSON, nothing decoded beyond what detection needs."""
    shown: dict[str, str | int | None] = {
        "show_format": None,
        "show_streams": None,
        "show_chapters": None,
        "of": "json",
    }
    return _ffprobe(path, guard(max_pixels) | shown)


def probe_frames(path: Path, stream: int, max_pixels: int, threads: int = 1) -> list[str]:
    """ffprobe: one line for each decoded frame of a stream (time stamp, duration, size)."""
    shown: dict[str, str | int | None] = {
        "select_streams": stream,
        "show_frames": None,
        "show_entries": "frame=best_effort_timestamp,pkt_duration,duration,width,height",
        "of": "compact=p=0:nk=0",
    }
    return _ffprobe(path, guard(max_pixels, threads) | shown)


def probe_packets(path: Path, max_pixels: int) -> list[str]:
    """ffprobe: one line for each packet of every stream (stream, time stamp), nothing decoded."""
    shown: dict[str, str | int | None] = {
        "show_packets": None,
        "show_entries": "packet=stream_index,pts",
        "of": "compact=p=0:nk=0",
    }
    return _ffprobe(path, guard(max_pixels) | shown)


def decode_frames(
    path: Path, stream: int, width: int, height: int, pixel_format: str, full_range: bool, max_pixels: int, threads: int
) -> list[str]:
    """ffmpeg: every frame of a stream, upright, width x height, as planar 8 bit YUV in limited range on a pipe.

    The scale filter is spelled out although it usually has nothing to do: a stream that changes its size half way
    must not shift the frame boundaries in the pipe.
    """
    scale = f"scale={width}:{height}"
    if full_range:
        scale += ":in_range=full:out_range=limited"
    source = ffmpeg.input(address(path), **guard(max_pixels, threads))
    return _arguments(
        source[str(stream)].output(
            "pipe:1",
            vf=f"{scale},format={pixel_format}",
            vsync="passthrough",
            format="rawvideo",
            pix_fmt=pixel_format,
        )
    )


def decode_sound(path: Path, stream: int, rate: int, start: Fraction, max_pixels: int) -> list[str]:
    """ffmpeg: an audio stream as mono 16 bit samples (native order is little endian) at `rate` per second on a pipe.

    The first sample is at `start` seconds of the container's own clock: what is earlier is left out, and where the
    stream begins later or has gaps there is silence. The clock is kept as it is, because ffmpeg would otherwise count
    from the earliest of the streams that it was asked for, not of all that are there.
    """
    source = ffmpeg.input(address(path), **guard(max_pixels))
    chain = f"asetpts=PTS-({float(start):.6f})/TB,aresample={rate}:async=1:min_hard_comp=0.02:first_pts=0"
    options = {"copyts": None, "af": chain, "ac": 1, "acodec": "pcm_s16le", "format": "s16le"}
    return _arguments(source[str(stream)].output("pipe:1", **options))


def scene_changes(path: Path, stream: int, threshold: float, max_pixels: int) -> list[str]:
    """ffmpeg: the paper's scene filter; prints `frame:N pts:P ...` for each frame whose score exceeds the threshold."""
    source = ffmpeg.input(address(path), **guard(max_pixels))
    chain = f"select='gt(scene,{threshold:g})',metadata=mode=print:file=-"
    options = {"copyts": None, "vf": chain, "vsync": "passthrough", "format": "null"}
    return _arguments(source[str(stream)].output("-", **options))


def join(
    encoded: Path,
    source: Path,
    destination: Path,
    timescale: int,
    audio: Mapping[int, str],
    video_offset: Fraction,
    max_pixels: int,
) -> list[str]:
    """ffmpeg: the encoded picture and the source's audio streams into one mp4 without any other content.

    audio: stream index in the source -> "copy" or an encoder's name. video_offset: seconds by which the first frame
    follows the beginning of the source's clock; may be zero, never negative.
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
    """ffmpeg: SHA-256 of each audio stream, over its packets as mp4 would carry them, or over decoded samples.

    streams: stream index -> codec name.
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
