"""Frozen dataclasses to bytes and back, without pickle: what is read is decided by the type that is asked for.

Layout: magic, length of the header (8 bytes, little endian), header as JSON, then the arrays' bytes one after the
other. A value is refused when it does not fit the type exactly.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import struct
import types
import typing
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from infra.errors import StoreError

T = TypeVar("T")
_MAGIC = b"ANFV1\n\x00\x00"
_KINDS = "biuf"
_PLAIN = re.compile(rf"[<|][{_KINDS}]\d{{1,2}}")


def dumps(value: Any) -> bytes:
    """Serialise a dataclass.

    It may hold numbers, strings, bytes, enums, Fractions, tuples, dicts with string keys, nested dataclasses and numpy
    arrays (bool, integer, float).

    Args:
        value: the dataclass value.

    Returns:
        The bytes.

    Raises:
        TypeError: it holds anything else.
    """
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError("Only dataclass values can be serialised.")
    blobs: list[bytes] = []
    header = json.dumps(_encode(value, blobs), separators=(",", ":")).encode()
    return b"".join([_MAGIC, struct.pack("<Q", len(header)), header, *blobs])


def loads(data: bytes, kind: type[T]) -> T:
    """Read back a dataclass value.

    Args:
        data: bytes made by `dumps`.
        kind: type of the value.

    Returns:
        The value.

    Raises:
        StoreError: the bytes are damaged or of another type.
    """
    try:
        if data[: len(_MAGIC)] != _MAGIC:
            raise ValueError("wrong magic")
        start = len(_MAGIC) + 8
        (length,) = struct.unpack("<Q", data[len(_MAGIC) : start])
        header = json.loads(data[start : start + length])
        reader = _Blobs(memoryview(data)[start + length :])
        value = _decode(header, kind, reader)
        reader.finish()
    except (ValueError, KeyError, TypeError, ArithmeticError, struct.error, AttributeError) as error:
        raise StoreError(f"A stored {kind.__name__} is damaged or of another version.") from error
    return typing.cast(T, value)


class _Blobs:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    def take(self, size: int) -> memoryview:
        part = self._data[self._position : self._position + size]
        if len(part) != size:
            raise ValueError("array cut off")
        self._position += size
        return part

    def finish(self) -> None:
        if self._position != len(self._data):
            raise ValueError("bytes left over")


def _encode(value: Any, blobs: list[bytes]) -> Any:
    if value is None or isinstance(value, enum.Enum):
        return None if value is None else value.value
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, np.generic):
        return _encode(value.item(), blobs)
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, bytes):
        blobs.append(value)
        return len(value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise TypeError(f"Arrays of {value.dtype} cannot be serialised.")
        portable = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
        blobs.append(portable.tobytes())
        return [portable.dtype.str, list(value.shape)]
    if isinstance(value, tuple | list):
        return [_encode(item, blobs) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("Only dictionaries with string keys can be serialised.")
        return {name: _encode(item, blobs) for name, item in value.items()}
    if dataclasses.is_dataclass(value):
        return {field.name: _encode(getattr(value, field.name), blobs) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be serialised.")


def _decode(raw: Any, hint: Any, blobs: _Blobs) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [option for option in arguments if option is not type(None)]
        if len(inner) != 1 or len(inner) == len(arguments):
            raise TypeError("only X | None can be read back")
        return None if raw is None else _decode(raw, inner[0], blobs)
    if origin is np.ndarray or hint is np.ndarray:
        return _array(raw, blobs)
    if origin in (tuple, list):
        return _sequence(raw, origin, arguments, blobs)
    if origin is dict:
        return {name: _decode(item, arguments[1], blobs) for name, item in raw.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        names = [field.name for field in dataclasses.fields(hint)]
        if list(raw) != names:
            raise ValueError("other fields")
        return hint(**{name: _decode(raw[name], hints[name], blobs) for name in names})
    return _scalar(raw, hint, blobs)


def _scalar(raw: Any, hint: Any, blobs: _Blobs) -> Any:
    if hint is Fraction:
        numerator, denominator = raw
        return Fraction(numerator, denominator)
    if hint is bytes:
        return bytes(blobs.take(raw))
    if hint is float and (type(raw) in (int, float) or raw in ("nan", "inf", "-inf")):
        return float(raw)
    if hint in (int, str, bool) and type(raw) is hint:
        return raw
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(raw)
    raise TypeError("value does not fit its type")


def _array(raw: Any, blobs: _Blobs) -> Any:
    kind, shape = raw
    # numpy evaluates other texts as Python expressions.
    if not _PLAIN.fullmatch(kind):
        raise ValueError("bad array")
    dtype = np.dtype(kind)
    if any(side < 0 for side in shape):
        raise ValueError("bad array")
    part = blobs.take(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(part, dtype=dtype).reshape(shape).copy()


def _sequence(raw: Any, origin: Any, arguments: tuple[Any, ...], blobs: _Blobs) -> Any:
    if origin is list or arguments[1:] == (Ellipsis,):
        return origin(_decode(item, arguments[0], blobs) for item in raw)
    if len(raw) != len(arguments):
        raise ValueError("other length")
    return tuple(_decode(item, hint, blobs) for item, hint in zip(raw, arguments, strict=True))
