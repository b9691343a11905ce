"""Builds BiSeNet (ResNet-18 context path, attention refinement, feature fusion) as an OpenVINO graph from its tensors.

Every batch normalisation follows a convolution without bias and is folded into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset1
from openvino import opset13 as ops

_EPSILON = 1e-5

State = Mapping[str, NDArray[Any]]


class _Builder:
    def __init__(self, state: State) -> None:
        self.state = state

    def conv(self, node: Any, name: str, norm: str | None, stride: int = 1, padding: int = 0) -> Any:
        weight = self.state[f"{name}.weight"].astype(np.float32)
        bias = None
        if norm is not None:
            gamma, beta, mean, variance = (
                self.state[f"{norm}.{part}"].astype(np.float32)
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = gamma / np.sqrt(variance + _EPSILON)
            weight = weight * factor[:, None, None, None]
            bias = (beta - mean * factor).reshape(1, -1, 1, 1)
        node = ops.convolution(node, np.ascontiguousarray(weight), [stride] * 2, [padding] * 2, [padding] * 2, [1, 1])
        return node if bias is None else ops.add(node, bias)

    def block(self, node: Any, name: str, padding: int = 1) -> Any:
        """Convolution, normalisation, activation under the names `conv` and `bn`."""
        return ops.relu(self.conv(node, f"{name}.conv", f"{name}.bn", padding=padding))

    def residual(self, node: Any, name: str, stride: int) -> Any:
        inner = ops.relu(self.conv(node, f"{name}.conv1", f"{name}.bn1", stride, 1))
        inner = self.conv(inner, f"{name}.conv2", f"{name}.bn2", 1, 1)
        if f"{name}.downsample.0.weight" in self.state:
            node = self.conv(node, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return ops.relu(ops.add(node, inner))

    def stage(self, node: Any, name: str, stride: int) -> Any:
        return self.residual(self.residual(node, f"{name}.0", stride), f"{name}.1", 1)

    def refine(self, node: Any, name: str) -> Any:
        features = self.block(node, f"{name}.conv")
        attention = ops.sigmoid(self.conv(_pool(features), f"{name}.conv_atten", f"{name}.bn_atten"))
        return ops.multiply(features, attention)

    def fuse(self, spatial: Any, context: Any) -> Any:
        features = self.block(ops.concat([spatial, context], 1), "ffm.convblk", padding=0)
        attention = ops.relu(self.conv(_pool(features), "ffm.conv1", None))
        attention = ops.sigmoid(self.conv(attention, "ffm.conv2", None))
        return ops.add(ops.multiply(features, attention), features)


def build(state: State, side: int) -> ov.Model:
    """Return the network. Only the main output is built; the two auxiliary heads serve training.

    Args:
        state: Name -> array of every tensor.
        side: Side of the input in pixels, a multiple of 32.

    Returns:
        Model from (1, 3, side, side) float32 normalised RGB to a (1, side, side) int32 class map.

    Raises:
        KeyError: A tensor is missing.
    """
    make = _Builder(state)
    source = ops.parameter([1, 3, side, side], np.float32, name="images")
    node = ops.relu(make.conv(source, "cp.resnet.conv1", "cp.resnet.bn1", 2, 3))
    node = opset1.max_pool(node, [2, 2], [1, 1], [1, 1], [3, 3])
    node = make.stage(node, "cp.resnet.layer1", 1)
    eighth = make.stage(node, "cp.resnet.layer2", 2)
    sixteenth = make.stage(eighth, "cp.resnet.layer3", 2)
    thirtysecond = make.stage(sixteenth, "cp.resnet.layer4", 2)

    whole = make.block(_pool(thirtysecond), "cp.conv_avg", padding=0)
    context = ops.add(make.refine(thirtysecond, "cp.arm32"), whole)
    context = make.block(_double(context, side // 32), "cp.conv_head32")
    context = ops.add(make.refine(sixteenth, "cp.arm16"), context)
    context = make.block(_double(context, side // 16), "cp.conv_head16")

    fused = make.block(make.fuse(eighth, context), "conv_out.conv")
    scores = make.conv(fused, "conv_out.conv_out", None)
    scores = _resize(scores, side, "linear_onnx", "align_corners")
    best = ops.topk(scores, np.int64(1), 1, "max", "none", "i32").output(1)
    return ov.Model([ops.result(ops.squeeze(best, np.array([1], np.int64)))], [source], "bisenet")


def _pool(node: Any) -> Any:
    return ops.reduce_mean(node, np.array([2, 3], np.int64), keep_dims=True)


def _double(node: Any, side: int) -> Any:
    return _resize(node, side * 2, "nearest", "asymmetric")


def _resize(node: Any, side: int, mode: str, corners: str) -> Any:
    size = np.array([side, side], np.int64)
    axes = np.array([2, 3], np.int64)
    return ops.interpolate(
        node, size, mode, "sizes", axes=axes, coordinate_transformation_mode=corners, nearest_mode="floor"
    )
