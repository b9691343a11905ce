"""Reads a TensorFlow.js graph model: a .json file with the graph, and the file of weights that it names beside it.

TensorFlow.js itself runs in JavaScript only, and no reader of OpenVINO takes its files. Only the operations that the
pinned network consists of are known; a graph with any other is refused. Pictures are kept as (N, C, H, W) inside, as
OpenVINO's convolutions take them; the input stays (N, H, W, C).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from infra.errors import WeightsError

_STORED: dict[str, np.dtype[Any]] = {
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
}

Tensors = Mapping[str, NDArray[Any]]


def read(path: Path) -> ov.Model:
    """Read a network.

    Args:
        path: The .json file; the files of weights lie beside it.

    Returns:
        The model, from one (N, H, W, C) float32 input to the outputs of its signature, by their names in it.

    Raises:
        WeightsError: The files are missing, damaged, or hold another kind of graph.
    """
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        tensors = _tensors(described["weightsManifest"], path.parent)
        return _build(described["modelTopology"]["node"], described["signature"]["outputs"], tensors)
    except OSError:
        raise WeightsError(f"{path.name}, or a file beside it, is missing; run: anonflow models pull") from None
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"Weight file {path.name} is not the expected TensorFlow.js graph model.") from error


def _tensors(manifest: list[dict[str, Any]], folder: Path) -> dict[str, NDArray[Any]]:
    """Name -> values, in float32 or int32. Raises ValueError where the files do not hold just these."""
    found: dict[str, NDArray[Any]] = {}
    for group in manifest:
        names = group["paths"]
        if any(Path(name).name != name for name in names):
            raise ValueError("a file of weights lies elsewhere")
        content, at = b"".join((folder / name).read_bytes() for name in names), 0
        for entry in group["weights"]:
            kind = _STORED[entry.get("quantization", entry)["dtype"]]
            count = int(np.prod(entry["shape"], dtype=np.int64))
            values = np.frombuffer(content, kind, count, at).reshape(entry["shape"])
            found[entry["name"]] = values.astype(entry["dtype"])
            at += values.nbytes
        if at != len(content):
            raise ValueError("more weights than are named")
    return found


def _build(nodes: list[dict[str, Any]], outputs: Mapping[str, Any], tensors: Tensors) -> ov.Model:
    graph = _Graph({node["name"]: node for node in nodes}, tensors)
    results = []
    for name in outputs:
        result = graph.value(name.partition(":")[0])
        result.output(0).get_tensor().set_names({name})
        results.append(ops.result(result))
    return ov.Model(results, graph.inputs, "tfjs")


class _Graph:
    """Makes the nodes that the outputs depend on, each once."""

    def __init__(self, nodes: Mapping[str, dict[str, Any]], tensors: Tensors) -> None:
        self.inputs: list[Any] = []
        self._nodes, self._tensors = nodes, tensors
        self._made: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        """The node of this name."""
        # Depth first without recursion: a graph may be deeper than Python's stack.
        waiting = [name]
        while waiting:
            one = waiting[-1]
            node = self._nodes[one]
            missing = [other for other in node.get("input", []) if other not in self._made]
            if one in self._made or not missing:
                waiting.pop()
                if one not in self._made:
                    self._made[one] = self._make(node)
            else:
                if len(waiting) > len(self._nodes):
                    raise ValueError("a circle")
                waiting.append(missing[0])
        return self._made[name]

    def _make(self, node: dict[str, Any]) -> Any:
        kind, attributes = node["op"], node.get("attr", {})
        inputs = [self._made[name] for name in node.get("input", [])]
        if kind == "Const":
            return ops.constant(self._tensors[node["name"]])
        if kind == "Placeholder":
            sides = [int(side["size"]) for side in attributes["shape"]["shape"]["dim"]]
            source = ops.parameter(ov.PartialShape(sides), np.float32, name=node["name"])
            self.inputs.append(source)
            return ops.transpose(source, np.array([0, 3, 1, 2]))
        if kind in ("Conv2D", "DepthwiseConv2dNative"):
            return self._convolution(kind, inputs[0], self._tensors[node["input"][1]], attributes)
        if kind == "_FusedMatMul":
            return _dense(inputs, attributes)
        if kind == "Mean":
            axes = self._tensors[node["input"][1]]
            if sorted(axes.tolist()) != [1, 2]:
                raise ValueError("a mean over other axes than height and width")
            return ops.reduce_mean(inputs[0], np.array([2, 3]), keep_dims=attributes["keep_dims"]["b"])
        if kind in _PAIRWISE:
            return _PAIRWISE[kind](*_fitting(*inputs))
        return _ALONE[kind](inputs[0])

    def _convolution(self, kind: str, source: Any, kernel: NDArray[Any], attributes: dict[str, Any]) -> Any:
        strides, dilations = (list(map(int, attributes[key]["list"]["i"])) for key in ("strides", "dilations"))
        if _text(attributes["data_format"]["s"]) != "NHWC" or dilations != [1, 1, 1, 1] or strides[0] != strides[3]:
            raise ValueError("another form of convolution")
        padding = {"SAME": "same_upper", "VALID": "valid"}[_text(attributes["padding"]["s"])]
        more = (strides[1:3], [0, 0], [0, 0], [1, 1], padding)
        if kind == "Conv2D":
            return ops.convolution(source, np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), *more)
        # (H, W, C, 1) -> (C, 1, 1, H, W): as many groups as channels.
        grouped = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1)[:, :, None])
        return ops.group_convolution(source, grouped, *more)


def _dense(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    """A product of matrices with what was fused to it."""
    fused = [_text(one) for one in attributes["fused_ops"]["list"]["s"]]
    if fused not in (["BiasAdd"], ["BiasAdd", "Relu"]):
        raise ValueError("another fused operation")
    turned = (attributes["transpose_a"]["b"], attributes["transpose_b"]["b"])
    result = ops.add(ops.matmul(inputs[0], inputs[1], *turned), inputs[2])
    return ops.relu(result) if "Relu" in fused else result


def _fitting(one: Any, other: Any) -> tuple[Any, Any]:
    """A picture and one number per channel, which in the graph stood along its last axis."""
    ranks = [len(node.output(0).get_partial_shape()) for node in (one, other)]
    if ranks == [4, 1]:
        return one, ops.reshape(other, np.array([1, -1, 1, 1]), special_zero=False)
    if ranks not in ([4, 0], [4, 4], [2, 1], [2, 2]):
        raise ValueError("shapes that are not expected")
    return one, other


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except binascii.Error as error:
        raise ValueError("no text") from error


_PAIRWISE: dict[str, Callable[[Any, Any], Any]] = {
    "Add": ops.add,
    "Mul": ops.multiply,
    "Minimum": ops.minimum,
    "Maximum": ops.maximum,
}
_ALONE: dict[str, Callable[[Any], Any]] = {
    "Relu": ops.relu,
    "Sigmoid": ops.sigmoid,
    "Softmax": lambda node: ops.softmax(node, 1),
}
