"""From the decoder's picture back into the frame it was cropped from.

The picture is laid over the frame with a mask that fades out over its last 16 pixels. Rounding follows LivePortrait:
everything is warped as uint8 and truncated, not rounded, at the end. Pictures keep their channel order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE = 512
_MARGIN = 16


@lru_cache(maxsize=1)
def template() -> Image:
    """(512, 512) uint8 mask of a crop: 255 inside, falling to 0 within 16 pixels of the inner square's border."""
    along = np.arange(SIDE, dtype=np.float64)
    outside = np.maximum(np.maximum(_MARGIN - along, along - (SIDE - _MARGIN)), 0.0)
    distance = np.hypot(outside[None, :], outside[:, None])
    mask = np.floor(255.0 * np.clip(1.0 - distance / _MARGIN, 0.0, 1.0)).astype(np.uint8)
    mask.setflags(write=False)
    return mask


def to_uint8(picture: NDArray[np.floating[Any]]) -> Image:
    """Return a picture as uint8; truncated, so that only 1.0 becomes 255.

    Args:
        picture: Values in [0, 1], any shape.

    Returns:
        uint8 of the same shape.
    """
    return np.clip(np.clip(picture, 0.0, 1.0) * 255.0, 0.0, 255.0).astype(np.uint8)


def mask(to_image: Floats, width: int, height: int) -> Floats:
    """Return the crop's share of each pixel of the frame.

    Args:
        to_image: (3, 3) map from the crop to the frame, see `crop.matrices`.
        width: Pixels of the frame.
        height: Pixels of the frame.

    Returns:
        (height, width) float32 in [0, 1].
    """
    return (_warped(template(), to_image, width, height).astype(np.float32) / np.float32(255)).astype(np.float32)


def paste(picture: NDArray[Any], image: Image, to_image: Floats) -> Image:
    """Return a frame with a picture in it.

    Args:
        picture: (512, 512, 3), uint8 or floating point in [0, 1]; the latter is made uint8 first.
        image: (H, W, 3) uint8 frame; not changed.
        to_image: (3, 3) map from the crop to the frame.

    Returns:
        (H, W, 3) uint8, a new array.

    Raises:
        ValueError: The picture has another shape.
    """
    if picture.shape != (SIDE, SIDE, 3):
        raise ValueError(f"expected a picture of {SIDE}x{SIDE} pixels and 3 channels, not {picture.shape}")
    crop = picture if picture.dtype == np.uint8 else to_uint8(picture)
    height, width = image.shape[:2]
    share = mask(to_image, width, height)[..., None]
    blend = share * _warped(crop, to_image, width, height) + (np.float32(1) - share) * image
    return np.clip(blend, 0, 255).astype(np.uint8)


def _warped(picture: NDArray[Any], matrix: Floats, width: int, height: int) -> Image:
    warped = cv2.warpAffine(
        picture, matrix[:2], (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(warped, dtype=np.uint8)
