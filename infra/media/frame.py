"""One decoded frame: planes of limited range YUV, with a BGR view for networks and exact local editing.

The same matrix (BT.601, limited range) is used in both directions, so the colour tags of the file need not be known
to look at a region, change it and put it back; the tags themselves travel with the encoded video.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Image = NDArray[np.uint8]

_TO_BGR = np.array(
    [
        [255 / 219, 255 / 112 * 0.886, 0.0],
        [255 / 219, -255 / 112 * 0.886 * 0.114 / 0.587, -255 / 112 * 0.701 * 0.299 / 0.587],
        [255 / 219, 0.0, 255 / 112 * 0.701],
    ]
)
_TO_YUV = np.linalg.inv(_TO_BGR)
_OFFSET = np.array([16.0, 128.0, 128.0])
_TO_BGR_AFFINE = np.hstack([_TO_BGR, -(_TO_BGR @ _OFFSET)[:, None]])
_TO_YUV_AFFINE = np.hstack([_TO_YUV, _OFFSET[:, None]])


@dataclass(eq=False)
class YuvFrame:
    """A frame of the source, upright, 8 bit, limited range.

    Attributes:
        index: 0 for the first frame.
        pts: presentation time in the source's time base.
        width, height: pixels.
        data: C-contiguous uint8; (height * 3 // 2, width) for 4:2:0 (planes Y, U, V one after the other), or (3,
            height, width) for 4:4:4.
    """

    index: int
    pts: int
    width: int
    height: int
    data: NDArray[np.uint8]

    @staticmethod
    def shape_for(width: int, height: int) -> tuple[int, ...]:
        """Work out the shape of `data`: 4:2:0 when both sides are even, else 4:4:4.

        Args:
            width: pixels.
            height: pixels.

        Returns:
            The shape.
        """
        return (3, height, width) if width % 2 or height % 2 else (height * 3 // 2, width)

    @classmethod
    def from_bgr(cls, picture: Image, index: int = 0, pts: int = 0) -> YuvFrame:
        """Make a frame of a BGR picture, always 4:4:4.

        Args:
            picture: (height, width, 3) uint8 BGR.
            index: of the frame.
            pts: presentation time of the frame.

        Returns:
            The frame; `to_bgr` gives the picture back within rounding.
        """
        height, width = picture.shape[:2]
        planes = cv2.transform(np.ascontiguousarray(picture), _TO_YUV_AFFINE)
        return cls(index, pts, width, height, np.ascontiguousarray(planes.transpose(2, 0, 1)).astype(np.uint8))

    @property
    def subsampled(self) -> bool:
        """True for 4:2:0, where two by two pixels share their colour."""
        return self.data.ndim == 2

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Views of Y, U and V, each (rows, columns) uint8; writing to them changes the frame."""
        if not self.subsampled:
            return self.data[0], self.data[1], self.data[2]
        luma = self.width * self.height
        flat = self.data.reshape(-1)
        chroma = (self.height // 2, self.width // 2)
        return (
            flat[:luma].reshape(self.height, self.width),
            flat[luma : luma + luma // 4].reshape(chroma),
            flat[luma + luma // 4 :].reshape(chroma),
        )

    def copy(self) -> YuvFrame:
        """An independent frame with the same content."""
        return YuvFrame(self.index, self.pts, self.width, self.height, self.data.copy())

    def turned(self, angle: int) -> YuvFrame:
        """Turn the frame clockwise, without loss.

        Args:
            angle: 0, 90, 180 or 270 degrees.

        Returns:
            A copy; the frame itself when the angle is 0.
        """
        quarters = angle % 360 // 90
        if quarters == 0:
            return self
        width, height = (self.height, self.width) if quarters % 2 else (self.width, self.height)
        planes = [np.rot90(plane, -quarters) for plane in self.planes]
        shape = (height * 3 // 2, width) if self.subsampled else (3, height, width)
        data = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(shape)
        return YuvFrame(self.index, self.pts, width, height, data)

    def to_bgr(self) -> Image:
        """The whole frame, (height, width, 3) uint8 BGR, a copy."""
        if self.subsampled:
            return np.asarray(cv2.cvtColor(self.data, cv2.COLOR_YUV2BGR_I420), dtype=np.uint8)
        return np.asarray(cv2.transform(np.ascontiguousarray(self.data.transpose(1, 2, 0)), _TO_BGR_AFFINE), np.uint8)

    def small_bgr(self, longest: int) -> Image:
        """Reduce the frame to a small BGR picture; never enlarge it.

        The planes are reduced before the conversion, which costs a fraction of converting the whole frame.

        Args:
            longest: pixels of the longer side at most.

        Returns:
            (h, w, 3) uint8 BGR.
        """
        scale = longest / max(self.width, self.height)
        if scale >= 1:
            return self.to_bgr()
        size = (max(2, round(self.width * scale)), max(2, round(self.height * scale)))
        reduced = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in self.planes]
        return np.asarray(cv2.transform(cv2.merge(reduced), _TO_BGR_AFFINE), dtype=np.uint8)

    def write_bgr(self, patch: Image, x: int, y: int, mask: NDArray[np.bool_] | None = None) -> None:
        """Replace a region by a BGR picture.

        Brightness outside the region stays bit-identical. In a 4:2:0 frame the colour of a two by two block is
        rewritten only when the whole block or a part of it is written; its new colour is then the mean over the block.
        Nothing is raised for an empty overlap.

        Args:
            patch: (h, w, 3) uint8 BGR; parts outside the frame are cut off.
            x: column of its top left pixel.
            y: row of its top left pixel.
            mask: (h, w) bool, only true pixels are written; everything when None.
        """
        height, width = patch.shape[:2]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, self.width), min(y + height, self.height)
        if left >= right or top >= bottom:
            return
        patch = patch[top - y : bottom - y, left - x : right - x]
        if mask is not None:
            mask = mask[top - y : bottom - y, left - x : right - x]
        if not self.subsampled:
            self._write_full(patch, left, top, mask)
            return
        even_left, even_top = left & ~1, top & ~1
        even_right, even_bottom = right + (right & 1), bottom + (bottom & 1)
        inner = (slice(top - even_top, bottom - even_top), slice(left - even_left, right - even_left))
        aligned = inner == (slice(0, even_bottom - even_top), slice(0, even_right - even_left))
        if mask is not None or not aligned:
            block = self._region(even_left, even_top, even_right, even_bottom)
            written = np.zeros(block.shape[:2], dtype=bool)
            written[inner] = True if mask is None else mask
            block[inner] = np.where(written[inner][..., None], patch, block[inner])
        else:
            block, written = np.ascontiguousarray(patch), None
        self._write_subsampled(block, even_left, even_top, written)

    def _region(self, left: int, top: int, right: int, bottom: int) -> Image:
        y, u, v = self.planes
        half = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
        chroma = [plane[half].repeat(2, axis=0).repeat(2, axis=1) for plane in (u, v)]
        merged = cv2.merge([np.ascontiguousarray(y[top:bottom, left:right]), *chroma])
        return np.asarray(cv2.transform(merged, _TO_BGR_AFFINE), dtype=np.uint8)

    def _write_full(self, patch: Image, left: int, top: int, mask: NDArray[np.bool_] | None) -> None:
        converted = cv2.transform(np.ascontiguousarray(patch), _TO_YUV_AFFINE)
        window = (slice(top, top + patch.shape[0]), slice(left, left + patch.shape[1]))
        for number, plane in enumerate(self.planes):
            np.copyto(plane[window], converted[..., number], where=True if mask is None else mask)

    def _write_subsampled(self, block: Image, left: int, top: int, written: NDArray[np.bool_] | None) -> None:
        height, width = block.shape[:2]
        y, u, v = self.planes
        luma = cv2.transform(block, _TO_YUV_AFFINE[:1])
        half = cv2.resize(block, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        chroma = cv2.transform(half, _TO_YUV_AFFINE[1:])
        keep = np.ones((height, width), dtype=np.bool_) if written is None else written
        keep_half = keep.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3))
        np.copyto(y[top : top + height, left : left + width], luma.reshape(height, width), where=keep)
        window = (slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2))
        np.copyto(u[window], chroma[..., 0], where=keep_half)
        np.copyto(v[window], chroma[..., 1], where=keep_half)
