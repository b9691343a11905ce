"""Frontal selection (AnonNET section 3.2): the frame of a track in which the face is most frontal and complete.

Geometry decides first: six-point pose, at least 80 % of the mesh inside the picture, smallest |pitch| + |yaw|. Ties,
within two degrees, go to the sharper picture with open eyes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.interfaces.capabilities import Floats, Image
from models.landmarks import pose
from models.motion.mesh.geometry import lid_gaps
from tasks.records import Track

VERSION = 1
TIE_DEGREES = 2.0
LEAST_INSIDE = 0.8


def turns(track: Track) -> Floats:
    """Return by how much the head is turned on each frame of a track.

    The pitch is counted from the track's own median where that is within ten degrees: the zero of a six-point pitch
    depends on the face's proportions.

    Args:
        track: The track.

    Returns:
        (n,) float32 |pitch| + |yaw| in degrees; infinite where the frame cannot serve.
    """
    offset = 0.0
    known = track.presence > 0.5
    if known.any():
        offset = float(np.clip(np.nanmedian(track.angles[known, 0]), -10.0, 10.0))
    return np.where(known, np.abs(track.angles[:, 0] - offset) + np.abs(track.angles[:, 1]), np.inf).astype(np.float32)


def candidates(track: Track, width: int, height: int, most: int = 4) -> list[int]:
    """Return the rows of a track that tie for the most frontal frame.

    Args:
        track: The track.
        width: Of the frame in pixels.
        height: Of the frame in pixels.
        most: How many rows at most.

    Returns:
        The rows; empty when no frame can serve.
    """
    cost = turns(track)
    cost = np.where(np.isnan(cost), np.inf, cost)
    for row in np.argsort(cost):
        if np.isinf(cost[row]):
            return []
        if pose.inside_share(track.mesh[row], width, height) >= LEAST_INSIDE:
            best = float(cost[row])
            break
    else:
        return []
    close = [int(r) for r in np.flatnonzero(cost <= best + TIE_DEGREES)]
    close = [r for r in close if pose.inside_share(track.mesh[r], width, height) >= LEAST_INSIDE]
    close.sort(key=lambda r: -float(np.minimum(lid_gaps(track.mesh[r]), 0.3).sum()))
    spread = close[: max(most * 3, 1)]
    return spread[:: max(1, len(spread) // most)][:most]


def sharpness(crop: Image, mesh: Floats) -> float:
    """Return the variance of the Laplacian over a face at a fixed size.

    It is comparable between frames of one track only.

    Args:
        crop: (h, w, 3) uint8 BGR picture.
        mesh: (478, 3) mesh in pixels of the crop.

    Returns:
        The variance; 0 for a face under 8 pixels.
    """
    low = np.maximum(np.floor(mesh[:468, :2].min(axis=0)).astype(int), 0)
    high = np.ceil(mesh[:468, :2].max(axis=0)).astype(int)
    face = crop[low[1] : high[1], low[0] : high[0]]
    if min(face.shape[:2]) < 8:
        return 0.0
    grey = cv2.cvtColor(cv2.resize(face, (160, 160), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def choose(crops: Sequence[Image], meshes: Sequence[Floats]) -> int:
    """Return the index of the best of several tied frames: the sharpest, where closed eyes lower the score.

    Args:
        crops: (h, w, 3) uint8 BGR pictures.
        meshes: (478, 3) mesh of each in pixels of its crop.

    Returns:
        The index.
    """
    scores = []
    for crop, mesh in zip(crops, meshes, strict=True):
        eyes = float(np.clip(lid_gaps(mesh).min() / 0.2, 0.2, 1.0))
        scores.append(sharpness(crop, mesh) * eyes)
    return int(np.argmax(scores))
