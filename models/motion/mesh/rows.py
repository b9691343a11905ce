"""Driving motions as tables of rows: made of meshes, cut, moved, and put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from models.interfaces.twins import DrivingMotion
from models.landmarks import pose
from models.motion.mesh import geometry

_ROWS = ("meshes", "shapes", "scale", "rotation", "shift", "usable", "presence", "hidden", "template")
"""Fields with one entry per row."""


def of_meshes(
    meshes: Floats, usable: NDArray[np.bool_], presence: Floats, rest: Floats | None = None, first: int = 0
) -> DrivingMotion:
    """Return the driving motion of meshes whose frames were not looked at yet.

    Args:
        meshes: (n, 478, 3) pixels.
        usable: (n,).
        presence: (n,) confidence of the landmarks in [0, 1].
        rest: (478, 3) canonical shape at rest; None takes the first row's shape.
        first: Frame index of row 0.

    Returns:
        The driving.
    """
    shapes, poses = geometry.canonical(meshes, pose.mean_face())
    return DrivingMotion(
        first=first,
        meshes=meshes,
        shapes=shapes,
        scale=np.array([p.scale for p in poses], np.float32),
        rotation=np.stack([p.rotation for p in poses]),
        shift=np.stack([p.shift for p in poses]),
        rest=shapes[0] if rest is None else rest,
        usable=usable,
        presence=presence,
        hidden=np.zeros(len(meshes), np.float32),
        template=np.zeros((len(meshes), 0), np.float32),
    )


def take(driving: DrivingMotion, row: int) -> DrivingMotion:
    """Return one row, as a driving of its frame.

    Args:
        driving: The driving.
        row: The row.

    Returns:
        A driving of one row.
    """
    one: dict[str, Any] = {name: getattr(driving, name)[row : row + 1] for name in _ROWS}
    return replace(driving, first=driving.first + row, **one)


def moved(driving: DrivingMotion, x: float, y: float) -> DrivingMotion:
    """Return the same motion elsewhere in the frame.

    Args:
        driving: The driving.
        x: Pixels to the right.
        y: Pixels down.

    Returns:
        The moved driving.
    """
    by = np.array([x, y, 0], np.float32)
    return replace(driving, meshes=driving.meshes + by, shift=driving.shift + by)


def joined(drivings: Sequence[DrivingMotion]) -> DrivingMotion:
    """Return the rows of several drivings of one identity as one driving; its frames are not consecutive.

    Args:
        drivings: The drivings, at least one.

    Returns:
        One driving.
    """
    stacked: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in drivings]) for name in _ROWS}
    return replace(drivings[0], **stacked)
