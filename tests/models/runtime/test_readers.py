"""The readers of foreign files: block-quantised ONNX, PyTorch checkpoints, dlib networks."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import WeightsError
from models.embedding import dlib_file, dlib_resnet
from models.masks import torch_file
from models.runtime import onnx_blocks, openvino_runtime
from models.runtime.align import dlib_chip
from models.weights import weight_files
from tests.contracts import support


def _file(name: str) -> Path:
    try:
        return weight_files.path(name)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["yunet", "sface"])
def test_no_quantised_node_is_left_and_the_network_reads(name: str) -> None:
    content = onnx_blocks.expand(_file(name))
    assert b"DequantizeLinear" in _file(name).read_bytes() and b"DequantizeLinear" not in content
    assert len(content) > 2 * _file(name).stat().st_size
    assert openvino_runtime.read_bytes(content, name).inputs


def test_blocks_are_expanded_along_their_axis() -> None:
    values = np.arange(-6, 6, dtype=np.int8).reshape(2, 6)
    scales = np.array([[0.5, 2.0], [1.0, 4.0]], np.float32)
    zeros = np.array([[1, 0], [0, -2]], np.int8)
    result = onnx_blocks._dequantise([values, scales, zeros], {"axis": 1, "block_size": 4})
    expected = np.array([[-3.5, -3, -2.5, -2, -4, -2], [0, 1, 2, 3, 24, 28]], np.float32)
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x3a\x7f123"])
def test_other_files_are_no_onnx_models(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        onnx_blocks.expand(path)


class _Trap:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


def _checkpoint(state: Any, order: list[str], payload: bytes) -> bytes:
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in (*head, state, order)) + payload


def test_a_checkpoint_that_calls_a_function_is_refused_and_calls_nothing(tmp_path: Path) -> None:
    path, victim = tmp_path / "x.pth", tmp_path / "made"
    for content in (pickle.dumps(_Trap(victim), 2), _checkpoint(OrderedDict(a=_Trap(victim)), [], b"")):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="not allowed"):
            torch_file.tensors(path)
    assert not victim.exists()


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", pickle.dumps(7, 2), _checkpoint({}, ["k"], struct.pack("<q", 1))]
)
def test_other_files_are_no_checkpoints(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        torch_file.tensors(path)


def test_the_parser_checkpoint_has_its_tensors() -> None:
    state = torch_file.tensors(_file("bisenet"))
    assert state["conv_out.conv_out.weight"].shape == (19, 256, 1, 1)
    assert state["cp.resnet.conv1.weight"].dtype == np.float32
    assert all(np.isfinite(array).all() for array in state.values())
    assert (state["cp.resnet.bn1.running_var"] > 0).all()


def test_the_dlib_network_has_its_layers(tmp_path: Path) -> None:
    path = _file("dlib-resnet")
    kinds = [layer.kind for layer in dlib_file.layers(path)]
    assert (kinds.count("con"), kinds.count("affine"), kinds.count("add_prev")) == (29, 29, 14)
    assert kinds[-2:] == ["avg_pool", "fc"]
    short = tmp_path / "short.dat"
    for content in (path.read_bytes()[:-200_000], b"", b"\x01\x05con_4"):
        short.write_bytes(content)
        with pytest.raises(WeightsError):
            dlib_file.layers(short)


def test_the_dlib_network_computes_what_dlib_computes() -> None:
    dlib = pytest.importorskip("dlib", reason="dlib is only needed for this comparison")
    reference = dlib.face_recognition_model_v1(str(_file("dlib-resnet")))
    ours: dlib_resnet.DlibResNet = support.load("embedder", "dlib-resnet")
    for name in ("people/009_C", "people/002_A", "synthetic/04"):
        chip = dlib_chip(support.still(name), support.face(name), 150, 0.25)
        expected = np.array(reference.compute_face_descriptor(np.ascontiguousarray(chip[..., ::-1])))
        assert np.abs(ours.describe([chip])[0] - expected).max() < 1e-4
