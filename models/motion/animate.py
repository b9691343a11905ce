"""A motion model asked for patches at once, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

from models.interfaces.capabilities import Image
from models.interfaces.twins import DrivingMotion, MotionModel, Patch, Strength, Twin


def animate(
    model: MotionModel,
    twin: Twin,
    driving: DrivingMotion,
    frames: Sequence[Image],
    rows: Sequence[int],
    strength: Strength,
) -> list[Patch | None]:
    """Return one patch per (frame, row of driving) pair.

    Args:
        model: The motion model.
        twin: The twin.
        driving: The motion of the track.
        frames: (H, W, 3) uint8 BGR images, one per row.
        rows: Rows of the driving.
        strength: How far the twin departs from the source's geometry.

    Returns:
        One patch per pair; None where the face cannot be replaced (redact it).
    """
    shown = model.animate(twin, driving, rows, strength)
    return [one.paint(frame) if one is not None else None for one, frame in zip(shown, frames, strict=True)]
