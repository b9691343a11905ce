"""RetinaFace with a MobileNet 0.25 backbone: the detector of the embedded profile.

Weights: registry entry "retinaface-mobilenet" (MIT). Priors, decoding and suppression follow the published single-shot
scheme: two square anchors on each cell of strides 8, 16 and 32; offsets scaled by variances 0.1 and 0.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.detection.geometry import faces_from, fit, suppress
from models.interfaces.capabilities import Face, Floats, Image
from models.runtime import openvino_runtime
from models.weights import weight_files

_ANCHORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
_CENTRE_VARIANCE = 0.1
_SIZE_VARIANCE = 0.2
_MEAN_BGR = (104.0, 117.0, 123.0)
_CANDIDATES = 1000


class RetinaFaceMobileNet:
    """Detector. Not guaranteed: faces under about 12 pixels at the network's size, or profiles (not measured).

    long_side: the network sees the frame with its long side at most this many pixels; frames under 480 pixels are
    enlarged to it. min_score: weaker detections are dropped; between 0.1 and 0.5 many are not faces, useful only to
    a tracker that has other evidence. overlap: boxes that overlap a better one by more are dropped.
    """

    name = "retinaface-mobilenet"
    batch = 1

    def __init__(
        self,
        long_side: int = 640,
        min_score: float = 0.5,
        overlap: float = 0.4,
        precision: openvino_runtime.Precision = "f32",
    ) -> None:
        self.long_side = long_side
        self.min_score = min_score
        self.overlap = overlap
        model = openvino_runtime.read(weight_files.path("retinaface-mobilenet"))
        self._network = openvino_runtime.Network(
            openvino_runtime.image_input(model, layout="NCHW", size=None, rgb=False, mean=_MEAN_BGR),
            precision=precision,
        )
        self._order = [self._network.output(name) for name in ("loc", "conf", "landmarks")]

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
        offsets, confidences, landmarks = (results[index][0] for index in self._order)
        scores = confidences[:, 1]
        chosen = np.flatnonzero(scores >= self.min_score)
        if len(chosen) > _CANDIDATES:
            chosen = chosen[np.argsort(-scores[chosen], kind="stable")[:_CANDIDATES]]
        priors = _priors(*fitted.image.shape[:2])[chosen]
        boxes, points = _decode(priors, offsets[chosen], landmarks[chosen])
        kept = suppress(boxes, scores[chosen], self.overlap)
        scale = np.array([fitted.scale_x, fitted.scale_y] * 2, np.float32)
        return faces_from(boxes[kept] / scale, scores[chosen][kept], points[kept] / scale[:2])


def _decode(priors: Floats, offsets: Floats, landmarks: Floats) -> tuple[Floats, Floats]:
    """Turn (N, 4) and (N, 10) network outputs into (N, 4) boxes and (N, 5, 2) points in network pixels."""
    centres, sizes = priors[:, :2], priors[:, 2:]
    middle = centres + _CENTRE_VARIANCE * offsets[:, :2] * sizes
    half = sizes * np.exp(_SIZE_VARIANCE * offsets[:, 2:]) / 2
    points = centres[:, None] + _CENTRE_VARIANCE * landmarks.reshape(-1, 5, 2) * sizes[:, None]
    return np.concatenate([middle - half, middle + half], axis=1), points


@lru_cache(maxsize=16)
def _priors(height: int, width: int) -> NDArray[np.float32]:
    """(N, 4) anchor centres and sizes in network pixels, in the order of the network's outputs."""
    levels = []
    for stride, sizes in _ANCHORS:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x, size = np.meshgrid(np.arange(rows), np.arange(columns), np.array(sizes), indexing="ij")
        levels.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, size, size], axis=-1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)
