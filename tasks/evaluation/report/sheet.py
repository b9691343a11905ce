"""A contact sheet: some frames of a file, small, with captions."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from infra.errors import ToolError
from infra.media.turn import OpenFrames
from models.interfaces.capabilities import Image

_TILE = 300
_COLUMNS = 4
_CAPTION = 22
_QUALITY = 82


def sheet(frames: OpenFrames, chosen: Sequence[tuple[int, str]]) -> bytes:
    """Make a contact sheet of chosen frames in the given order. Raises what reading the file raises.

    Args:
        frames: opens the frames.
        chosen: (frame number, ASCII caption) each. A number beyond the end is left out.

    Returns:
        JPEG; b"" when nothing is left.

    Raises:
        ToolError: the sheet cannot be encoded.
    """
    wanted = {number for number, _ in chosen}
    found: dict[int, Image] = {}
    with frames() as stream:
        for frame in stream:
            if frame.index in wanted:
                found[frame.index] = _small(frame.to_bgr())
            if len(found) == len(wanted):
                break
    tiles = [_captioned(found[number], caption) for number, caption in chosen if number in found]
    if not tiles:
        return b""
    height = max(tile.shape[0] for tile in tiles)
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    board = np.full((rows * height, columns * _TILE, 3), 255, np.uint8)
    for n, tile in enumerate(tiles):
        y, x = n // columns * height, n % columns * _TILE
        board[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    done, data = cv2.imencode(".jpg", board, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise ToolError("The contact sheet could not be encoded.")
    return data.tobytes()


def _small(image: Image) -> Image:
    scale = (_TILE - 6) / image.shape[1]
    size = (_TILE - 6, max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _captioned(image: Image, caption: str) -> Image:
    tile = np.full((image.shape[0] + _CAPTION + 6, _TILE, 3), 255, np.uint8)
    tile[: image.shape[0], 3 : 3 + image.shape[1]] = image
    place = (5, image.shape[0] + 16)
    cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (70, 70, 70), 1, cv2.LINE_AA)
    return tile
