"""Looking at a frame turned: detectors know faces that stand upright, and people also lie down.

A detector sees hardly any face that is turned by more than 30 degrees unless it is large, so the frame is turned
instead. A face may be off by half of the step between two looks: eight looks leave 22.5 degrees, four 45.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.detection.geometry import suppress
from models.interfaces.capabilities import Detector, Face, Floats, Image

QUARTERS = (0, 90, 180, 270)
DIAGONALS = (45, 135, 225, 315)
SAME_FACE = 0.3
"""Overlap from which detections of two looks are one face."""
_LEAST_PART = 0.25
"""Least size of a part of a face that is taken for a face, as a share of the whole."""
AS_IT_IS = 1 << 14
"""Long side in pixels for a detector that is not to change the size of its pictures."""
_QUARTER_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True)
class Look:
    """One look at a frame.

    Attributes:
        angle: Degrees by which the frame is turned clockwise first, a multiple of 45.
        side: Longer side in pixels of the frame as it is looked at, before it is turned.
        least: Side in pixels, as the detector gets to see it, under which a detection does not count.
        most: Side over which a detection does not count: of a face that is too large for it a detector sees parts, and
            takes them for faces that are turned.
    """

    angle: int
    side: int
    least: float = 0.0
    most: float = np.inf


def turned(image: Image, angle: int) -> tuple[Image, Floats]:
    """Return an image turned clockwise.

    Nothing is cut off: the canvas grows as it must, black outside the image.

    Args:
        image: (H, W, 3) uint8.
        angle: Degrees, a multiple of 45.

    Returns:
        The turned image, and the (2, 3) float32 map from its pixels back.

    Raises:
        ValueError: The angle is no multiple of 45.
    """
    if angle % 45:
        raise ValueError(f"an image is turned by multiples of 45 degrees, not by {angle}")
    height, width = image.shape[:2]
    angle %= 360
    turn, low, high = _turn(width, height, angle)
    back = way_back(width, height, angle)
    if angle == 0:
        return image, back
    if angle in _QUARTER_TURNS:
        return np.asarray(cv2.rotate(image, _QUARTER_TURNS[angle]), np.uint8), back
    size = np.ceil(high - low - 1e-6).astype(int) + 1
    forward = np.hstack([turn, -low[:, None]])
    canvas = cv2.warpAffine(image, forward, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    return np.asarray(canvas, np.uint8), back


def way_back(width: int, height: int, angle: int) -> Floats:
    """Return the map from the pixels of a turned picture to those of the picture itself.

    Args:
        width: Pixels of the picture before it was turned.
        height: Pixels of the picture before it was turned.
        angle: Degrees by which it was turned clockwise.

    Returns:
        (2, 3) float32 map.
    """
    turn, low, _ = _turn(width, height, angle)
    return np.hstack([turn.T, (turn.T @ low)[:, None]]).astype(np.float32)


def turned_face(face: Face, back: Floats) -> Face:
    """Return a face found on a turned image, in the coordinates of the image.

    Args:
        face: The face in pixels of the turned image.
        back: (2, 3) map from these pixels to the image's.

    Returns:
        The face. Its points keep their meaning (the first eye is the one on the left of the upright face); its box is
        upright again, as large as before and in the same place.
    """
    points = face.points @ back[:, :2].T + back[:, 2]
    middle = back[:, :2] @ ((face.box[:2] + face.box[2:]) / 2) + back[:, 2]
    half = (face.box[2:] - face.box[:2]) / 2
    if abs(back[0, 0]) < 0.1:
        half = half[::-1]
    elif abs(back[0, 0]) < 0.9:
        half = np.full(2, np.sqrt(max(half[0] * half[1], 0.0)), np.float32)
    box = np.concatenate([middle - half, middle + half])
    return Face(box.astype(np.float32), face.score, points.astype(np.float32))


def look(detector: Detector, image: Image, looks: Iterable[Look]) -> list[Face]:
    """Return the faces that a detector sees in any of several looks at an image, each once.

    Args:
        detector: A detector that takes pictures as they are (`AS_IT_IS`).
        image: (H, W, 3) uint8 BGR.
        looks: The looks.

    Returns:
        Faces in the image's coordinates, best score first; boxes may reach outside the image.
    """
    found: list[Face] = []
    scaled: dict[int, Image] = {}
    for one in looks:
        if one.side not in scaled:
            scaled[one.side] = _resized(image, one.side)
        picture, back = turned(scaled[one.side], one.angle)
        scale = np.array([image.shape[1] / scaled[one.side].shape[1], image.shape[0] / scaled[one.side].shape[0]])
        for face in (face for face in detector.detect([picture])[0] if one.least <= face.size <= one.most):
            placed = turned_face(face, back)
            box, points = placed.box * np.tile(scale, 2), placed.points * scale
            found.append(Face(box.astype(np.float32), face.score, points.astype(np.float32)))
    return merged(found)


class TurnedDetector:
    """Detector that looks at every frame in several ways.

    detector: as for `look`. looks: width, height of a frame in pixels -> the looks at it.
    """

    batch = 1

    def __init__(self, detector: Detector, looks: Callable[[int, int], Sequence[Look]]) -> None:
        self.name = detector.name
        self._detector = detector
        self._looks = looks

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        """Return the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 BGR images.

        Returns:
            One list per frame, best score first; boxes may reach outside the frame.
        """
        return [whole(look(self._detector, f, self._looks(f.shape[1], f.shape[0]))) for f in frames]


def merged(faces: Sequence[Face], overlap: float = SAME_FACE) -> list[Face]:
    """Return the faces without those that overlap a better one.

    Args:
        faces: Faces of one image.
        overlap: Intersection over union from which two detections are one face.

    Returns:
        The faces that stay, best score first.
    """
    if not faces:
        return []
    boxes, scores = np.stack([face.box for face in faces]), np.array([face.score for face in faces], np.float32)
    return [faces[index] for index in suppress(boxes, scores, overlap)]


def whole(faces: Sequence[Face]) -> list[Face]:
    """Return the faces without those that are a part of a better one.

    For callers that replace faces. An audit must not use it: where the better detection is a false one, a face is lost.

    Args:
        faces: Faces of one image, best score first.

    Returns:
        The faces that stay, in the same order.
    """
    found: list[Face] = []
    for face in faces:
        if not any(_part(face, better) for better in found):
            found.append(face)
    return found


def _part(face: Face, better: Face) -> bool:
    """Whether a detection is somewhat smaller than a better one in whose box its middle lies. A far smaller one is
    something else: a picture on a shirt, a face behind a shoulder."""
    middle = (face.box[:2] + face.box[2:]) / 2
    inside = bool((middle >= better.box[:2]).all() and (middle <= better.box[2:]).all())
    return inside and _LEAST_PART * better.size <= face.size <= better.size


def _resized(image: Image, side: int) -> Image:
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor == 1:
        return image
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR), np.uint8
    )


def _turn(width: int, height: int, angle: int) -> tuple[Floats, Floats, Floats]:
    """The (2, 2) turn, and the smallest and largest (2,) coordinates that corners of the picture get by it."""
    cos, sin = _unit(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], float) @ turn.T
    return turn, np.floor(corners.min(axis=0) + 1e-6), corners.max(axis=0)


def _unit(angle: int) -> tuple[float, float]:
    """(cosine, sine), exact for quarters."""
    radians = np.radians(angle)
    return float(np.round(np.cos(radians), 12)), float(np.round(np.sin(radians), 12))
