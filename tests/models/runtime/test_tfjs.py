"""The reader of TensorFlow.js graph models: the same numbers as the graph says, and nothing else is read."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import WeightsError
from models.runtime import openvino_runtime, tfjs

RANDOM = np.random.default_rng(3)
# Of numbers that half precision holds, as the pinned network's weights are.
KERNEL = (RANDOM.integers(-8, 8, (3, 3, 2, 4)) / 8).astype(np.float32)
DEPTH = (RANDOM.integers(-8, 8, (3, 3, 4, 1)) / 8).astype(np.float32)
SHIFT, FACTOR = np.array([0.5, -1, 0, 2], np.float32), np.array([1, 2, -1, 0.5], np.float32)
DENSE, BIAS = (RANDOM.integers(-8, 8, (4, 3)) / 8).astype(np.float32), np.array([0.25, 0, -0.5], np.float32)


def text(words: str) -> dict[str, str]:
    return {"s": base64.b64encode(words.encode()).decode()}


def convolution(stride: int) -> dict[str, Any]:
    strides = {"list": {"i": ["1", str(stride), str(stride), "1"]}}
    ones = {"list": {"i": ["1"] * 4}}
    return {"strides": strides, "dilations": ones, "padding": text("SAME"), "data_format": text("NHWC")}


def node(name: str, kind: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": kind, "input": list(inputs), "attr": attributes}


def write(folder: Path, changes: dict[str, dict[str, Any]] | None = None, more: bytes = b"") -> Path:
    """A graph of every operation that is known. changes: name of a node -> other fields of it."""
    tensors = {
        "kernel": KERNEL, "depth": DEPTH, "shift": SHIFT, "factor": FACTOR, "six": np.float32(6), "zero": np.float32(0),
        "axes": np.array([1, 2], np.int32), "dense": DENSE, "bias": BIAS,
    }  # fmt: skip
    fused = {"fused_ops": {"list": {"s": [text("BiasAdd")["s"], text("Relu")["s"]]}}}
    flags = {name: {"b": False} for name in ("transpose_a", "transpose_b")}
    sides = {"shape": {"dim": [{"size": str(side)} for side in (-1, 6, 7, 2)]}}
    nodes = [
        node("input", "Placeholder", shape=sides),
        *(node(name, "Const") for name in tensors),
        node("conv", "Conv2D", "input", "kernel", **convolution(2)),
        node("added", "Add", "conv", "shift"),
        node("rectified", "Relu", "added"),
        node("most", "Minimum", "rectified", "six"),
        node("least", "Maximum", "most", "zero"),
        node("deep", "DepthwiseConv2dNative", "least", "depth", **convolution(1)),
        node("scaled", "Mul", "deep", "factor"),
        node("mean", "Mean", "scaled", "axes", keep_dims={"b": False}),
        node("features", "_FusedMatMul", "mean", "dense", "bias", **fused, **flags),
        node("shares", "Softmax", "features"),
        node("chances", "Sigmoid", "features"),
        node("unused", "Einsum", "features"),
    ]
    nodes = [one | (changes or {}).get(one["name"], {}) for one in nodes]
    entries, content = [], b""
    for name, values in tensors.items():
        entry: dict[str, Any] = {"name": name, "shape": list(np.shape(values)), "dtype": "float32"}
        if name == "axes":
            entry["dtype"] = "int32"
            content += np.asarray(values, "<i4").tobytes()
        else:
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            content += np.asarray(values, "<f2").tobytes()
        entries.append(entry)
    half = len(content) // 2
    (folder / "a.bin").write_bytes(content[:half])
    (folder / "b.bin").write_bytes(content[half:] + more)
    described = {
        "modelTopology": {"node": nodes},
        "signature": {"outputs": {"shares:0": {}, "chances": {}}},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": entries}],
    }
    path = folder / "net.json"
    path.write_text(json.dumps(described))
    return path


def windows(picture: np.ndarray, stride: int) -> np.ndarray:
    """(rows, columns, 3, 3, C), padded as SAME says: what is odd stands below and right."""
    sides = [-(-side // stride) for side in picture.shape[:2]]
    padding = [max((out - 1) * stride + 3 - side, 0) for out, side in zip(sides, picture.shape[:2], strict=True)]
    padded = np.pad(picture, [(pad // 2, pad - pad // 2) for pad in padding] + [(0, 0)])
    found = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))[::stride, ::stride]
    return found.transpose(0, 1, 3, 4, 2)


def expected(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first = np.einsum("xyijc,ijco->xyo", windows(picture, 2), KERNEL)
    first = np.clip(first + SHIFT, 0, 6)
    deep = np.einsum("xyijc,ijc->xyc", windows(first, 1), DEPTH[..., 0]) * FACTOR
    features = np.maximum(deep.mean(axis=(0, 1)) @ DENSE + BIAS, 0)
    exponents = np.exp(features - features.max())
    return exponents / exponents.sum(), 1 / (1 + np.exp(-features))


def test_gives_the_numbers_that_the_graph_says(tmp_path: Path) -> None:
    network = openvino_runtime.Network(tfjs.read(write(tmp_path)))
    picture = RANDOM.normal(size=(6, 7, 2)).astype(np.float32)
    found = network.run(picture[None])
    shares, chances = expected(picture)
    assert found[network.output("shares:0")][0] == pytest.approx(shares, abs=1e-5)
    assert found[network.output("chances")][0] == pytest.approx(chances, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scaled", {"op": "Einsum"}),
        ("conv", {"attr": convolution(1) | {"padding": text("EXPLICIT")}}),
        ("conv", {"attr": convolution(1) | {"data_format": text("NCHW")}}),
        ("added", {"input": ["conv", "nothing"]}),
        ("added", {"input": ["least", "shift"]}),
        ("features", {"attr": {"fused_ops": {"list": {"s": ["!"]}}}}),
        ("shift", {"name": "other"}),
    ],
)
def test_other_graphs_are_refused(tmp_path: Path, name: str, change: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"net\.json is not the expected"):
        tfjs.read(write(tmp_path, {name: change}))


def test_files_of_weights_must_hold_just_the_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not the expected"):
        tfjs.read(write(tmp_path, more=b"\0\0"))
    path = write(tmp_path)
    (tmp_path / "b.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match="not the expected"):
        tfjs.read(path)
    (tmp_path / "b.bin").unlink()
    with pytest.raises(WeightsError, match="is missing"):
        tfjs.read(path)


def test_weights_are_read_beside_the_graph_alone(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("a.bin", "../a.bin"))
    with pytest.raises(WeightsError, match="not the expected"):
        tfjs.read(path)
