"""`anonflow demo`: one clip, converted, and laid beside its original for a person to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.frame import YuvFrame
from infra.media.mux import join_sound
from infra.media.pictures.still import write_picture
from infra.media.probe import probe_video
from infra.media.video_info import VideoInfo
from models.weights import weight_files

DEMO_CLIP = "demo-clip"
_COLUMNS = 6
_WIDTH = 320

Image = NDArray[np.uint8]


def demo_clip() -> Path:
    """Return the demonstration clip (a bearded man talks to the camera for six seconds), fetched on first use.

    It comes out of the psychopy package and is not part of this project.

    Returns:
        Path of the clip.

    Raises:
        WeightsError: When it cannot be had.
    """
    weight_files.pull([DEMO_CLIP])
    return weight_files.path(DEMO_CLIP)


def lay_side_by_side(original: Path, result: Path, folder: Path, scratch: Path) -> tuple[Path, Path]:
    """Write compare.mp4 (original left, result right, with the sound) and contact.png (above and below).

    Both show the original face: they are for people who may see the original.

    Args:
        original: The original video.
        result: The result.
        folder: Takes the two files.
        scratch: Private folder for the unfinished video.

    Returns:
        Paths of compare.mp4 and contact.png.

    Raises:
        MediaError: When a file cannot be read or written.
        ToolError: When a file cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info, again = probe_video(original), probe_video(result)
    width, height = info.width & ~1, info.height & ~1
    wide = replace(info, width=2 * width, height=height)
    encoded = scratch / "compare-picture.mp4"
    chosen = set(np.linspace(0, info.frame_count - 1, _COLUMNS).round().astype(int).tolist())
    columns: list[Image] = []
    with (
        open_frames(original, info) as left,
        open_frames(result, again) as right,
        open_encoder(encoded, wide) as out,
    ):
        for one, two in zip(left, right, strict=True):
            pair = _pair(one, two, wide)
            out.write(pair)
            if one.index in chosen:
                columns.append(_column(pair, width))
    compare, contact = folder / "compare.mp4", folder / "contact.png"
    join_sound(encoded, original, wide, compare)
    write_picture(contact, np.hstack(columns))
    return compare, contact


def _pair(one: YuvFrame, two: YuvFrame, wide: VideoInfo) -> YuvFrame:
    frame = YuvFrame(
        one.index, one.pts, wide.width, wide.height, np.empty(YuvFrame.shape_for(wide.width, wide.height), np.uint8)
    )
    frame.write_bgr(one.to_bgr()[: wide.height, : wide.width // 2], 0, 0)
    frame.write_bgr(two.to_bgr()[: wide.height, : wide.width // 2], wide.width // 2, 0)
    return frame


def _column(pair: YuvFrame, width: int) -> Image:
    picture = pair.to_bgr()
    size = (_WIDTH, max(1, round(_WIDTH * pair.height / width)))
    halves = [cv2.resize(half, size, interpolation=cv2.INTER_AREA) for half in (picture[:, :width], picture[:, width:])]
    return np.asarray(np.vstack(halves), dtype=np.uint8)
