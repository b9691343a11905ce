"""Measured files as tests need them: nothing is known but what a test says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.evaluation.measure.records import Measured


def measured(n: int, person: Sequence[int] | None = None, **columns: Any) -> Measured:
    """A file of n frames with a face on each. person: of each face, 0 for all when None."""
    both = np.full((2, n), np.nan, np.float32)
    known: dict[str, Any] = {
        "frames": n,
        "shared": n,
        "unpaired": 0,
        "duration": n / 25,
        "same_size": True,
        "frame": np.arange(n),
        "time": np.arange(n, dtype=np.float32) / 25,
        "person": np.zeros(n, np.int64),
        "shown": np.ones(n, bool),
        "found": np.ones(n, bool),
        "side": np.full(n, 90, np.float32),
        "vectors": {},
        "angles": np.full((2, n, 3), np.nan, np.float32),
        "openings": np.full((2, n, 5), np.nan, np.float32),
        "shapes": np.full((2, n, 52), np.nan, np.float32),
        "unrest": both,
        "age": both,
        "female": both,
        "age_second": both,
        "female_second": both,
        "emotion": np.full((2, n, 7), np.nan, np.float32),
        "skin": both,
        "psnr": np.full(n, np.nan, np.float32),
        "ssim": np.full(n, np.nan, np.float32),
        "quality": both,
        "loudness": np.zeros(0, np.float32),
        "extra": 0,
        "textures": np.zeros((2, 0, 0), np.float32),
    }
    if person is not None:
        known["person"] = np.array(person, np.int64)
    return Measured(**(known | columns))


def rows(*sides: Sequence[Any]) -> np.ndarray:
    """(2, n) or (2, n, k) float32; None is not known."""
    return np.array([[np.nan if one is None else one for one in side] for side in sides], np.float32)


def directions(*angles: float | None) -> np.ndarray:
    """(n, 2) unit vectors at angles in radians; NaN for None."""
    known = np.array([np.nan if angle is None else angle for angle in angles])
    return np.stack([np.cos(known), np.sin(known)], axis=1).astype(np.float32)
