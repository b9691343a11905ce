"""What a Matroska or WebM file says about its presentation: cropping, tracks that are switched off, ordered chapters.

ffmpeg does not report these. Only element headers and small values are read; nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from infra.errors import MediaError
from infra.media.containers.boxes import Crop
from infra.reasons import Reason

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_TRACKS, _TRACK, _TYPE, _ENABLED, _VIDEO = 0x1654AE6B, 0xAE, 0x83, 0xB9, 0xE0
_DISPLAY_WIDTH = 0x54B0
_DELAY = 0x56AA
_CHAPTERS, _EDITION, _ORDERED = 0x1043A770, 0x45B9, 0x45DD
_CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)
"""PixelCropLeft, Top, Right, Bottom."""
_MOST_ELEMENTS = 50_000_000
_KINDS = {1: "video", 2: "audio"}


@dataclass(frozen=True)
class Element:
    """One element of a file.

    Attributes:
        number: the element's id.
        start, end: bytes of the file that are its content.
        open: its size is not stated.
    """

    number: int
    start: int
    end: int
    open: bool


@dataclass(frozen=True)
class MatroskaTrack:
    """One track of a Matroska file.

    Attributes:
        kind: video, audio or other.
        display: whether a display size is stated for the cropped picture.
        delay: seconds that a player discards at the beginning (CodecDelay in the format's words).
    """

    kind: str
    enabled: bool
    crop: Crop
    display: bool
    delay: Fraction


@dataclass(frozen=True)
class Matroska:
    """The tracks of a file, in order.

    Attributes:
        ordered: whether chapters say what is played.
    """

    tracks: tuple[MatroskaTrack, ...]
    ordered: bool


def read_matroska(path: Path) -> Matroska:
    """Read the headers of a local Matroska or WebM file.

    Args:
        path: the file.

    Returns:
        Its tracks.

    Raises:
        MediaError: the headers are damaged, or there is a second list of tracks (`bad_structure`).
    """
    tracks: list[MatroskaTrack] | None = None
    ordered = False
    with path.open("rb") as file:
        for element in _walk(file, 0, path.stat().st_size, enter=(_SEGMENT,)):
            if element.number == _TRACKS:
                if tracks is not None:
                    raise _damaged()
                tracks = [_track(file, entry) for entry in _children(file, element) if entry.number == _TRACK]
            elif element.number == _CHAPTERS:
                editions = [edition for edition in _children(file, element) if edition.number == _EDITION]
                flags = [flag for edition in editions for flag in _children(file, edition) if flag.number == _ORDERED]
                ordered = ordered or any(_number(file, flag) for flag in flags)
    if tracks is None:
        raise _damaged()
    return Matroska(tuple(tracks), ordered)


def _track(file: BinaryIO, entry: Element) -> MatroskaTrack:
    kind, enabled, display, delay = 0, True, False, 0
    cuts = dict.fromkeys(_CROPS, 0)
    for element in _children(file, entry):
        if element.number == _TYPE:
            kind = _number(file, element)
        elif element.number == _ENABLED:
            enabled = bool(_number(file, element))
        elif element.number == _DELAY:
            delay = max(delay, _number(file, element))
        elif element.number == _VIDEO:
            for value in _children(file, element):
                if value.number in cuts:
                    cuts[value.number] = _number(file, value)
                display = display or value.number == _DISPLAY_WIDTH
    left, top, right, bottom = cuts.values()
    return MatroskaTrack(
        _KINDS.get(kind, "other"), enabled, (left, top, right, bottom), display, Fraction(delay, 10**9)
    )


def _children(file: BinaryIO, parent: Element) -> Iterator[Element]:
    return _walk(file, parent.start, parent.end)


def _walk(file: BinaryIO, start: int, end: int, enter: tuple[int, ...] = ()) -> Iterator[Element]:
    """The elements between two bytes of a file; those in `enter`, and those without a size, are gone into."""
    position = start
    for _ in range(_MOST_ELEMENTS):
        if position >= end:
            return
        file.seek(position)
        head = file.read(12)
        number, used = _variable(head, 4, keep=True)
        size, more = _variable(head[used:], 8, keep=False)
        begin = position + used + more
        unknown = size == (1 << (7 * more)) - 1
        if unknown and number not in (_SEGMENT, _CLUSTER):
            raise _damaged()
        # A file that was cut off ends within its last element; ffprobe judges whether frames are missing.
        finish = end if unknown else min(begin + size, end)
        yield Element(number, begin, finish, unknown)
        position = begin if unknown or number in enter else begin + size
    raise _damaged()


def _variable(data: bytes, longest: int, keep: bool) -> tuple[int, int]:
    """An EBML number and its length in bytes; keep: with the bits that tell the length, as ids are written."""
    length = 9 - data[0].bit_length() if data else longest + 1
    if length > longest or len(data) < length:
        raise _damaged()
    value = int.from_bytes(data[:length], "big")
    return (value if keep else value & ((1 << (7 * length)) - 1)), length


def _number(file: BinaryIO, element: Element) -> int:
    if element.end - element.start > 8:
        raise _damaged()
    file.seek(element.start)
    return int.from_bytes(file.read(element.end - element.start), "big")


def _damaged() -> MediaError:
    return MediaError(Reason.BAD_STRUCTURE, "The file's headers are damaged or ambiguous; remux the video first.")
