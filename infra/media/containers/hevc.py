"""Whether an HEVC stream has layers beyond the one that ffmpeg decodes: transparency, or a second view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from infra.errors import ToolError
from infra.media import child, commands
from infra.media.limits import ChildLimits, MediaLimits

_VPS = 32
_START = re.compile(rb"\x00\x00\x01")


def decoder_setup(path: Path, stream: int, limits: MediaLimits) -> bytes:
    """Read the bytes with which a stream's decoder is set up.

    Args:
        path: the file.
        stream: index of the stream.
        limits: bounds on the input.

    Returns:
        The bytes, empty where there are none.

    Raises:
        ToolError: ffprobe cannot be run, or describes the stream in an unknown form.
    """
    arguments = commands.probe_setup(path, stream, limits.max_pixels)
    found = child.run("ffprobe", arguments, ChildLimits(wall_s=120, cpu_s=120))
    # Lines read "00000010: 0011 2233 ...  text": sixteen bytes each, in groups of four digits.
    lines = [line[10:50] for line in found.output.decode("ascii", "replace").splitlines() if line[8:10] == ": "]
    try:
        return bytes.fromhex("".join(lines).replace(" ", ""))
    except ValueError:
        raise ToolError("ffprobe described a stream in a form that is not known.") from None


def has_layers(setup: bytes) -> bool:
    """Say whether a decoder's setup declares more layers than one, or holds parameters of another layer.

    Not guaranteed for streams whose parameters are only among their pictures.

    Args:
        setup: as containers store it (`hvcC`) or as the stream itself does, with start codes.

    Returns:
        True when there are further layers.
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
