"""YuNet: the second detector, which audits the result and never takes part in making it.

Weights: registry entry "yunet" (MIT / Apache-2.0). Anchor-free: every cell of strides 8, 16 and 32 gives a class and
an object score, whose geometric mean is the confidence, a box and five points, all in units of the stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.detection.geometry import faces_from, fit, suppress
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import onnx_blocks, openvino_runtime
from models.weights import weight_files

_STRIDES = (8, 16, 32)
_CANDIDATES = 1000


class YuNet:
    """Detector. Not guaranteed: faces under about 12 pixels at the network's size, or profiles (not measured).

    long_side, min_score, overlap: as in RetinaFaceMobileNet. On a faceless film the strongest false alarm scored 0.59
    (299 frames); an audit that can take a second look should ask for less than the default.
    """

    name = "yunet"
    batch = 1

    def __init__(
        self,
        long_side: int = 640,
        min_score: float = 0.6,
        overlap: float = 0.3,
        precision: openvino_runtime.Precision = "f32",
    ) -> None:
        self.long_side = long_side
        self.min_score = min_score
        self.overlap = overlap
        model = openvino_runtime.read_bytes(onnx_blocks.expand(weight_files.path("yunet")), "yunet")
        self._network = openvino_runtime.Network(
            openvino_runtime.image_input(model, layout="NCHW", size=None, rgb=False), precision=precision
        )
        self._order = [
            [self._network.output(f"{kind}_{stride}") for stride in _STRIDES] for kind in ("cls", "obj", "bbox", "kps")
        ]

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
        classes, objects, boxes, points = (
            np.concatenate([results[index][0] for index in indices]) for indices in self._order
        )
        scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
        chosen = np.flatnonzero(scores >= self.min_score)
        if len(chosen) > _CANDIDATES:
            chosen = chosen[np.argsort(-scores[chosen], kind="stable")[:_CANDIDATES]]
        cells = _cells(*fitted.image.shape[:2])[chosen]
        framed, marked = _decode(cells, boxes[chosen], points[chosen])
        kept = suppress(framed, scores[chosen], self.overlap)
        scale = np.array([fitted.scale_x, fitted.scale_y] * 2, np.float32)
        return faces_from(framed[kept] / scale, scores[chosen][kept], marked[kept] / scale[:2])


def _decode(cells: Floats, boxes: Floats, points: Floats) -> tuple[Floats, Floats]:
    """Turn (N, 4) and (N, 10) network outputs into (N, 4) boxes and (N, 5, 2) points in network pixels."""
    corners, strides = cells[:, :2], cells[:, 2:]
    middle = corners + boxes[:, :2] * strides
    half = np.exp(boxes[:, 2:]) * strides / 2
    marked = corners[:, None] + points.reshape(-1, 5, 2) * strides[:, None]
    return np.concatenate([middle - half, middle + half], axis=1), marked


@lru_cache(maxsize=16)
def _cells(height: int, width: int) -> NDArray[np.float32]:
    """(N, 3) left, top and stride of every cell in network pixels, in the order of the network's outputs."""
    levels = []
    for stride in _STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride].reshape(2, -1)
        levels.append(np.stack([x * stride, y * stride, np.full_like(x, stride)], axis=1))
    return np.concatenate(levels).astype(np.float32)
