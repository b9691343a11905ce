"""ArcFace (MobileFaceNet, WebFace600K): an attacker of the evaluation, which no twin was ever made or chosen by.

Weights: registry entry "arcface" (InsightFace, non-commercial research only). Takes a 112 x 112 RGB chip aligned to the
five points of the ArcFace template, (x - 127.5) / 127.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.embedding.vectors import describe, unit
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import align, openvino_runtime
from models.runtime.align import pairs
from models.weights import weight_files


class ArcFace:
    """Embedder, 512 dimensions.

    Not guaranteed: a meaning for small faces or for profiles, which were not measured.
    """

    name = "arcface"
    dimension = 512

    def __init__(self, precision: openvino_runtime.Precision = "f32") -> None:
        model = openvino_runtime.image_input(
            openvino_runtime.read(weight_files.path("arcface")),
            layout="NCHW",
            size=(align.ARCFACE_SIZE, align.ARCFACE_SIZE),
            rgb=True,
            mean=(127.5, 127.5, 127.5),
            scale=127.5,
        )
        self._network = openvino_runtime.Network(model, precision=precision)

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        """Return one unit vector per (frame, face) pair.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            (N, 512) float32 unit vectors.
        """
        chips = (align.arcface_chip(frame, face) for frame, face in pairs(frames, faces))
        return unit(describe(self._network, chips, self.dimension))
