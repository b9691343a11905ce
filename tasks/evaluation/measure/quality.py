"""What of a picture is rated when the quality of a face is: the face as it is shown, with what is around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Face, Image

AROUND = 1.3
"""Side of the crop in sizes of the face: the seam between what was replaced and what was not is in it, and hardly a
block without a part of the face. Where only the face is blurred (Gaussian of 2 pixels), this raises the rating by 2 to
4.6 in four real clips; twice the size by less than 0.5 in three of them, as sound blocks beside the face hide it."""
BLOCK = 96
"""Pixels. NIQE rates whole blocks of this side from the top left, and no less than one."""


def crop(image: Image, face: Face) -> Image | None:
    """Cut out the square of AROUND times the face's size around the middle of its box.

    It is cut off at the image's edges, and then to whole blocks around its middle, so that nothing is scaled or made up
    and all of it is rated. Crops of the same box from images of the same size are of the same pixels, so that their
    ratings compare; those of faces of other sizes have more or fewer blocks, which alone moves a rating.

    Args:
        image: (H, W, 3) uint8 BGR.
        face: the face.

    Returns:
        A view of the image; None where it is less than a block, as for faces under 74 pixels.
    """
    low, high = _corners(image, face)
    side = (high - low) // BLOCK * BLOCK
    if side.min() < BLOCK:
        return None
    x, y = low + (high - low - side) // 2
    return image[y : y + side[1], x : x + side[0]]


def square(image: Image, face: Face) -> Image | None:
    """Cut out the same square as `crop`, cut off at the image's edges only.

    Args:
        image: (H, W, 3) uint8 BGR.
        face: the face.

    Returns:
        A view of the image; None where nothing of the square is in it.
    """
    low, high = _corners(image, face)
    return image[low[1] : high[1], low[0] : high[0]] if (high > low).all() else None


def _corners(image: Image, face: Face) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    middle, reach = (face.box[:2] + face.box[2:]) / 2, AROUND * face.size / 2
    low = np.maximum(np.round(middle - reach), 0).astype(int)
    high = np.minimum(np.round(middle + reach), image.shape[1::-1]).astype(int)
    return low, high
