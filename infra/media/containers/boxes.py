"""What an mp4 or QuickTime file says about its presentation: tracks, edit lists, clean apertures.

ffmpeg does not report these. Only headers are read, in bounded pieces; nothing is decoded.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from infra.errors import MediaError
from infra.reasons import Reason

_MOST_BOXES = 100_000
_LARGEST_READ = 4 << 20
_VISUAL_ENTRY = 78
"""Bytes of a picture's sample entry before the boxes in it."""

Crop = tuple[int, int, int, int]
"""Pixels that are cut off: left, top, right, bottom."""
NO_CROP: Crop = (0, 0, 0, 0)


@dataclass(frozen=True)
class Box:
    """One box of a file.

    Attributes:
        kind: four characters.
        header: byte of the file at which the box begins.
        start, end: bytes of the file that are its content.
    """

    kind: bytes
    header: int
    start: int
    end: int


@dataclass(frozen=True)
class Edit:
    """One entry of an edit list.

    Attributes:
        duration: seconds.
        media_time: ticks of the track; -1 is a pause.
        rate: speed, 1 is normal.
    """

    duration: Fraction
    media_time: int
    rate: Fraction


@dataclass(frozen=True)
class MovieTrack:
    """One track of a movie.

    Attributes:
        kind: `vide`, `soun`, or another handler.
        group: alternate group, 0 is none.
        timescale: ticks a second.
        crop: what the clean aperture cuts off, in coded pixels before any rotation.
    """

    number: int
    kind: str
    enabled: bool
    group: int
    timescale: int
    edits: tuple[Edit, ...]
    crop: Crop


@dataclass(frozen=True)
class Movie:
    """The tracks of a file, in order.

    Attributes:
        fragmented: whether samples may lie in fragments.
    """

    tracks: tuple[MovieTrack, ...]
    fragmented: bool


def read_movie(path: Path) -> Movie:
    """Read the headers of a local mp4 or QuickTime file.

    Args:
        path: the file.

    Returns:
        Its tracks.

    Raises:
        MediaError: the headers are damaged, compressed, or contradict each other (`bad_structure`).
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        moov = next((box for box in walk(file, 0, end) if box.kind == b"moov"), None)
        if moov is None:
            raise _damaged()
        scale, fragmented = 0, False
        found: list[Box] = []
        for box in walk(file, moov.start, moov.end):
            if box.kind == b"mvhd":
                scale = _timescale(content(file, box))
            elif box.kind == b"trak":
                found.append(box)
            elif box.kind == b"mvex":
                fragmented = True
            elif box.kind == b"cmov":
                raise MediaError(Reason.BAD_STRUCTURE, "The file's index is compressed; remux the video first.")
        if not scale:
            raise _damaged()
        return Movie(tuple(_track(file, box, scale) for box in found), fragmented)


def walk(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Walk over the boxes between two bytes of a file, in order.

    Fewer than eight bytes at the end belong to no box and are passed over, and so is what follows a zero in place of a
    box.

    Args:
        file: opened file; its position changes.
        start: first byte.
        end: byte after the last one.

    Yields:
        The boxes.

    Raises:
        MediaError: a box is smaller than its header or reaches beyond `end` (`bad_structure`).
    """
    position = start
    for _ in range(_MOST_BOXES):
        if end - position < 8:
            return
        file.seek(position)
        size, kind = struct.unpack(">I4s", _exactly(file, 8))
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", _exactly(file, 8))[0], 16
        elif size == 0:
            if kind == bytes(4):
                return
            size = end - position
        if size < header or position + size > end:
            raise _damaged()
        yield Box(kind, position, position + header, position + size)
        position += size
    raise _damaged()


def _track(file: BinaryIO, trak: Box, movie_scale: int) -> MovieTrack:
    parts: dict[bytes, Box] = {}
    inner = {b"mdia", b"minf", b"stbl", b"edts"}
    pending = [trak]
    while pending:
        parent = pending.pop()
        for box in walk(file, parent.start, parent.end):
            # A second box of a kind is one that readers may disagree about.
            if box.kind in (b"tkhd", b"mdhd", b"elst", b"stsd", b"hdlr") and (box.kind, parent.kind) != (
                b"hdlr",
                b"minf",
            ):
                if box.kind in parts:
                    raise _damaged()
                parts[box.kind] = box
            elif box.kind in inner:
                pending.append(box)
    try:
        header = content(file, parts[b"tkhd"])
        wide = header[0] == 1
        number = struct.unpack(">I", header[20:24] if wide else header[12:16])[0]
        group = struct.unpack(">h", header[46:48] if wide else header[34:36])[0]
        kind = content(file, parts[b"hdlr"])[8:12].decode("latin-1")
        timescale = _timescale(content(file, parts[b"mdhd"]))
        edits = _edits(content(file, parts[b"elst"]), movie_scale) if b"elst" in parts else ()
        crop = _aperture(file, parts[b"stsd"]) if kind == "vide" else NO_CROP
    except (KeyError, struct.error, IndexError, ZeroDivisionError):
        raise _damaged() from None
    return MovieTrack(number, kind, bool(header[3] & 1), group, timescale, edits, crop)


def _edits(content: bytes, scale: int) -> tuple[Edit, ...]:
    form = ">QqhH" if content[0] == 1 else ">IihH"
    size, count = struct.calcsize(form), struct.unpack(">I", content[4:8])[0]
    if 8 + count * size > len(content):
        raise _damaged()
    edits = []
    for position in range(8, 8 + count * size, size):
        duration, media_time, whole, part = struct.unpack(form, content[position : position + size])
        edits.append(Edit(Fraction(duration, scale), media_time, whole + Fraction(part, 65536)))
    return tuple(edits)


def _aperture(file: BinaryIO, stsd: Box) -> Crop:
    """What the clean apertures of all sample entries cut off; they must agree."""
    crops = set()
    for entry in walk(file, stsd.start + 8, stsd.end):
        width, height = struct.unpack(">HH", content(file, entry)[24:28])
        crop = NO_CROP
        for box in walk(file, entry.start + _VISUAL_ENTRY, entry.end):
            if box.kind == b"lhvC":
                raise MediaError(Reason.UNSUPPORTED_LAYERS, "The picture has layers; re-encode it first.")
            if box.kind == b"clap":
                crop = clean_aperture(content(file, box), width, height)
        crops.add(crop)
    if len(crops) != 1:
        raise MediaError(Reason.UNSUPPORTED_CROP, "The picture changes its clean aperture; re-encode it first.")
    return crops.pop()


def clean_aperture(content: bytes, width: int, height: int) -> Crop:
    """Read what a `clap` box cuts off a picture.

    Args:
        content: content of the box.
        width: pixels of the coded picture.
        height: pixels of the coded picture.

    Returns:
        Pixels cut off: left, top, right, bottom; a part of a pixel counts as cut.

    Raises:
        MediaError: less than a pixel would be left, or the aperture lies outside (`unsupported_crop`).
    """
    values = struct.unpack(">IIIIiIiI", content[:32])
    wide, high, across, down = (Fraction(values[i], values[i + 1]) for i in (0, 2, 4, 6))
    left, top = (width - wide) / 2 + across, (height - high) / 2 + down
    right, bottom = width - left - wide, height - top - high
    cut = (math.ceil(left), math.ceil(top), math.ceil(right), math.ceil(bottom))
    if min(cut) < 0 or cut[0] + cut[2] >= width or cut[1] + cut[3] >= height:
        raise MediaError(
            Reason.UNSUPPORTED_CROP, "The picture's clean aperture lies outside the picture; re-encode it first."
        )
    return cut


def _timescale(content: bytes) -> int:
    scale: int = struct.unpack(">I", content[20:24] if content[0] == 1 else content[12:16])[0]
    return scale


def content(file: BinaryIO, box: Box) -> bytes:
    """Read the content of a small box.

    Args:
        file: opened file; its position changes.
        box: the box.

    Returns:
        Its content.

    Raises:
        MediaError: it is larger than 4 MiB or cut off (`bad_structure`).
    """
    if box.end - box.start > _LARGEST_READ:
        raise _damaged()
    file.seek(box.start)
    return _exactly(file, box.end - box.start)


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise _damaged()
    return data


def _damaged() -> MediaError:
    return MediaError(Reason.BAD_STRUCTURE, "The file's index is damaged or ambiguous; remux the video first.")
