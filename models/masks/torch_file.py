"""Reads the tensors of a PyTorch checkpoint without PyTorch, and without running anything the file asks for.

A checkpoint is a pickle, and a pickle may name any function to be called. Only the four names that plain tensors need
are known here; any other stops the reading. Supported: the format before the zip containers, as the pinned file is.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _Slice:
    """A tensor whose numbers come later in the file."""

    storage: tuple[str, np.dtype[Any]]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(
    storage: tuple[str, np.dtype[Any]], offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any
) -> _Slice:
    return _Slice(storage, offset, tuple(shape), tuple(strides))


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"the name {module}.{name} is not allowed")

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _, _, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError("only whole storages are supported")
        return str(key), dtype


def tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return every tensor in a checkpoint.

    Args:
        path: The checkpoint.

    Returns:
        Name -> array.

    Raises:
        WeightsError: The file is anything else.
    """
    try:
        return _read(io.BytesIO(path.read_bytes()))
    except (pickle.UnpicklingError, ValueError, KeyError, TypeError, EOFError, struct.error) as error:
        raise WeightsError(f"Weight file {path.name} is not a plain tensor checkpoint: {error}.") from error


def _read(stream: io.BytesIO) -> dict[str, NDArray[Any]]:
    magic, _version, system = (_Reader(stream).load() for _ in range(3))
    if magic != _MAGIC or not system.get("little_endian", False):
        raise ValueError("unknown container")
    state = _Reader(stream).load()
    order = _Reader(stream).load()
    types = {entry.storage[0]: entry.storage[1] for entry in state.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in order:
        (count,) = struct.unpack("<q", stream.read(8))
        dtype = types[key]
        storages[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)
    return {name: _view(storages[entry.storage[0]], entry) for name, entry in state.items()}


def _view(storage: NDArray[Any], entry: _Slice) -> NDArray[Any]:
    count = int(np.prod(entry.shape)) if entry.shape else 1
    contiguous = tuple(int(np.prod(entry.shape[axis + 1 :])) for axis in range(len(entry.shape)))
    if entry.strides != contiguous or entry.offset < 0 or entry.offset + count > len(storage):
        raise ValueError("a tensor is not a contiguous part of its storage")
    return storage[entry.offset : entry.offset + count].reshape(entry.shape).copy()
