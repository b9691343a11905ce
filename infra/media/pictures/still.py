"""Pictures from outside, read in a child process with limits, and pictures of ours, written without metadata."""

from __future__ import annotations

import os
import struct
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.errors import MediaError, ToolError, UsageError
from infra.media import child
from infra.media.limits import ChildLimits
from infra.media.pictures.transparency import over_white
from infra.reasons import Reason

Image = NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*")
_WORKER = Path(__file__).with_name("still_worker.py")
_HEADER = struct.Struct("<III")
# The worker stands alone, so its exit statuses are repeated here.
_REFUSALS = {
    3: (Reason.TRUNCATED, "The picture is damaged and cannot be decoded."),
    4: (
        Reason.SEVERAL_PICTURES,
        "The file holds several pictures (an animation or pages); give each as a file of its own.",
    ),
    5: (Reason.UNCLEAR_ALPHA, "The picture's transparency cannot be told for certain; save it as PNG first."),
}


def read_picture(path: Path, max_pixels: int = 100_000_000, max_bytes: int = 512 << 20) -> Image:
    """Decode a local picture file, upright, as a viewer with a white page shows it.

    Transparency is laid over white; see `decode_picture` for the rest and for what is raised.

    Args:
        path: the file.
        max_pixels: bound on width x height.
        max_bytes: bound on the file size.

    Returns:
        (height, width, 3) uint8 BGR.
    """
    return over_white(*decode_picture(path, max_pixels, max_bytes))


def decode_picture(
    path: Path, max_pixels: int = 100_000_000, max_bytes: int = 512 << 20
) -> tuple[Image, NDArray[np.uint8] | None]:
    """Decode a local picture file, upright by its EXIF orientation: JPEG, PNG, WebP, BMP and TIFF.

    The colours include those that transparency hides. Depth over 8 bits is dropped.

    Args:
        path: the file.
        max_pixels: bound on width x height.
        max_bytes: bound on the file size.

    Returns:
        (height, width, 3) uint8 BGR, and the transparency, (height, width) uint8, 255 is opaque, None where the file
        has none.

    Raises:
        MediaError: reasons missing, empty, not_picture, too_large, truncated, several_pictures (animated, or with
            further pages), unclear_alpha.
        ToolError: the child dies for another cause.
    """
    if not path.is_file():
        raise MediaError(Reason.MISSING, "The input is not a readable file.")
    size = path.stat().st_size
    if size == 0:
        raise MediaError(Reason.EMPTY, "The file has no content.")
    if size > max_bytes:
        raise MediaError(Reason.TOO_LARGE, f"The file is larger than the limit of {max_bytes} bytes.")
    with path.open("rb") as file:
        beginning = file.read(16)
    webp = beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP"
    if not (webp or beginning.startswith(_BEGINNINGS)):
        raise MediaError(Reason.NOT_PICTURE, "The file is no JPEG, PNG, WebP, BMP or TIFF picture.")
    limits = ChildLimits(memory_bytes=8 << 30, cpu_s=120, wall_s=300.0, output_bytes=1 << 20)
    arguments = ["-I", str(_WORKER), str(path.absolute()), str(max_pixels)]
    result = child.run(sys.executable, arguments, limits, max_output=4 * max_pixels + _HEADER.size)
    if "CV_IO_MAX_IMAGE" in result.messages:
        raise MediaError(Reason.TOO_LARGE, f"The picture has more than {max_pixels} pixels.")
    if result.status in _REFUSALS:
        raise MediaError(*_REFUSALS[result.status])
    if result.status != 0:
        raise ToolError(f"The picture decoder ended with status {result.status}.")
    height, width, transparent = _HEADER.unpack_from(result.output)
    count = height * width
    if len(result.output) != _HEADER.size + count * (4 if transparent else 3):
        raise ToolError("The picture decoder wrote less than a picture.")
    data = np.frombuffer(result.output, np.uint8, offset=_HEADER.size)
    colours = data[: 3 * count].reshape(height, width, 3).copy()
    return colours, data[3 * count :].reshape(height, width).copy() if transparent else None


def write_picture(path: Path, picture: Image, quality: int = 95) -> None:
    """Write a picture atomically; the form follows the suffix. Pixels only: no metadata of any kind.

    Args:
        path: file to write; its folder is made.
        picture: (height, width, 3) uint8 BGR, or (height, width, 4) BGRA for PNG.
        quality: of JPEG and WebP.

    Raises:
        UsageError: the suffix is unknown.
        ToolError: the picture cannot be encoded.
    """
    suffix = path.suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise UsageError(f"Pictures can be written as {', '.join(sorted(PICTURE_SUFFIXES))}.")
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }
    done, data = cv2.imencode(suffix, picture, options.get(suffix, []))
    if not done:
        raise ToolError("The picture could not be encoded.")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=suffix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data.tobytes())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
