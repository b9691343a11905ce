"""From which angles, and how closely, a frame is looked at for faces of any size and turn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.detection.turned import DIAGONALS, QUARTERS, Look

_LEAST = 14.0
"""Side in pixels under which nothing counts in a look of 1280 pixels and more, and half of that in one of 640: of knots
in a wall hanging, 7 to 12 pixels wide in the former, the networks were as sure as of faces."""
_LARGE = 256.0
"""Side in pixels over which nothing counts in closer looks: at half of that and less the others see it better."""
_BASE, _FINE, _STILL = 640, 1280, 2560
"""Longer sides in pixels of the looks: for all faces but small ones, for small ones, and for those of large stills."""


def looks(width: int, height: int, thorough: bool, still: bool = False) -> list[Look]:
    """Return the looks at a frame; thorough ones go round and come closer, to a still most.

    Args:
        width: Of the frame, pixels.
        height: Of the frame, pixels.
        thorough: Whether it is looked at from all sides.
        still: Whether it is a picture.

    Returns:
        The looks.
    """
    longest = max(width, height)
    if not thorough:
        return _around((0,), _BASE)
    found = _around((*QUARTERS, *DIAGONALS), _BASE)
    fine = min(_FINE, 2 * longest)
    if fine > 1.2 * _BASE:
        found += _around((*QUARTERS, *DIAGONALS) if still else QUARTERS, fine)
    if still and longest > 1.5 * _FINE:
        found += _around((*QUARTERS, *DIAGONALS), min(_STILL, longest))
    return found


def _around(angles: Iterable[int], side: int) -> list[Look]:
    return [Look(a, side, _LEAST * min(side / _FINE, 1.0), np.inf if side <= _BASE else _LARGE) for a in angles]
