"""The 478-point face mesh with blendshapes.

Networks: face_landmarks_detector and face_blendshapes of Google's face_landmarker task (Apache-2.0), run through
OpenVINO. Cropping is ours: from the detector's five points, then once more from the first mesh, because the network
is most exact when the crop fits the face.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from models.interfaces.capabilities import Face, Floats, Image, Mesh
from models.landmarks import topology
from models.runtime.openvino_runtime import Network
from models.weights import weight_files

_SIDE = 256
_BLENDSHAPE_INPUTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip


def crop_matrix(centre: Floats, side: float, angle: float) -> Floats:
    """Return the affine map from crop pixels (256 x 256) to image pixels.

    Args:
        centre: (2,) centre of the crop in image pixels.
        side: Side of the crop in image pixels.
        angle: Radians by which the crop is turned.

    Returns:
        (2, 3) float32.
    """
    scale = side / _SIDE
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    half = (_SIDE - 1) / 2
    return np.array(
        [
            [cos, -sin, centre[0] - cos * half + sin * half],
            [sin, cos, centre[1] - sin * half - cos * half],
        ],
        dtype=np.float32,
    )


def _region_from_face(face: Face) -> Floats:
    """Square around a detection, from the distance of the eye line to the mouth line or the eye distance."""
    eyes = face.points[:2].mean(axis=0)
    mouth = face.points[3:].mean(axis=0)
    across = face.points[1] - face.points[0]
    down = mouth - eyes
    span = max(float(np.hypot(*down)), 0.9 * float(np.hypot(*across)), 0.3 * face.size, 2.0)
    angle = float(np.arctan2(across[1], across[0])) if np.hypot(*across) > 0.35 * span else 0.0
    return crop_matrix((eyes + mouth) / 2 + 0.02 * down, 3.9 * span, angle)


def _region_from_mesh(points: Floats) -> Floats:
    low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
    across = points[263, :2] - points[33, :2]
    side = max(float(np.max(high - low)) * 1.5, 4.0)
    return crop_matrix((low + high) / 2, side, float(np.arctan2(across[1], across[0])))


class MeshLandmarker:
    """Landmarker over the face_landmarker networks.

    Not guaranteed: exactness on profiles (beyond about 60 degrees of yaw), on faces under about 30 pixels, or under
    occlusion; presence stays high on many occluded faces, so it is no occlusion test.
    """

    name = "mesh"

    def __init__(self, passes: int = 2) -> None:
        self._passes = passes
        with zipfile.ZipFile(weight_files.path("face-landmarker")) as bundle, TemporaryDirectory() as folder:
            shape: dict[str | int, tuple[int, ...]] = {0: (1, _SIDE, _SIDE, 3)}
            self._landmarks = Network(bundle.extract("face_landmarks_detector.tflite", folder), shapes=shape)
            self._blendshapes = Network(bundle.extract("face_blendshapes.tflite", folder))

    def locate(self, frames: Sequence[Image], faces: Sequence[Face]) -> list[Mesh]:
        """Return one mesh per (frame, face) pair. See `models.interfaces.capabilities.Landmarker`.

        Args:
            frames: (H, W, 3) uint8 BGR images, one per face.
            faces: One detection per frame.

        Returns:
            The meshes, in order.
        """
        result: list[Mesh] = []
        for frame, face in zip(frames, faces, strict=True):
            points, presence = self._place(frame, _region_from_face(face))
            for _ in range(self._passes - 1):
                if presence < 0.05:
                    break
                points, presence = self._place(frame, _region_from_mesh(points))
            result.append(Mesh(points, presence, self._describe(points)))
        return result

    def _place(self, frame: Image, region: Floats) -> tuple[Floats, float]:
        # A crop far smaller than its source region would alias, so the source is halved first.
        shrink = 1
        while np.hypot(region[0, 0], region[1, 0]) / shrink > 2.0 and min(frame.shape[:2]) // (shrink * 2) >= 32:
            shrink *= 2
        source = frame
        matrix = region.copy()
        if shrink > 1:
            height, width = frame.shape[:2]
            source = cv2.resize(frame, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
            sx, sy = source.shape[1] / width, source.shape[0] / height
            matrix[0] *= sx
            matrix[1] *= sy
            matrix[0, 2] += (sx - 1) / 2
            matrix[1, 2] += (sy - 1) / 2
        crop = cv2.warpAffine(
            source,
            matrix,
            (_SIDE, _SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        batch = np.ascontiguousarray(crop[None, ..., ::-1], dtype=np.float32) / 255.0
        outputs = self._landmarks.run(batch)
        local = outputs[0].reshape(topology.POINTS, 3)
        points = np.empty_like(local)
        points[:, :2] = local[:, :2] @ region[:, :2].T + region[:, 2]
        points[:, 2] = local[:, 2] * float(np.hypot(region[0, 0], region[1, 0]))
        logit = float(np.ravel(outputs[1])[0])
        return points, float(1.0 / (1.0 + np.exp(-np.clip(logit, -40.0, 40.0))))

    def _describe(self, points: Floats) -> Floats:
        chosen = points[list(_BLENDSHAPE_INPUTS), :2]
        values = self._blendshapes.run(np.ascontiguousarray(chosen[None], dtype=np.float32))[0]
        return np.ravel(values).astype(np.float32)
