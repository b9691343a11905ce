"""Undo block quantisation in an ONNX file: every constant DequantizeLinear becomes the float32 weights it stands for.

Two of the pinned networks store their weights as int8 blocks. Readers disagree about that form (OpenVINO 2026.4
refuses a one-dimensional block, OpenCV 5 refuses the file), and the product is the same numbers either way: the
weights are small, so they are expanded once, on reading. Only the few fields of the ONNX format that this needs are
touched; everything else is passed on byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import WeightsError

_GRAPH, _NODE, _INITIALISER = 7, 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_TYPE, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT = 1, 3
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_FLOAT, _UINT8, _INT8 = 1, 2, 3
_TYPES: dict[int, np.dtype[Any]] = {_FLOAT: np.dtype("<f4"), _UINT8: np.dtype("u1"), _INT8: np.dtype("i1")}

Field = tuple[int, bytes | int, bytes]
"""Field number, value (bytes when length-delimited, else int), and the field as it was encoded."""


def expand(path: Path) -> bytes:
    """Return an ONNX model with its constant DequantizeLinear nodes replaced by float32 initialisers.

    Args:
        path: The ONNX file.

    Returns:
        The encoded model.

    Raises:
        WeightsError: The file is not an ONNX model of the expected form.
    """
    try:
        model = list(_fields(path.read_bytes()))
        graph = next(value for number, value, _ in model if number == _GRAPH and isinstance(value, bytes))
        replaced = _expand_graph(list(_fields(graph)))
    except (StopIteration, ValueError, KeyError, IndexError, struct.error) as error:
        raise WeightsError(f"Weight file {path.name} is not the expected ONNX model.") from error
    return b"".join(_pack(_GRAPH, replaced) if number == _GRAPH else encoded for number, _, encoded in model)


def _expand_graph(fields: list[Field]) -> bytes:
    tensors: dict[str, NDArray[np.generic]] = {}
    for number, value, _ in fields:
        if number == _INITIALISER and isinstance(value, bytes):
            name, array = _tensor(value)
            if array is not None:
                tensors[name] = array
    made: list[bytes] = []
    gone: set[int] = set()
    spent: set[str] = set()
    for position, (number, value, _) in enumerate(fields):
        if number == _NODE and isinstance(value, bytes):
            inputs, output, options = _node(value)
            if options is not None and all(name in tensors for name in inputs):
                weights = _dequantise([tensors[name] for name in inputs], options)
                made.append(_pack(_INITIALISER, _encode(output, weights)))
                gone.add(position)
                spent.update(inputs)
    for position, (number, value, _) in enumerate(fields):
        if number == _INITIALISER and isinstance(value, bytes) and _tensor_name(value) in spent:
            gone.add(position)
    kept = [encoded for position, (_, _, encoded) in enumerate(fields) if position not in gone]
    return b"".join(kept + made)


def _dequantise(inputs: list[NDArray[np.generic]], options: dict[str, int]) -> NDArray[np.float32]:
    """(x - zero) * scale, where scale and zero hold one entry per `block_size` elements along `axis`."""
    values, scales = inputs[0].astype(np.float32), inputs[1].astype(np.float32)
    zeros = inputs[2].astype(np.float32) if len(inputs) > 2 else np.zeros_like(scales)
    axis, block = options.get("axis", 1), options.get("block_size", 0)
    if block:
        length = values.shape[axis]
        scales, zeros = (np.take(np.repeat(part, block, axis), range(length), axis) for part in (scales, zeros))
    elif scales.ndim == 1 and scales.size > 1:
        shape = [1] * values.ndim
        shape[axis] = -1
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    return np.asarray((values - zeros) * scales, np.float32)


def _node(data: bytes) -> tuple[list[str], str, dict[str, int] | None]:
    """Return inputs, first output, and the integer attributes; None instead of these for any other kind of node."""
    inputs: list[str] = []
    output, kind = "", ""
    options: dict[str, int] = {}
    for number, value, _ in _fields(data):
        if not isinstance(value, bytes):
            continue
        if number == _NODE_INPUT:
            inputs.append(value.decode())
        elif number == _NODE_OUTPUT:
            output = output or value.decode()
        elif number == _NODE_TYPE:
            kind = value.decode()
        elif number == _NODE_ATTRIBUTE:
            parts = {inner: content for inner, content, _ in _fields(value)}
            name, integer = parts.get(_ATTRIBUTE_NAME), parts.get(_ATTRIBUTE_INT)
            if isinstance(name, bytes) and isinstance(integer, int):
                options[name.decode()] = integer
    return inputs, output, options if kind == "DequantizeLinear" else None


def _tensor_name(data: bytes) -> str:
    for number, value, _ in _fields(data):
        if number == _TENSOR_NAME and isinstance(value, bytes):
            return value.decode()
    return ""


def _tensor(data: bytes) -> tuple[str, NDArray[np.generic] | None]:
    """Return a tensor's name, and its values when they are raw bytes of a type that is needed here."""
    shape: list[int] = []
    kind, raw = 0, None
    for number, value, _ in _fields(data):
        if number == _TENSOR_DIMS:
            shape += [value] if isinstance(value, int) else list(_varints(value))
        elif number == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_RAW and isinstance(value, bytes):
            raw = value
    if raw is None or kind not in _TYPES:
        return _tensor_name(data), None
    return _tensor_name(data), np.frombuffer(raw, _TYPES[kind]).reshape(shape)


def _encode(name: str, values: NDArray[np.float32]) -> bytes:
    shape = b"".join(_varint(_TENSOR_DIMS << 3) + _varint(side) for side in values.shape)
    kind = _varint(_TENSOR_TYPE << 3) + _varint(_FLOAT)
    return shape + kind + _pack(_TENSOR_NAME, name.encode()) + _pack(_TENSOR_RAW, values.astype("<f4").tobytes())


def _pack(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _read_varint(data, at)
        yield value


def _fields(data: bytes) -> Iterator[Field]:
    """Walk the fields of a protocol buffer message. Raises ValueError or IndexError when it is malformed."""
    at = 0
    while at < len(data):
        start = at
        key, at = _read_varint(data, at)
        value: bytes | int
        match key & 7:
            case 0:
                value, at = _read_varint(data, at)
            case 1:
                value, at = data[at : at + 8], at + 8
            case 2:
                length, at = _read_varint(data, at)
                value, at = data[at : at + length], at + length
            case 5:
                value, at = data[at : at + 4], at + 4
            case other:
                raise ValueError(f"wire type {other}")
        if at > len(data):
            raise ValueError("truncated")
        yield key >> 3, value, data[start:at]
