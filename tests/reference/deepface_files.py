"""DeepFace's model files as it keeps them, with small random networks inside: real names, inputs and widths.

Each network averages the picture over small squares, takes away the mean over a wider neighbourhood, and projects what
is left by a random matrix; so different faces give clearly different numbers, and nothing has been learnt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Looks = Literal["apart", "alike"]
"""Of VGG-Face: whether another face in the same place is farther away than 0.3, or everything is nearer."""

_FACE = (224, 224, 3)
_GREY = (48, 48, 1)
# Name of the file -> side and channels of its pictures, and how many classes it has.
_CLASSIFIERS = {
    "age_model_weights.onnx": (_FACE, 101),
    "gender_model_weights.onnx": (_FACE, 2),
    "facial_expression_model_weights.onnx": (_GREY, 7),
    "race_model_single_batch.onnx": (_FACE, 6),
}
_VGG = "vgg_face_weights.onnx"
_DIMENSION = 4096
# Shares of the side above and below, left and right, that are not looked at: hair, and the black beside a narrow face.
_LEFT_OUT = (0.09, 0.18)
# How far the classes' logits lie apart: enough for clear answers that are not yet certain.
_GAIN = 3.5


def write(home: Path, seed: int = 0, looks: Looks = "apart", only: tuple[str, ...] = ()) -> Path:
    """Write the five files below `home`, the folder that DEEPFACE_HOME would name; return it. only: some of them."""
    folder = home / ".deepface" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    networks = {file: _network(random, shape, width, "softmax") for file, (shape, width) in _CLASSIFIERS.items()}
    networks[_VGG] = _network(random, _FACE, _DIMENSION, looks)
    for file, network in networks.items():
        if not only or file in only:
            onnx.save(network, str(folder / file))
    return home


def _network(
    random: np.random.Generator, shape: tuple[int, int, int], width: int, kind: Literal["softmax"] | Looks
) -> onnx.ModelProto:
    """(n, *shape) float32 in [0, 1] -> (n, width)."""
    side, _, channels = shape
    square = side // 28
    above, beside = (round(side * share) for share in _LEFT_OUT)
    size = ((side - 2 * above) // square) * ((side - 2 * beside) // square) * channels
    matrix = random.standard_normal((size, width)) / np.sqrt(size)
    nodes = [
        helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Slice", ["planes", "starts", "ends", "axes"], ["middle"]),
        helper.make_node("AveragePool", ["middle"], ["squares"], kernel_shape=[square] * 2, strides=[square] * 2),
        helper.make_node("AveragePool", ["squares"], ["around"], kernel_shape=[5, 5], pads=[2] * 4),
        helper.make_node("Sub", ["squares", "around"], ["contrast"]),
        helper.make_node("Mul", ["contrast", "steep"], ["steeper"]),
        helper.make_node("Tanh", ["steeper"], ["features"]),
        helper.make_node("Flatten", ["features"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["projected"]),
    ]
    constants: dict[str, NDArray[Any]] = {
        "starts": np.array([above, beside]),
        "ends": np.array([side - above, side - beside]),
        "axes": np.array([2, 3]),
        "steep": np.array(10, np.float32),
        "matrix": matrix.astype(np.float32),
    }
    if kind == "softmax":
        constants["gain"] = np.array(_GAIN, np.float32)
        nodes += [helper.make_node("Mul", ["projected", "gain"], ["logits"])]
        nodes += [helper.make_node("Softmax", ["logits"], ["result"], axis=1)]
    else:
        # A common direction, longer than what differs by far, or of no weight.
        constants["common"] = np.full(width, 1e-3 if kind == "apart" else 10.0, np.float32)
        nodes += [helper.make_node("Add", ["projected", "common"], ["result"])]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
