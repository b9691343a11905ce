"""dlib's face recognition ResNet, rebuilt as an OpenVINO graph: the first audit embedder.

Weights: registry entry "dlib-resnet" (CC0-1.0). The numbers agree with dlib's own to rounding, in about a tenth of the
time. Takes dlib's 150 x 150 RGB chip with padding 0.25, aligned by the five detector points instead of dlib's own
landmarks; so distances differ a little from dlib's and have their own calibration.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset1
from openvino import opset13 as ops

from infra.errors import WeightsError
from models.embedding.dlib_file import Layer, layers
from models.embedding.vectors import describe, unit
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align, openvino_runtime
from models.runtime.align import pairs
from models.weights import weight_files

_SIZE = 150
_PADDING = 0.25
_MEAN_RGB = (122.782, 117.001, 104.298)


class DlibResNet:
    """Embedder, 128 dimensions, scaled to unit length (dlib's own vectors have a length near 1.4).

    Not guaranteed: a meaning for small faces (against full-size pictures of the same person, none were rejected at
    FAR 1 % with faces of 24 pixels, 28 % with 16), or for profiles, which were not measured.
    """

    name = "dlib-resnet"
    dimension = 128

    def __init__(self, precision: openvino_runtime.Precision = "f32") -> None:
        graph = build(layers(weight_files.path("dlib-resnet")))
        model = openvino_runtime.image_input(
            graph, layout="NCHW", size=(_SIZE, _SIZE), rgb=True, mean=_MEAN_RGB, scale=256.0
        )
        self._network = openvino_runtime.Network(model, precision=precision)

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return one unit vector per (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 128) float32 unit vectors.
        """
        chips = (align.dlib_chip(frame, face, _SIZE, _PADDING) for frame, face in pairs(frames, faces))
        return unit(self.describe(chips))

    def describe(self, chips: Iterable[Image]) -> Floats:
        """Return the descriptors of chips, not scaled: dlib's own numbers.

        Args:
            chips: (150, 150, 3) uint8 BGR chips.

        Returns:
            (N, 128) float32.
        """
        return describe(self._network, chips, self.dimension)


def build(parts: list[Layer]) -> ov.Model:
    """Build the network from its layers.

    A residual block starts after a pool or after the activation that follows an addition; its input is what the
    addition gets, averaged two by two first where the block halves the map.

    Args:
        parts: The layers in the order of computation.

    Returns:
        Model from (1, 3, 150, 150) float32 to (1, 128) float32.

    Raises:
        WeightsError: A layer is of another kind.
    """
    source = ops.parameter([1, 3, _SIZE, _SIZE], np.float32, name="images")
    node, skip = source, source
    convolution: Layer | None = None
    previous = ""
    for part in parts:
        if part.kind == "con":
            convolution = part
        elif part.kind == "affine" and convolution is not None:
            node = _convolve(node, convolution, part.values)
        elif part.kind == "relu":
            node = ops.relu(node)
            skip = node if previous == "add_prev" else skip
        elif part.kind == "max_pool":
            node = opset1.max_pool(node, list(part.stride), [0, 0], [0, 0], list(part.window))
            skip = node
        elif part.kind == "avg_pool" and part.window != (0, 0):
            skip = ops.avg_pool(skip, list(part.stride), [0, 0], [0, 0], list(part.window), True)
        elif part.kind == "avg_pool":
            node = ops.reduce_mean(node, np.array([2, 3], np.int64), keep_dims=False)
        elif part.kind == "add_prev":
            node = _add(node, skip)
        elif part.kind == "fc":
            node = ops.matmul(node, part.values.reshape(-1, part.filters), False, False)
        else:
            raise WeightsError(f"The dlib network has an unexpected layer {part.kind!r}.")
        previous = part.kind
    return ov.Model([ops.result(node)], [source], "dlib-resnet")


def _convolve(node: Any, part: Layer, affine: NDArray[np.float32]) -> Any:
    """Convolution with bias, followed by a scale and shift per channel, as one convolution."""
    kernel, bias = part.values[: -part.filters], part.values[-part.filters :]
    gamma, beta = affine[: part.filters], affine[part.filters :]
    weight = kernel.reshape(part.filters, -1, *part.window) * gamma[:, None, None, None]
    pads = list(part.padding)
    node = ops.convolution(node, np.ascontiguousarray(weight), list(part.stride), pads, pads, [1, 1])
    return ops.add(node, (bias * gamma + beta).reshape(1, -1, 1, 1))


def _add(node: Any, skip: Any) -> Any:
    """Add two maps of different size: dlib lets the smaller one count as zero beyond its end."""
    shapes = [np.array(part.get_output_shape(0), np.int64) for part in (node, skip)]
    target = np.maximum(*shapes)
    padded = []
    for part, shape in zip((node, skip), shapes, strict=True):
        missing = target - shape
        padded.append(
            ops.pad(part, np.zeros(4, np.int64), missing, "constant", np.float32(0)) if missing.any() else part
        )
    return ops.add(*padded)
