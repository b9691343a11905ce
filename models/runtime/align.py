"""Face chips: the small upright crops that the embedders and the attribute networks were trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Face, Floats, Image

# Mean positions of the five detector points in dlib's face chip, as fractions of the chip without its padding;
# measured by running the detector on chips that dlib cut from photographs by its own landmarks.
DLIB_POINTS: Floats = np.array(
    [[0.2245, 0.1964], [0.7679, 0.1984], [0.5027, 0.5171], [0.2456, 0.7566], [0.7333, 0.7612]], np.float32
)

# dlib aligns by the corners of the eyes and the base of the nose. These weights came nearest to its chips (4.6 % of
# the chip's side on average over 65 faces, against 5.6 % with equal weights); the mouth keeps a little so that a
# profile, whose eyes nearly coincide, still has a scale.
DLIB_WEIGHTS: Floats = np.array([1.0, 1.0, 0.3, 0.1, 0.1], np.float32)


ARCFACE_SIZE = 112
# The five points on the chip of this size that ArcFace, SFace and their family were trained with.
ARCFACE_POINTS: Floats = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


def dlib_template(size: int, padding: float) -> Floats:
    """Return the positions of the five points in a square chip.

    Args:
        size: Side of the chip in pixels.
        padding: Relative padding of the chip.

    Returns:
        (5, 2) float32 pixels.
    """
    corners = (DLIB_POINTS + padding) / (1 + 2 * padding) * size
    return np.asarray(corners, np.float32)


def similarity(source: Floats, target: Floats, weights: Floats | None = None) -> NDArray[np.float64]:
    """Return the rotation, uniform scale and shift that bring one point set closest to another.

    Least squares; never a reflection. Points that all coincide give the shift alone at scale one.

    Args:
        source: (N, 2).
        target: (N, 2).
        weights: (N,), equal when None.

    Returns:
        (2, 3) float64 map from `source` to `target`.
    """
    a = np.asarray(source, np.float64)
    b = np.asarray(target, np.float64)
    w = np.ones(len(a)) if weights is None else np.asarray(weights, np.float64)
    w = w / w.sum()
    a0, b0 = w @ a, w @ b
    za = (a - a0) @ np.array([1, 1j])
    zb = (b - b0) @ np.array([1, 1j])
    power = float((w * np.abs(za) ** 2).sum())
    turn = complex((w * np.conj(za) * zb).sum() / power) if power > 1e-12 else 1 + 0j
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.concatenate([matrix, (b0 - matrix @ a0)[:, None]], axis=1)


def cut(frame: Image, transform: NDArray[np.float64], size: int) -> Image:
    """Return the chip that a transform shows; black outside the frame.

    A face much larger than the chip is first averaged down by a power of two, so that fine texture does not alias.

    Args:
        frame: (H, W, 3) uint8.
        transform: (2, 3) map from frame pixels to chip pixels.
        size: Side of the chip in pixels.

    Returns:
        (size, size, 3) uint8.
    """
    scale = math.hypot(transform[0, 0], transform[1, 0])
    matrix = transform
    if 0 < scale <= 0.5:
        halvings = math.floor(-math.log2(scale))
        frame, matrix = _shrink(frame, transform, size, 2**halvings)
    chip = cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(chip, np.uint8)


def _shrink(frame: Image, transform: NDArray[np.float64], size: int, factor: int) -> tuple[Image, NDArray[np.float64]]:
    """Average the part of the frame that the chip shows down by `factor`; return it and the transform from it."""
    inverse = cv2.invertAffineTransform(transform)
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], np.float64) @ inverse.T
    height, width = frame.shape[:2]
    left = int(np.clip(math.floor(corners[:, 0].min()) - factor, 0, width - 1))
    top = int(np.clip(math.floor(corners[:, 1].min()) - factor, 0, height - 1))
    columns = max((min(math.ceil(corners[:, 0].max()) + factor, width) - left) // factor, 1)
    rows = max((min(math.ceil(corners[:, 1].max()) + factor, height) - top) // factor, 1)
    part = frame[top : top + rows * factor, left : left + columns * factor]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # Pixel (i, j) of the small picture is centred on the middle of its block.
    middle = (factor - 1) / 2
    back = np.array([[factor, 0, left + middle], [0, factor, top + middle], [0, 0, 1]], np.float64)
    return np.asarray(small, np.uint8), transform @ back


def dlib_chip(frame: Image, face: Face, size: int, padding: float) -> Image:
    """Return the chip that dlib's networks expect, aligned by the five detector points.

    Args:
        frame: (H, W, 3) uint8 BGR.
        face: The detection.
        size: Side of the chip in pixels.
        padding: Relative padding of the chip.

    Returns:
        (size, size, 3) uint8 BGR.
    """
    return cut(frame, similarity(face.points, dlib_template(size, padding), DLIB_WEIGHTS), size)


def arcface_chip(frame: Image, face: Face) -> Image:
    """Return the chip that ArcFace, SFace and their family expect.

    Args:
        frame: (H, W, 3) uint8 BGR.
        face: The detection.

    Returns:
        (112, 112, 3) uint8 BGR.
    """
    return cut(frame, similarity(face.points, ARCFACE_POINTS), ARCFACE_SIZE)


def square(frame: Image, face: Face, margin: float, size: int) -> Image:
    """Return the enlarged face box as a square chip.

    The box is stretched to a square, as the networks that take plain crops were trained; parts outside are black.

    Args:
        frame: (H, W, 3) uint8.
        face: The detection.
        margin: Share of its width and height by which the box is made larger, both sides together.
        size: Side of the chip in pixels.

    Returns:
        (size, size, 3) uint8.
    """
    x0, y0, x1, y1 = (float(value) for value in face.box)
    width, height = max(x1 - x0, 1.0) * (1 + margin), max(y1 - y0, 1.0) * (1 + margin)
    left, top = (x0 + x1 - width) / 2, (y0 + y1 - height) / 2
    columns, rows = max(round(width), 1), max(round(height), 1)
    part = np.zeros((rows, columns, 3), np.uint8)
    x, y = round(left), round(top)
    frame_height, frame_width = frame.shape[:2]
    ax, ay = max(x, 0), max(y, 0)
    bx, by = min(x + columns, frame_width), min(y + rows, frame_height)
    if bx > ax and by > ay:
        part[ay - y : by - y, ax - x : bx - x] = frame[ay:by, ax:bx]
    how = cv2.INTER_AREA if min(rows, columns) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size, size), interpolation=how), np.uint8)


def pairs(frames: Sequence[Image], faces: Sequence[Face]) -> Iterator[tuple[Image, Face]]:
    """Yield (frame, face) pairs.

    Args:
        frames: One frame per face.
        faces: One face per frame.

    Yields:
        Pairs in order.

    Raises:
        ValueError: The two differ in length.
    """
    yield from zip(frames, faces, strict=True)
