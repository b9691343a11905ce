"""Child process that decodes one picture: `python still_worker.py FILE MAX_PIXELS`.

Writes height, width and 1 or 0 (whether transparency follows) as three little-endian 32 bit numbers, then BGR bytes,
then the alpha bytes. Stands alone on purpose: it is started by path, with limits, so that a hostile picture meets its
decoder outside the main process.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import Any

DAMAGED, SEVERAL, UNCLEAR = 3, 4, 5
"""Exit statuses: no picture; more than one picture; transparency that cannot be told for certain."""
_EXIF = 0


def main(path: str, max_pixels: str) -> int:
    """Decode a picture to standard output.

    Args:
        path: the file.
        max_pixels: bound on width x height, as text.

    Returns:
        The exit status.
    """
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = max_pixels
    os.environ["OPENCV_IO_MAX_IMAGE_WIDTH"] = os.environ["OPENCV_IO_MAX_IMAGE_HEIGHT"] = "100000"
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    data = np.fromfile(path, dtype=np.uint8)
    # IMREAD_COLOR turns the picture upright by its EXIF orientation and drops transparency and extra bit depth.
    colours = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if colours is None:
        return DAMAGED
    if cv2.imcount(path, cv2.IMREAD_UNCHANGED) > 1:
        return SEVERAL
    whole, kinds, blocks = cv2.imdecodeWithMetadata(data, flags=cv2.IMREAD_UNCHANGED)
    if whole is None:
        return DAMAGED
    alpha = _alpha(np, whole, data.tobytes())
    if alpha is not None:
        exif = [np.asarray(block).tobytes() for kind, block in zip(kinds, blocks, strict=True) if kind == _EXIF]
        orientation = _orientation(exif[0] if exif else b"")
        alpha = _upright(alpha, orientation)
        stored = _upright(whole if whole.ndim == 2 else whole[..., :3], orientation)
        if not _same(np, stored, colours):
            return UNCLEAR
    out = sys.stdout.buffer
    out.write(struct.pack("<III", colours.shape[0], colours.shape[1], alpha is not None))
    out.write(np.ascontiguousarray(colours).tobytes())
    if alpha is not None:
        out.write(np.ascontiguousarray(alpha).tobytes())
    return 0


def _alpha(np: Any, whole: Any, data: bytes) -> Any:
    """(h, w) uint8 transparency of a picture as it is stored, None when it has none."""
    if whole.ndim == 3 and whole.shape[2] in (2, 4):
        plane = whole[..., -1]
    elif whole.ndim == 2 and (key := _grey_key(data)) is not None:
        # OpenCV knows the transparent colour of coloured PNGs and palettes, not that of grey ones.
        depth, value = key
        scaled = value if depth >= 8 else value * 255 // ((1 << depth) - 1)
        return np.where(whole == scaled, 0, 255).astype(np.uint8)
    else:
        return None
    if plane.dtype == np.uint16:
        return (plane >> 8).astype(np.uint8)
    if plane.dtype == np.uint8:
        return plane
    return (np.clip(plane, 0, 1) * 255).astype(np.uint8)


def _grey_key(data: bytes) -> tuple[int, int] | None:
    """Bit depth and transparent value of a grey PNG with such a value."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[25:26] != b"\0":
        return None
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        if kind == b"tRNS" and length == 2:
            return data[24], struct.unpack(">H", data[position + 8 : position + 10])[0]
        if kind == b"IDAT":
            return None
        position += 12 + length
    return None


def _orientation(exif: bytes) -> int:
    """Value of the orientation tag in the first directory, 1 where there is none or it is damaged."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * entry)
            if (tag, kind) == (0x0112, 3):
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def _same(np: Any, stored: Any, colours: Any) -> bool:
    """Whether stored colours, turned, are those of the upright picture; depth over 8 bits may be rounded."""
    if stored.shape[:2] != colours.shape[:2] or stored.dtype not in (np.uint8, np.uint16):
        return False
    planes = stored[..., None] if stored.ndim == 2 else stored
    coarse = planes if planes.dtype == np.uint8 else planes >> 8
    return bool((np.abs(coarse.astype(np.int16) - colours) <= (planes.dtype != np.uint8)).all())


def _upright(plane: Any, orientation: int) -> Any:
    turned = plane.swapaxes(0, 1) if orientation >= 5 else plane
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
