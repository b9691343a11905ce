"""Whether an HEVC stream has layers beyond the one that ffmpeg decodes: transparency, or a second view."""

from __future__ import annotations

import re
from collections.abc import Iterator

_VPS = 32
_START = re.compile(rb"\x00\x00\x01")


def has_layers(setup: bytes) -> bool:
    """Whether a decoder's setup declares more layers than one, or holds parameters of another layer.

    setup: as containers store it (`hvcC`) or as the stream itself does, with start codes. Not guaranteed for streams
    whose parameters are only among their pictures.
    """
    for unit in _units(setup):
        if len(unit) < 4:
            continue
        kind, layer = (unit[0] >> 1) & 63, ((unit[0] & 1) << 5) | (unit[1] >> 3)
        more = ((unit[2] & 3) << 4) | (unit[3] >> 4)
        if layer > 0 or (kind == _VPS and more > 0):
            return True
    return False


def _units(setup: bytes) -> Iterator[bytes]:
    if setup[:1] != b"\x01" or len(setup) < 23:
        yield from _START.split(setup)[1:]
        return
    position = 23
    for _ in range(setup[22]):
        count = int.from_bytes(setup[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            size = int.from_bytes(setup[position : position + 2], "big")
            yield setup[position + 2 : position + 2 + size]
            position += 2 + size
