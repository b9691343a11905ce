"""What lies in a finished result beyond what is shown. Needs no source, so results of any version can be checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.errors import MediaError, ToolError
from infra.media.containers.leftover_bytes import box_names, unreferenced
from infra.media.containers.presented import discarded
from infra.media.containers.shown import has_alpha, presentation
from infra.media.limits import MediaLimits
from infra.media.pictures.png import hidden_in_png
from infra.media.pictures.still import decode_picture, read_picture
from infra.media.pictures.transparency import colour_is_constant, is_simple
from infra.media.reading import Packet, coded_size, describe, foreign_tags, packets
from infra.media.video_info import StreamInfo

_BOXES = frozenset(
    b"ftyp moov mdat free mvhd trak tkhd edts elst mdia mdhd hdlr minf vmhd smhd dinf dref stbl stsd stts ctts stss "
    b"stsc stsz stco co64 sgpd sbgp".split()
)
_MACROBLOCK = 16
_LARGEST_CODEC_HEADER = 128
"""Bytes that a sound's decoder is set up with: 2 to 36 in practice; more could hold a text."""


def hidden_in_video(path: Path, limits: MediaLimits | None = None) -> tuple[str, ...]:
    """List what a finished mp4 holds beyond what a player shows.

    The codes: unreadable: ffprobe cannot read it. structure: its boxes are damaged, or its edit lists are not plain.
    streams: others than one picture and sounds. metadata: tags, chapters. boxes: boxes that the muxer of results does
    not write, or padding with content. bytes: bytes outside all boxes, or media data that no sample refers to. alpha,
    crop: a picture with transparency, or of which a part is cut off. picture: frames that an edit list hides. sound:
    samples that a player discards, more than a codec needs to warm up or not silent. codec_header: a sound's setup that
    is longer than any decoder needs.

    Not guaranteed: that packets hold nothing that decoders pass over.

    Args:
        path: the mp4.
        limits: bounds on the input, the defaults when None.

    Returns:
        Stable short codes, sorted; empty for a good result.

    Raises:
        ToolError: ffmpeg or ffprobe is missing or runs past its limits.
    """
    limits = limits or MediaLimits()
    try:
        description = describe(path, limits)
        whole, played = packets(path, limits, whole_movie=True), packets(path, limits)
    except (ToolError, ValueError):
        return ("unreadable",)
    streams = description.get("streams", [])
    kinds = [entry.get("codec_type") for entry in streams]
    if not kinds:
        return ("unreadable",)
    if kinds != ["video"] + ["audio"] * (len(kinds) - 1):
        return ("streams",)
    found = {"metadata"} if foreign_tags(description) or description.get("chapters") else set()
    try:
        coded = coded_size(path, 0, limits)
        shown = presentation(path, description, streams[0])
        found |= _in_container(path, whole)
    except MediaError:
        return tuple(sorted(found | {"structure"}))
    except ToolError:
        return tuple(sorted(found | {"unreadable"}))
    if has_alpha(streams[0], str(description["format"]["format_name"])):
        found.add("alpha")
    if any(shown.crop):
        found.add("crop")
    found |= _in_picture(streams[0], whole.get(0, []), played.get(0, []), coded)
    for entry, stream in zip(streams[1:], shown.streams[1:], strict=True):
        found |= _in_sound(path, entry, stream, str(description["format"]["format_name"]), limits)
    return tuple(sorted(found))


def hidden_in_picture(path: Path) -> tuple[str, ...]:
    """List what a finished PNG holds beyond what is shown.

    The codes: not_png, damaged: it cannot be read as what results are. chunks: others than a header, pixels and an end.
    bytes: after the end, or within the pixels' stream. colour: colours under alpha 0 that are not all the same. alpha:
    transparency that could draw something which is not seen over white.

    Args:
        path: the PNG.

    Returns:
        Stable short codes, sorted; empty for a good result.

    Raises:
        ToolError: the decoder dies.
    """
    found = set(hidden_in_png(path))
    if found & {"not_png", "damaged"}:
        return tuple(sorted(found))
    try:
        colours, alpha = decode_picture(path)
    except MediaError:
        return tuple(sorted(found | {"damaged"}))
    if alpha is not None:
        found |= set() if colour_is_constant(colours, alpha) else {"colour"}
        found |= set() if is_simple(alpha) else {"alpha"}
    return tuple(sorted(found))


def check_picture(path: Path, shown: NDArray[np.uint8]) -> None:
    """Compare a finished PNG with what it must show over white.

    Args:
        path: the PNG.
        shown: (h, w, 3) uint8 BGR.

    Raises:
        ToolError: it shows something else (more than two levels apart) or holds anything beyond.
    """
    if found := hidden_in_picture(path):
        raise ToolError(f"The picture holds what a viewer does not show ({', '.join(found)}).")
    back = read_picture(path)
    if back.shape != shown.shape or int(cv2.absdiff(back, shown).max(initial=0)) > 2:
        raise ToolError("The finished picture does not show what was to be published.")


def _in_container(path: Path, whole: dict[int, list[Packet]]) -> set[str]:
    names, rest = box_names(path)
    found = {"bytes"} if rest else set()
    if not names <= _BOXES:
        found.add("boxes")
    samples = [(packet.position, packet.size) for listed in whole.values() for packet in listed]
    if unreferenced(path, samples):
        found.add("bytes")
    return found


def _in_picture(entry: dict[str, Any], whole: list[Packet], played: list[Packet], coded: tuple[int, int]) -> set[str]:
    found = set()
    if len(whole) != sum(not packet.dropped for packet in played):
        found.add("picture")
    beyond = (coded[0] - int(entry.get("width", 0)), coded[1] - int(entry.get("height", 0)))
    # The codec's own blocks reach beyond the picture; an encoder repeats its edge there.
    if max(beyond) >= _MACROBLOCK:
        found.add("crop")
    return found


def _in_sound(path: Path, entry: dict[str, Any], stream: StreamInfo, container: str, limits: MediaLimits) -> set[str]:
    found = set()
    if int(entry.get("extradata_size", 0)) > _LARGEST_CODEC_HEADER:
        found.add("codec_header")
    if stream.hidden:
        return found | {"sound"}
    try:
        lost = discarded(path, stream, container, limits)
    except ToolError:
        return found | {"unreadable"}
    if lost is None or not lost.quiet:
        found.add("sound")
    return found
