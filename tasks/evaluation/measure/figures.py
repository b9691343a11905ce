"""What a face does on one frame: mouth, eyes, gaze, pose; and how much its picture changes to the next.

Every figure of one frame is taken from a mesh of that frame alone, by the same network for source and result.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image, Mesh
from models.landmarks import pose
from models.motion.mesh import geometry

Series = NDArray[np.float64]
OPENINGS = ("mouth", "eyes", "gaze_x", "gaze_y", "mouth_width")
POSES = ("six_point", "similarity")
AXES = ("pitch", "yaw", "roll")
ALIGNED = 96


def mouth_opening(points: Floats) -> float:
    """Measure how open the mouth is: distance of the inner lips over that of the outer eye corners.

    Args:
        points: (478, 3) mesh points in pixels.

    Returns:
        No unit; larger is more open, shut is near 0.
    """
    return geometry.mouth_gap(points)


def mouth_width(points: Floats) -> float:
    """Measure how wide the mouth is: distance of its corners over that of the outer eye corners.

    Args:
        points: (478, 3) mesh points in pixels.

    Returns:
        No unit; larger in a smile.
    """
    across, span = points[61, :2] - points[291, :2], points[33, :2] - points[263, :2]
    return float(np.linalg.norm(across)) / max(float(np.linalg.norm(span)), 1e-6)


def eye_opening(points: Floats) -> float:
    """Measure how open the eyes are: mean distance of the lids over the eye's width.

    Args:
        points: (478, 3) mesh points in pixels.

    Returns:
        Mean of both eyes, no unit; shut is about 0.05.
    """
    return float(geometry.lid_gaps(points).mean())


def gaze(points: Floats) -> tuple[float, float]:
    """Measure the gaze: place of the iris from the middle of its eye's corners, over the eye's width.

    Args:
        points: (478, 3) mesh points in pixels.

    Returns:
        Mean of both eyes, no unit: x positive towards the image's right, y positive downwards, both along the eye's own
        axes.
    """
    eyes = []
    for iris, left, right in ((468, 33, 133), (473, 362, 263)):
        across = points[right, :2] - points[left, :2]
        offset = points[iris, :2] - (points[left, :2] + points[right, :2]) / 2
        downwards = np.array([-across[1], across[0]])
        eyes.append([float(offset @ side) / max(float(across @ across), 1e-6) for side in (across, downwards)])
    x, y = np.mean(eyes, axis=0)
    return float(x), float(y)


def six_point_pose(points: Floats, width: int, height: int) -> Floats:
    """Measure the head pose by `models.landmarks.pose.angles`.

    Two faces of other proportions in the same pose differ by a constant, up to about ten degrees of pitch: only what is
    left about the median tells of motion.

    Args:
        points: (478, 3) mesh points in pixels.
        width: of the frame, pixels.
        height: of the frame, pixels.

    Returns:
        (3,) degrees: pitch (down), yaw (to the image's right), roll (clockwise).
    """
    return pose.angles(points, width, height)


def similarity_pose(points: Floats) -> Series:
    """Measure the head pose by the similarity that maps the mean face onto the mesh.

    It uses the points that expression hardly moves. It depends less on proportions than `six_point_pose`; depth is the
    network's guess. Roll is how the line of the eyes lies in the picture, so that on a turned head it is no Euler
    angle.

    Args:
        points: (478, 3) mesh points in pixels.

    Returns:
        (3,) degrees, signs as in `six_point_pose`.
    """
    turned = geometry.align_stable(points, pose.mean_face()).rotation
    yaw = np.arcsin(np.clip(-turned[0, 2], -1.0, 1.0))
    return np.degrees([np.arctan2(-turned[1, 2], turned[2, 2]), yaw, np.arctan2(turned[1, 0], turned[0, 0])])


def figures(mesh: Mesh, width: int, height: int) -> Series:
    """Measure all figures of a mesh.

    Args:
        mesh: the mesh.
        width: of the frame, pixels.
        height: of the frame, pixels.

    Returns:
        (11,): OPENINGS, then pitch, yaw and roll of each of POSES.
    """
    points = mesh.points
    openings = [mouth_opening(points), eye_opening(points), *gaze(points), mouth_width(points)]
    return np.array([*openings, *six_point_pose(points, width, height), *similarity_pose(points)])


def aligned(images: Sequence[Image], mesh: Mesh) -> list[Image]:
    """Crop images by one mesh, so that its jitter is the same in all.

    Args:
        images: (H, W, 3) uint8 BGR each.
        mesh: the mesh of the face.

    Returns:
        Crops of ALIGNED x ALIGNED pixels, one for each image.
    """
    centre, span = mesh.points[:468, :2].mean(axis=0), float(np.ptp(mesh.points[:468, 1]))
    scale = ALIGNED / max(span, 1.0)
    move = np.array([[scale, 0, ALIGNED / 2 - scale * centre[0]], [0, scale, ALIGNED / 2 - scale * centre[1]]])
    return [cv2.warpAffine(image, move, (ALIGNED, ALIGNED), flags=cv2.INTER_AREA) for image in images]


def unrest(now: Image, last: Image) -> float:
    """Measure the change of an aligned crop from one frame to the next; motion and flicker alike.

    Args:
        now: crop of this frame, uint8 BGR.
        last: crop of the frame before, of the same size.

    Returns:
        Mean absolute change in grey levels.
    """
    return float(cv2.absdiff(now, last).mean())
