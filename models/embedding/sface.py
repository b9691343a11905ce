"""SFace: the second audit embedder.

Weights: registry entry "sface" (Apache-2.0), block-quantised in the file, float32 when run. Takes a 112 x 112 RGB chip
aligned to the five points of the ArcFace template; scaling is inside the network.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.embedding.vectors import describe, unit
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align, onnx_blocks, openvino_runtime
from models.runtime.align import pairs
from models.weights import weight_files


class SFace:
    """Embedder, 128 dimensions.

    Not guaranteed: a meaning for small faces (against full-size pictures of the same person, none were rejected at
    FAR 1 % with faces of 24 pixels, 9 % with 16), or for profiles, which were not measured.
    """

    name = "sface"
    dimension = 128

    def __init__(self, precision: openvino_runtime.Precision = "f32") -> None:
        model = openvino_runtime.read_bytes(onnx_blocks.expand(weight_files.path("sface")), "sface")
        self._network = openvino_runtime.Network(
            openvino_runtime.image_input(model, layout="NCHW", size=(align.ARCFACE_SIZE, align.ARCFACE_SIZE), rgb=True),
            precision=precision,
        )

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return one unit vector per (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 128) float32 unit vectors.
        """
        chips = (align.arcface_chip(frame, face) for frame, face in pairs(frames, faces))
        return unit(describe(self._network, chips, self.dimension))
