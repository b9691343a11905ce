"""CenterFace: a third detector, for comparison and for a second opinion.

Weights: registry entry "centerface" (MIT). One heat map at stride 4; each peak carries a shift, the logarithm of the
size, and five points relative to the box.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.detection.geometry import faces_from, fit, suppress
from models.interfaces.capabilities import Face, Image
from models.runtime import openvino_runtime
from models.weights import weight_files

_STRIDE = 4
_CANDIDATES = 1000


class CenterFace:
    """Detector. Several times slower than the others. long_side, min_score, overlap: as in RetinaFaceMobileNet."""

    name = "centerface"
    batch = 1

    def __init__(
        self,
        long_side: int = 640,
        min_score: float = 0.5,
        overlap: float = 0.3,
        precision: openvino_runtime.Precision = "f32",
    ) -> None:
        self.long_side = long_side
        self.min_score = min_score
        self.overlap = overlap
        model = openvino_runtime.read(weight_files.path("centerface"))
        self._network = openvino_runtime.Network(
            openvino_runtime.image_input(model, layout="NCHW", size=None, rgb=True), precision=precision
        )
        self._order = [self._network.output(name) for name in ("537", "538", "539", "540")]

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        """Return the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 BGR images.

        Returns:
            One list per frame, best score first; boxes may reach outside the frame.
        """
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Image) -> list[Face]:
        fitted = fit(frame, self.long_side, min(480, self.long_side))
        results = self._network.run(fitted.image[None])
        heat, size, shift, marks = (results[index][0] for index in self._order)
        rows, columns = np.nonzero(heat[0] >= self.min_score)
        scores = heat[0, rows, columns]
        if len(scores) > _CANDIDATES:
            best = np.argsort(-scores, kind="stable")[:_CANDIDATES]
            rows, columns, scores = rows[best], columns[best], scores[best]
        high, wide = np.exp(size[:, rows, columns]) * _STRIDE
        middle_y = (rows + shift[0, rows, columns] + 0.5) * _STRIDE
        middle_x = (columns + shift[1, rows, columns] + 0.5) * _STRIDE
        left, top = middle_x - wide / 2, middle_y - high / 2
        boxes = np.stack([left, top, left + wide, top + high], axis=1).astype(np.float32)
        relative = marks[:, rows, columns].reshape(5, 2, -1)
        points = np.stack([left + relative[:, 1] * wide, top + relative[:, 0] * high], axis=-1).transpose(1, 0, 2)
        kept = suppress(boxes, scores, self.overlap)
        scale = np.array([fitted.scale_x, fitted.scale_y] * 2, np.float32)
        return faces_from(boxes[kept] / scale, scores[kept], points[kept].astype(np.float32) / scale[:2])
