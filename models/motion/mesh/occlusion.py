"""Is something before the face? A face that a hand or a cup hides is unlike itself in the rest of the track.

A face mesh does not tell: half of it covered, its network is as sure as before and guesses the rest. So the colours at
the mesh's points are compared with their medians over the track.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image
from models.motion import crop

_FRAMING = crop.Framing(64, 1.5, -0.1)
_POINTS = 468
_UNLIKE = 12.0
"""Difference in CIELAB (8-bit units, lightness counted by `_LIGHTNESS`) from which a point is unlike itself. On seven
clips at most 17 % of the points of a clear face were (p95 14 % on the worst clip), and at least 23 % of one of whose
skin a patch had been painted before mouth, eye or nose."""
_LIGHTNESS = 0.6
_JUDGED = 600
"""Rows that are held in memory as floats at a time, and at most about so many that the medians are taken over."""

Look = NDArray[np.uint8]


def look(frame: Image, mesh: Floats) -> Look:
    """Return the colours at the surface points of a mesh, slightly blurred.

    Args:
        frame: (H, W, 3) uint8 BGR.
        mesh: (478, 3) pixels of the frame.

    Returns:
        (468, 3) uint8 CIELAB; points outside the frame get the colour of its edge.
    """
    to_crop, _ = crop.matrices(crop.square(mesh, _FRAMING), _FRAMING)
    size = (_FRAMING.side, _FRAMING.side)
    small = cv2.warpAffine(frame, to_crop[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colours = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.0), cv2.COLOR_BGR2LAB)
    places = crop.map_points(to_crop, mesh[:_POINTS, :2])[None]
    found = cv2.remap(colours, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[0], np.uint8)


def share(looks: Look, known: NDArray[np.bool_]) -> Floats:
    """Return the share of the points that are unlike themselves in the other rows of one track.

    A change of the light that all points share does not count. Not seen: a cover that hides the face for most of the
    track, and one that is coloured as the face is, point by point.

    Args:
        looks: (n, 468, 3) `look`s of one track.
        known: (n,) rows that were looked at; the others get 0.

    Returns:
        (n,) float32 in [0, 1].
    """
    result = np.zeros(len(looks), np.float32)
    rows = np.flatnonzero(known)
    if not len(rows):
        return result
    # A long track is judged by a part of its rows, and in parts, so that memory hardly grows with its length.
    usual = np.median(looks[rows[:: -(-len(rows) // _JUDGED)]], axis=0)
    for first in range(0, len(rows), _JUDGED):
        some = rows[first : first + _JUDGED]
        apart = looks[some] - usual
        apart -= np.median(apart, axis=1, keepdims=True)
        apart[..., 0] *= _LIGHTNESS
        result[some] = (np.linalg.norm(apart, axis=2) > _UNLIKE).mean(axis=1)
    return result
