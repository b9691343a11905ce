"""The common part of the detectors: fitting a frame to a network's size, and removing overlapping boxes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Face, Floats, Image


@dataclass(frozen=True)
class Fitted:
    """A frame brought to a network's size.

    image: (H, W, 3) uint8 BGR, sides multiples of `multiple`, the picture in the top left corner and black beyond.
    scale_x, scale_y: network pixels per frame pixel.
    """

    image: Image
    scale_x: float
    scale_y: float


def as_image(frame: Image) -> Image:
    """Check that a frame is an image with at least one pixel.

    Args:
        frame: (H, W, 3) uint8.

    Returns:
        The frame itself.

    Raises:
        ValueError: It is something else, a programming error.
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise ValueError(f"expected a non-empty (H, W, 3) uint8 image, got {frame.shape} {frame.dtype}")
    return frame


def fit(frame: Image, long_side: int, enlarge_below: int, multiple: int = 32) -> Fitted:
    """Resize a frame to a network's size and pad both sides to a multiple.

    Args:
        frame: (H, W, 3) uint8 BGR.
        long_side: Largest long side in pixels.
        enlarge_below: A frame whose long side is shorter (pixels) is enlarged to `long_side`, because small faces are
            otherwise below the smallest anchor; frames between the two sizes keep their own.
        multiple: Both sides become multiples of this many pixels.

    Returns:
        The frame at its new size, and the scales.
    """
    height, width = as_image(frame).shape[:2]
    longest = max(height, width)
    factor = long_side / longest if longest > long_side or longest < enlarge_below else 1.0
    new_width, new_height = max(round(width * factor), 1), max(round(height * factor), 1)
    if (new_width, new_height) != (width, height):
        # Averaging keeps thin features that sampling between four neighbours would skip.
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        frame = cv2.resize(frame, (new_width, new_height), interpolation=how).astype(np.uint8, copy=False)
    down, right = -new_height % multiple, -new_width % multiple
    if down or right:
        canvas = np.zeros((new_height + down, new_width + right, 3), np.uint8)
        canvas[:new_height, :new_width] = frame
        frame = canvas
    return Fitted(frame, new_width / width, new_height / height)


def suppress(boxes: Floats, scores: Floats, overlap: float) -> NDArray[np.intp]:
    """Return the boxes that greedy non-maximum suppression keeps.

    Args:
        boxes: (N, 4) x0 y0 x1 y1.
        scores: (N,). Equal scores keep their order.
        overlap: A box is dropped when its intersection over union with a better one that stays exceeds this.

    Returns:
        Indices of the boxes that stay, best score first.
    """
    order = np.argsort(-scores, kind="stable")
    x0, y0, x1, y1 = boxes[order].T
    areas = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for index in range(len(order)):
        if not alive[index]:
            continue
        kept.append(index)
        rest = slice(index + 1, None)
        wide = np.maximum(np.minimum(x1[index], x1[rest]) - np.maximum(x0[index], x0[rest]), 0)
        high = np.maximum(np.minimum(y1[index], y1[rest]) - np.maximum(y0[index], y0[rest]), 0)
        common = wide * high
        union = np.maximum(areas[index] + areas[rest] - common, 1e-9)
        alive[rest] &= common / union <= overlap
    return order[np.array(kept, dtype=np.intp)]


def faces_from(boxes: Floats, scores: Floats, points: Floats) -> list[Face]:
    """Build faces from arrays in frame pixels.

    Args:
        boxes: (N, 4) x0 y0 x1 y1.
        scores: (N,), clipped to [0, 1].
        points: (N, 5, 2).

    Returns:
        The faces, best score first.
    """
    order = np.argsort(-scores, kind="stable")
    return [
        Face(boxes[i].astype(np.float32), float(np.clip(scores[i], 0.0, 1.0)), points[i].astype(np.float32))
        for i in order
    ]
