"""How a face is framed for embedders: everywhere by the mesh as it is read from the very picture that is embedded.

Two framings of one picture move its embedding, so a source and a twin must be framed by the same rule, not one by a
detector's box and the other by the mesh that was painted.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.interfaces.capabilities import Detector, Face, Floats, Image, Landmarker
from models.motion.mesh.backend import face_of
from tasks.analysis.tracking import overlap

UPRIGHT = 224
"""Side in pixels of the upright crop in which detectors frame a face for the embedders."""


PRESENT = 0.5
"""Presence from which a mesh is believed."""
_SAME = 0.25
"""Overlap (IoU) from which a mesh is the expected face's."""


def framed(image: Image, expected: Face, landmarker: Landmarker) -> Face | None:
    """The expected face of a picture as embedders are to see it: outline and five points of the mesh read there.

    Args:
        image: (h, w, 3) uint8 BGR.
        expected: roughly where the face is; only where the reading begins.
        landmarker: reads the mesh.

    Returns:
        The face in pixels of the image, or None where no mesh is to be trusted, or it is not the expected face's.
    """
    mesh = landmarker.locate([image], [expected])[0]
    if mesh.presence <= PRESENT or not np.isfinite(mesh.points).all():
        return None
    face = face_of(mesh.points)
    return face if overlap(face.box, expected.box) > _SAME else None


def mirrored(image: Image, face: Face) -> tuple[Image, Face]:
    """Return a picture and the face in it as a mirror shows them; left and right points change places.

    Args:
        image: (h, w, 3) uint8 BGR picture.
        face: The face in it, in pixels.

    Returns:
        (mirrored picture, mirrored face).
    """
    width = image.shape[1]
    x0, y0, x1, y1 = face.box
    points = face.points[[1, 0, 2, 4, 3]].copy()
    points[:, 0] = width - 1 - points[:, 0]
    box = np.array([width - 1 - x1, y0, width - 1 - x0, y1], np.float32)
    return np.ascontiguousarray(image[:, ::-1]), Face(box, face.score, points)


def roll(face: Face) -> float:
    """Return the angle by which the line of the eyes is turned clockwise.

    Args:
        face: A face with its five points.

    Returns:
        The angle in radians.
    """
    across = face.points[1] - face.points[0]
    return float(np.arctan2(across[1], across[0]))


def framings(image: Image, expected: Face, detectors: Sequence[Detector]) -> list[Face | None]:
    """Return how each detector frames one expected face for an embedder.

    The detectors look at an upright crop: their points stay upright on tilted heads otherwise, and badly placed points
    make all faces alike (two different people came out nearer than the threshold).

    Args:
        image: (H, W, 3) uint8 BGR picture.
        expected: The expected face, in pixels.
        detectors: The detectors to ask.

    Returns:
        Per detector the face in pixels of the picture, None where it does not see it.
    """
    angle = roll(expected)
    side = max(2.2 * expected.size, 8.0)
    centre = (expected.box[:2] + expected.box[2:]) / 2
    scale = UPRIGHT / side
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    forward = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    forward[:, 2] = UPRIGHT / 2 - forward[:, :2] @ centre
    crop = cv2.warpAffine(image, forward, (UPRIGHT, UPRIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    back = np.asarray(cv2.invertAffineTransform(forward), np.float32)
    return [_placed(detector.detect([crop])[0], back, scale) for detector in detectors]


def _placed(seen: Sequence[Face], back: Floats, scale: float) -> Face | None:
    """The largest face in the middle of an upright crop, in the picture's coordinates."""
    middle = np.full(2, UPRIGHT / 2, np.float32)
    central = [face for face in seen if np.abs((face.box[:2] + face.box[2:]) / 2 - middle).max() < UPRIGHT / 6]
    if not central:
        return None
    best = max(central, key=lambda face: face.size)
    points = best.points @ back[:, :2].T + back[:, 2]
    reach = (best.box[2:] - best.box[:2]) / scale / 2
    place = ((best.box[:2] + best.box[2:]) / 2) @ back[:, :2].T + back[:, 2]
    box = np.concatenate([place - reach, place + reach]).astype(np.float32)
    return Face(box, best.score, points.astype(np.float32))
