from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.cli.demo import lay_side_by_side
from infra.media.decode import open_frames
from infra.media.probe import probe_video


@pytest.mark.parametrize("size", ["160x120", "161x121"])
def test_both_halves_and_the_sound(size: str, made: Callable[..., Path], tmp_path: Path) -> None:
    width, height = map(int, size.split("x"))
    shape = ["-vf", f"scale={width}:{height}", "-pix_fmt", "yuv444p"]
    original = made(f"original{width}.mp4", *shape)
    result = made(f"negated{width}.mp4", "-vf", f"negate,scale={width}:{height}", "-pix_fmt", "yuv444p")
    compare, contact = lay_side_by_side(original, result, tmp_path / "beside", tmp_path)
    info, source = probe_video(compare), probe_video(original)
    assert (info.width, info.height, info.frame_count) == (320, 120, source.frame_count)
    assert [a * info.time_base for a in info.pts - info.pts[0]] == [a * source.time_base for a in source.pts]
    assert len(info.audio) == 1
    with open_frames(compare, info) as both, open_frames(original, source) as left:
        for pair, one in zip(both, left, strict=True):
            luma = pair.planes[0].astype(int)
            assert np.abs(luma[:, :160] - one.planes[0][:120, :160]).mean() < 4
            assert np.abs(luma[:, 160:] + luma[:, :160] - 251).mean() < 25
    sheet = cv2.imread(str(contact))
    assert sheet.shape == (480, 6 * 320, 3)
