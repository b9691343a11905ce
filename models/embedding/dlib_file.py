"""Reads dlib's serialised face recognition network: the layers in the order of computation, with their numbers.

dlib writes integers as one byte (count of bytes, top bit for the sign) followed by that many little-endian bytes, and
strings as a length and bytes. A layer starts with its name. The tags and skips between layers carry no numbers and are
not read; the caller knows the shape of a residual block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.errors import WeightsError

_NAMES = (b"con_4", b"affine_", b"relu_", b"max_pool_2", b"avg_pool_2", b"add_prev_", b"fc_2")
_LAYERS = re.compile(b"|".join(b"\x01" + re.escape(bytes([len(name)]) + name) for name in _NAMES))


@dataclass(frozen=True)
class Layer:
    """One layer. kind: "con", "affine", "relu", "max_pool", "avg_pool", "add_prev" or "fc".

    values: all parameters of the layer, float32, as they lie in the file. window, stride, padding: (rows, columns),
    for convolutions and pools; a window of (0, 0) means the whole map. filters: of a convolution.
    """

    kind: str
    values: NDArray[np.float32]
    window: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    filters: int = 0


def layers(path: Path) -> list[Layer]:
    """Return the layers of the network in a file.

    Args:
        path: dlib's serialised network.

    Returns:
        The layers in the order of computation.

    Raises:
        WeightsError: The file has another form.
    """
    data = path.read_bytes()
    result: list[Layer] = []
    at = 0
    try:
        # Searching from the end of the last layer on keeps the pattern away from the parameters themselves.
        while (found := _LAYERS.search(data, at)) is not None:
            layer, at = _layer(found.group()[2:].decode(), data, found.end())
            result.append(layer)
    except (IndexError, ValueError) as error:
        raise WeightsError(f"Weight file {path.name} is not the expected dlib network.") from error
    if not result or result[-1].kind != "fc":
        raise WeightsError(f"Weight file {path.name} is not the expected dlib network.")
    return result


def _layer(name: str, data: bytes, at: int) -> tuple[Layer, int]:
    nothing = np.zeros(0, np.float32)
    kind = name.rstrip("_0123456789")
    if kind == "con":
        values, at = _tensor(data, at)
        numbers, at = _integers(data, at, 7)
        return Layer(kind, values, _two(numbers, 1), _two(numbers, 3), _two(numbers, 5), numbers[0]), at
    if kind in ("max_pool", "avg_pool"):
        numbers, at = _integers(data, at, 6)
        return Layer(kind, nothing, _two(numbers, 0), _two(numbers, 2), _two(numbers, 4)), at
    if kind == "fc":
        numbers, at = _integers(data, at, 2)
        values, at = _tensor(data, at)
        return Layer(kind, values, filters=numbers[0]), at
    if kind == "affine":
        values, at = _tensor(data, at)
        return Layer(kind, values), at
    return Layer(kind, nothing), at


def _two(numbers: list[int], at: int) -> tuple[int, int]:
    return numbers[at], numbers[at + 1]


def _tensor(data: bytes, at: int) -> tuple[NDArray[np.float32], int]:
    """Read a tensor: a version, four sides, and the numbers, which are returned flat."""
    (version, *sides), at = _integers(data, at, 5)
    if version != 2:
        raise ValueError(f"tensor version {version}")
    count = int(np.prod(sides))
    end = at + 4 * count
    if count <= 0 or end > len(data):
        raise ValueError("tensor reaches past the end")
    return np.frombuffer(data, "<f4", count, at).astype(np.float32), end


def _integers(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    numbers = []
    for _ in range(count):
        length = data[at] & 0x0F
        value = int.from_bytes(data[at + 1 : at + 1 + length], "little")
        numbers.append(-value if data[at] & 0x80 else value)
        at += 1 + length
    return numbers, at
