"""The square that is painted, and which of its pixels: AnonNET crops the face box with a margin of 80 %."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image, Parser
from models.landmarks.topology import OVAL

MARGIN = 0.8
"""Share of the longer side of the face box by which the square is larger, both sides together."""
LEAST, LARGEST, STEP = 512, 612, 8
"""Side in pixels that is painted: Stable Diffusion 1.5 knows nothing smaller; up to 612, rounded up to a multiple of 8,
as the authors of AnonNET have it."""
CLASSES = ("skin", "left brow", "right brow", "left eye", "right eye", "nose", "upper lip", "lower lip", "mouth")
_REACH = 1.35
"""Parsed skin counts up to so many times the mesh's outline from its middle: the forehead does, the neck does not."""
_GROW, _SOFT = 0.05, 0.03
"""How far the mask grows beyond the face, and over how much of that it fades, as shares of the side."""


@dataclass(frozen=True)
class Square:
    """The square that is painted.

    Attributes:
        picture: (s, s, 3) uint8 BGR, s a multiple of 8.
        mesh: (478, 3) in its pixels.
        mask: (s, s) uint8, 255 where it is painted anew.
        alpha: (s, s) float32 in [0, 1], how much of the new pixels is used: 1 all over the face, 0 outside the mask.
    """

    picture: Image
    mesh: Floats
    mask: NDArray[np.uint8]
    alpha: Floats

    @property
    def side(self) -> int:
        """Pixels."""
        return int(self.picture.shape[0])

    def hollow(self) -> Image:
        """Return the picture with the face taken out: under the mask it holds only colours of the surroundings.

        The encoder of the picture sees beyond each pixel, so the source's face must be gone before.
        """
        small = 64
        little = cv2.resize(self.picture, (small, small), interpolation=cv2.INTER_AREA)
        holes = cv2.resize(self.mask, (small, small), interpolation=cv2.INTER_AREA)
        # Every small pixel that any of the face went into is a hole.
        filled = cv2.inpaint(little, (holes > 0).astype(np.uint8), 3, cv2.INPAINT_TELEA)
        around = cv2.resize(filled, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        return np.where(self.mask[..., None] > 0, around, self.picture).astype(np.uint8)

    def with_face(self, painted: Image) -> Image:
        """Return the picture with the painted face in it; outside the mask it is unchanged.

        Args:
            painted: (s, s, 3) uint8 BGR.

        Returns:
            (s, s, 3) uint8 BGR.
        """
        alpha = self.alpha[..., None]
        return np.clip(np.rint(self.picture + alpha * (painted.astype(np.float32) - self.picture)), 0, 255).astype(
            np.uint8
        )


def cut(frame: Image, mesh: Floats, parser: Parser | None) -> Square:
    """Return the square around the face of a mesh in a frame.

    The mesh's outline is always part of the mask, so that no pixel that the mesh covers keeps the source's. Pixels
    outside the frame repeat its border.

    Args:
        frame: (H, W, 3) uint8 BGR.
        mesh: (478, 3) pixels of the frame.
        parser: Finds the face's pixels; without one the mask is the mesh's outline alone.

    Returns:
        The square.
    """
    low, high = mesh[:468, :2].min(axis=0), mesh[:468, :2].max(axis=0)
    length = max(round(float((high - low).max()) * (1 + MARGIN)), 16)
    corner = np.rint((low + high) / 2 - length / 2).astype(int)
    side = int(np.clip(-(-length // STEP) * STEP, LEAST, -(-LARGEST // STEP) * STEP))
    scale = side / length
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    picture = np.asarray(cv2.resize(_part(frame, corner, length), (side, side), interpolation=how), np.uint8)
    moved = mesh.copy()
    # Pixel centres: the first pixel of the square lies half a pixel inside it, at every scale.
    moved[:, :2] = (mesh[:, :2] - corner + 0.5) * scale - 0.5
    moved[:, 2] = mesh[:, 2] * scale
    face = face_mask(picture, moved, parser)
    return Square(picture, moved.astype(np.float32), *_edges(face))


def face_mask(picture: Image, mesh: Floats, parser: Parser | None) -> NDArray[np.uint8]:
    """Return the pixels of the face.

    Args:
        picture: (s, s, 3) uint8 BGR.
        mesh: (478, 3) pixels of the picture.
        parser: Finds skin, brows, eyes, nose, lips or inner mouth near the outline of the mesh; None for the outline
            alone.

    Returns:
        (s, s) uint8, 255 on the face.
    """
    outline = mesh[list(OVAL), :2]
    face = _polygon(outline, picture.shape[:2])
    if parser is None:
        return face
    middle = outline.mean(axis=0)
    near = _polygon(middle + _REACH * (outline - middle), picture.shape[:2])
    # Below the chin the enlarged outline would let parsed skin of the neck in.
    near[int(max(outline[:, 1].max() + 1, 0)) :] = 0
    labels = parser.parse([picture])[0]
    parsed = np.isin(labels, [parser.labels.index(label) for label in CLASSES])
    return np.where(parsed & (near > 0), np.uint8(255), face).astype(np.uint8)


def _polygon(points: Floats, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 255)
    return mask


def _edges(face: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Floats]:
    """(mask, alpha) around a face."""
    side = face.shape[0]
    grow, soft = max(round(_GROW * side), 2), max(round(_SOFT * side), 1)
    mask = cv2.dilate(face, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1)))
    # 1 on the face, falling to 0 before the mask ends, where the painting meets what it was fitted to.
    distance = cv2.distanceTransform(255 - face, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    alpha = np.clip(1.0 - (distance - (grow - soft) / 2) / soft, 0.0, 1.0).astype(np.float32)
    return np.asarray(mask, np.uint8), np.where(mask > 0, alpha, 0.0).astype(np.float32)


def _part(frame: Image, corner: NDArray[np.int_], length: int) -> Image:
    """A square of a frame that may reach outside it."""
    height, width = frame.shape[:2]
    columns = np.clip(np.arange(corner[0], corner[0] + length), 0, width - 1)
    rows = np.clip(np.arange(corner[1], corner[1] + length), 0, height - 1)
    return np.ascontiguousarray(frame[rows][:, columns])
