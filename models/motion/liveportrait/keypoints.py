"""The 21 implicit key points of LivePortrait: their motion, and where a motion puts them.

A motion places canonical key points x = scale * (keypoints @ rotation + expression) + shift. Key points are row
vectors in normalised image coordinates: x to the right, y down, both -1 to 1 over the 256-pixel crop; z in the same
scale. Written from the description of the published model (KwaiVGI/LivePortrait, MIT).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.motion.liveportrait.sizes import BINS, POINTS

Floats = NDArray[np.float32]

_SHAPES: dict[str, tuple[int, ...]] = {
    "scale": (1,),
    "rotation": (3, 3),
    "expression": (POINTS, 3),
    "shift": (3,),
    "keypoints": (POINTS, 3),
    "eyes": (2,),
    "lip": (1,),
}
PACKED = sum(prod(shape) for shape in _SHAPES.values())
"""Width of a packed row: scale, rotation, expression, shift, keypoints, eyes, lip, each flattened row by row."""


@dataclass(frozen=True)
class Motion:
    """n poses and expressions of one face; every array is float32 with n in front.

    Attributes:
        scale: (n, 1), no unit.
        rotation: (n, 3, 3), applied to row vectors from the right.
        expression: (n, 21, 3), offsets of the canonical key points before scaling.
        shift: (n, 3), normalised image coordinates, the third is never used.
        keypoints: (n, 21, 3), canonical.
        eyes: (n, 2) opening of the left and the right eye, ratios without unit (see `ratios`), NaN where unknown.
        lip: (n, 1) opening of the mouth, likewise.
    """

    scale: Floats
    rotation: Floats
    expression: Floats
    shift: Floats
    keypoints: Floats
    eyes: Floats
    lip: Floats

    def __len__(self) -> int:
        """Rows."""
        return len(self.scale)

    def take(self, rows: Sequence[int] | NDArray[np.integer]) -> Motion:
        """Return some rows.

        Args:
            rows: Indices; one may repeat.

        Returns:
            The rows in the order of the indices.
        """
        index = np.asarray(rows, dtype=np.intp)
        return Motion(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def degrees_of(logits: ArrayLike) -> Floats:
    """Return angles from the logits of an angle head. Bins are three degrees apart, the first at -97.5.

    Args:
        logits: (n, 66) logits; (n, 1) are degrees already.

    Returns:
        (n,) float32 degrees.

    Raises:
        ValueError: The shape is another one.
    """
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] not in (1, BINS):
        raise ValueError(f"angles need (n, {BINS}) logits or (n, 1) degrees, not {values.shape}")
    if values.shape[1] == 1:
        return values[:, 0].astype(np.float32)
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    mean = weights @ np.arange(BINS) / weights.sum(axis=1)
    return (3.0 * mean - 97.5).astype(np.float32)


def rotation_matrix(pitch: ArrayLike, yaw: ArrayLike, roll: ArrayLike) -> Floats:
    """Return rotations from angles: (Rz @ Ry @ Rx) transposed.

    Args:
        pitch: (n,) or (n, 1) degrees about x.
        yaw: (n,) or (n, 1) degrees about y.
        roll: (n,) or (n, 1) degrees about z.

    Returns:
        (n, 3, 3) float32.
    """
    x, y, z = (np.radians(np.asarray(angle, dtype=np.float64).reshape(-1)) for angle in (pitch, yaw, roll))
    return np.swapaxes(_turn(z, 0, 1) @ _turn(y, 2, 0) @ _turn(x, 1, 2), 1, 2).astype(np.float32)


def motion_of(heads: Mapping[str, ArrayLike], eyes: ArrayLike | None = None, lip: ArrayLike | None = None) -> Motion:
    """Return the motion of n rows from the outputs of the motion extractor's heads.

    Args:
        heads: kp (n, 63), scale (n, 1), pitch, yaw, roll (n, 66) logits or (n, 1) degrees, t (n, 3), exp (n, 63); key
            points may be shaped (n, 21, 3).
        eyes: (n, 2) opening ratios; NaN when not given.
        lip: (n, 1) opening ratios; NaN when not given.

    Returns:
        The motion.
    """
    count = len(np.asarray(heads["scale"]))
    given = {
        "scale": heads["scale"],
        "rotation": rotation_matrix(*(degrees_of(heads[name]) for name in ("pitch", "yaw", "roll"))),
        "expression": heads["exp"],
        "shift": heads["t"],
        "keypoints": heads["kp"],
        "eyes": np.full((count, 2), np.nan) if eyes is None else eyes,
        "lip": np.full((count, 1), np.nan) if lip is None else lip,
    }
    return Motion(**{n: np.asarray(v, dtype=np.float32).reshape(count, *_SHAPES[n]) for n, v in given.items()})


def transform(motion: Motion) -> Floats:
    """Return the key points where the motion puts them.

    Args:
        motion: n rows.

    Returns:
        (n, 21, 3) float32, normalised image coordinates.
    """
    placed = motion.scale[:, :, None] * (motion.keypoints @ motion.rotation + motion.expression)
    placed[..., :2] += motion.shift[:, None, :2]
    return np.asarray(placed, dtype=np.float32)


def pack(motion: Motion) -> Floats:
    """Return a motion as one flat row per row.

    Args:
        motion: n rows.

    Returns:
        (n, PACKED) float32.
    """
    count = len(motion)
    parts = [getattr(motion, name).reshape(count, prod(shape)) for name, shape in _SHAPES.items()]
    return np.concatenate(parts, axis=1).astype(np.float32)


def unpack(rows: Floats) -> Motion:
    """Return the motion that `pack` turned into rows.

    Args:
        rows: (n, PACKED).

    Returns:
        n rows.

    Raises:
        ValueError: The shape is another one.
    """
    if rows.ndim != 2 or rows.shape[1] != PACKED:
        raise ValueError(f"packed motion has {PACKED} columns, not shape {rows.shape}")
    ends = np.cumsum([prod(shape) for shape in _SHAPES.values()])[:-1]
    parts = np.split(np.asarray(rows, dtype=np.float32), ends, axis=1)
    shaped = zip(_SHAPES.items(), parts, strict=True)
    return Motion(**{name: part.reshape(len(rows), *shape) for (name, shape), part in shaped})


def _turn(angle: NDArray[np.float64], first: int, second: int) -> NDArray[np.float64]:
    """(n, 3, 3) rotations of column vectors by radians (n,), from axis `first` towards axis `second`."""
    result = np.tile(np.eye(3), (len(angle), 1, 1))
    result[:, first, first] = result[:, second, second] = np.cos(angle)
    result[:, second, first] = np.sin(angle)
    result[:, first, second] = -np.sin(angle)
    return result
