"""Child process that decodes one picture: `python still_worker.py FILE MAX_PIXELS`.

Writes the height and width as two little-endian 32 bit numbers and then BGR bytes. Stands alone on purpose: it is
started by path, with limits, so that a hostile picture meets its decoder outside the main process.
"""

from __future__ import annotations

import os
import struct
import sys


def main(path: str, max_pixels: str) -> int:
    """Decode `path` to standard output; exit status 3 when it is no picture."""
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = max_pixels
    os.environ["OPENCV_IO_MAX_IMAGE_WIDTH"] = os.environ["OPENCV_IO_MAX_IMAGE_HEIGHT"] = "100000"
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    # IMREAD_COLOR turns the picture upright by its EXIF orientation and drops transparency and extra bit depth.
    picture = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return 3
    sys.stdout.buffer.write(struct.pack("<II", picture.shape[0], picture.shape[1]))
    sys.stdout.buffer.write(np.ascontiguousarray(picture).tobytes())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
