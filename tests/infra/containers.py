"""Containers for tests: boxes and elements put into files that ffmpeg made, which ffmpeg itself does not write."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

Change = Callable[[bytes], bytes]


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def clap(width: int, height: int, across: int = 0, down: int = 0) -> bytes:
    """A clean aperture of width x height whose middle is moved by half pixels."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, across, 2, down, 2))


def change_box(data: bytes, way: Sequence[bytes], change: Change, which: int = 0) -> bytes:
    """The file with the content of one box changed: way leads to it from the top, which counts the first of the way's
    last but one kind, `trak`, where several are. Media data must come before the index."""
    if not way:
        return change(data)
    position, result, seen = 0, b"", 0
    while position + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        content = data[position + 8 : position + size]
        if kind == way[0]:
            if kind != b"trak" or seen == which:
                skip = {b"stsd": 8, b"avc1": 78}.get(kind, 0) if len(way) > 1 else 0
                content = content[:skip] + change_box(content[skip:], way[1:], change, which)
            seen += 1
        result += box(kind, content)
        position += size
    return result + data[position:]


STSD = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def with_clap(source: Path, target: Path, aperture: bytes) -> Path:
    target.write_bytes(change_box(source.read_bytes(), (*STSD, b"avc1"), lambda content: content + aperture))
    return target


def with_edits(source: Path, target: Path, track: int, edits: Sequence[tuple[int, int]], rate: int = 1) -> Path:
    """edits: (duration in the movie's ticks, media time in the track's) each; replaces the list that is there."""
    listed = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IihH", *edit, rate, 0) for edit in edits)
    target.write_bytes(change_box(source.read_bytes(), (b"moov", b"trak", b"edts", b"elst"), lambda _: listed, track))
    return target


def switched_off(source: Path, target: Path, track: int, group: int = 0) -> Path:
    """group: alternate group that the track then belongs to, 0 is none."""

    def off(content: bytes) -> bytes:
        flags = content[:3] + bytes([content[3] & ~1])
        return flags + content[4:34] + struct.pack(">H", group) + content[36:]

    target.write_bytes(change_box(source.read_bytes(), (b"moov", b"trak", b"tkhd"), off, track))
    return target


def _variable(data: bytes, at: int, keep: bool) -> tuple[int, int]:
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep else value & ((1 << 7 * length) - 1)), length


def element(number: int, content: bytes) -> bytes:
    size = (len(content) | 1 << 56).to_bytes(8, "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + content


def add_elements(data: bytes, way: Sequence[int], extra: bytes) -> bytes:
    """The elements in `data` with `extra` at the end of the one to which `way` leads; one without size stays so."""
    if not way:
        return data + extra
    position, result, done = 0, b"", False
    while position < len(data):
        number, used = _variable(data, position, keep=True)
        size, more = _variable(data, position + used, keep=False)
        begin = position + used + more
        unknown = size == (1 << 7 * more) - 1
        end = len(data) if unknown else begin + size
        content = data[begin:end]
        if number == way[0] and not done:
            content, done = add_elements(content, way[1:], extra), True
            head = data[position:begin] if unknown else element(number, content)[: -len(content) or None]
        else:
            head = data[position:begin]
        result += head + content
        position = end
    return result


SEGMENT, TRACKS, TRACK, VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0


def with_pixel_crop(source: Path, target: Path, left: int, top: int, right: int, bottom: int) -> Path:
    """source: written by ffmpeg to a pipe, so that nothing in it points to a byte."""
    crops = ((0x54CC, left), (0x54BB, top), (0x54DD, right), (0x54AA, bottom))
    extra = b"".join(element(number, bytes([value])) for number, value in crops)
    target.write_bytes(add_elements(source.read_bytes(), (SEGMENT, TRACKS, TRACK, VIDEO), extra))
    return target
