"""Head pose from six points of the mesh (AnonNET section 3.2): perspective-n-point against a mean face.

The mean face is our own: the average mesh of several hundred synthetic faces at rest, made symmetric, with the
distance of the outer eye corners as its unit.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import cv2
import numpy as np

from models.interfaces.capabilities import Floats
from models.landmarks import topology


@lru_cache(maxsize=1)
def mean_face() -> Floats:
    """(478, 3) float32 mean face, x to the right, y down, z away from the camera; outer eye corners 1 apart."""
    with files("models.landmarks").joinpath("mean_face.npy").open("rb") as stream:
        return np.asarray(np.load(stream, allow_pickle=False), dtype=np.float32)


def angles(points: Floats, width: int, height: int) -> Floats:
    """Return the head pose of a mesh.

    The camera is taken to have a focal length of the frame's longer side and its centre at the frame's centre, as
    nothing is known of it; angles are exact to a few degrees at best.

    Args:
        points: (478, 3) pixels.
        width: Pixels of the frame.
        height: Pixels of the frame.

    Returns:
        (3,) float32 degrees: pitch (positive: looking down), yaw (positive: towards the right of the image), roll
        (positive: clockwise in the image). NaN where the six points give no pose.
    """
    model = mean_face()[list(topology.PNP)].astype(np.float64)
    seen = points[list(topology.PNP), :2].astype(np.float64)
    if not np.isfinite(seen).all():
        return np.full(3, np.nan, dtype=np.float32)
    focal = float(max(width, height))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=np.float64)
    span = max(float(np.linalg.norm(seen[2] - seen[3])), 1.0)
    centre = seen.mean(axis=0)
    start = np.array([(centre[0] - width / 2) / span, (centre[1] - height / 2) / span, focal / span])
    found, rotation, _ = cv2.solvePnP(
        model,
        seen,
        camera,
        None,
        rvec=np.zeros((3, 1)),
        tvec=start.reshape(3, 1),
        useExtrinsicGuess=True,
        flags=cv2.SOLVEPNP_ITERATIVE,
    )
    if not found or not np.isfinite(rotation).all():
        return np.full(3, np.nan, dtype=np.float32)
    matrix, _ = cv2.Rodrigues(rotation)
    pitch = np.degrees(np.arctan2(-matrix[1, 2], matrix[2, 2]))
    yaw = np.degrees(np.arcsin(np.clip(-matrix[0, 2], -1.0, 1.0)))
    roll = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    return np.array([pitch, yaw if matrix[2, 2] > 0 else np.nan, roll], dtype=np.float32)


def inside_share(points: Floats, width: int, height: int) -> float:
    """Return the share of a mesh's surface points that lie inside a picture.

    Args:
        points: (478, 3) pixels.
        width: Pixels of the picture.
        height: Pixels of the picture.

    Returns:
        Share in [0, 1].
    """
    xy = points[:468, :2]
    inside = (xy >= 0).all(axis=1) & (xy[:, 0] <= width - 1) & (xy[:, 1] <= height - 1)
    return float(inside.mean())
