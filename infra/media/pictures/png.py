"""What a PNG of ours holds besides its pixels: chunks, bytes after the end, bytes behind the pixels' stream."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_WRITTEN = (b"IHDR", b"IDAT", b"IEND")
_LARGEST = 1 << 30


def hidden_in_png(path: Path) -> tuple[str, ...]:
    """List what lies in a PNG file beyond its pixels.

    Args:
        path: the file.

    Returns:
        Codes as in `infra.media.containers.hidden.hidden_in_picture`, sorted.
    """
    if path.stat().st_size > _LARGEST:
        return ("damaged",)
    data = path.read_bytes()
    if not data.startswith(_SIGNATURE):
        return ("not_png",)
    found: set[str] = set()
    kinds: list[bytes] = []
    packed: list[bytes] = []
    position, header = len(_SIGNATURE), b""
    while position + 12 <= len(data) and kinds[-1:] != [b"IEND"]:
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        content = data[position + 8 : position + 8 + length]
        stated = data[position + 8 + length : position + 12 + length]
        if len(content) != length or stated != struct.pack(">I", zlib.crc32(kind + content)):
            return ("damaged",)
        kinds.append(kind)
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            packed.append(content)
        if kind not in _WRITTEN or (kind == b"IEND" and content):
            found.add("chunks")
        position += 12 + length
    if kinds[:1] != [b"IHDR"] or kinds.count(b"IHDR") != 1 or kinds[-1:] != [b"IEND"] or len(header) != 13:
        return ("damaged",)
    if position != len(data):
        found.add("bytes")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if colour not in _CHANNELS or interlaced:
        return tuple(sorted(found | {"not_png"}))
    expected = height * (1 + (width * depth * _CHANNELS[colour] + 7) // 8)
    stream = zlib.decompressobj()
    size = 0
    try:
        for part in packed:
            rest = part
            while rest and not stream.eof:
                size += len(stream.decompress(rest, 1 << 20))
                rest = stream.unconsumed_tail
                if size > expected:
                    return tuple(sorted(found | {"bytes"}))
            if stream.unused_data or (stream.eof and rest):
                found.add("bytes")
    except zlib.error:
        return ("damaged",)
    if not stream.eof or size != expected:
        return ("damaged",)
    return tuple(sorted(found))
