"""Which sources have parts that a player hides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.errors import MediaError
from tasks.output.transparency import translucent

Ffmpeg = Callable[..., None]


def picture(path: Path, least: int) -> Path:
    """Opaque but for one pixel."""
    pixels = np.full((40, 60, 4), 200, np.uint8)
    pixels[..., 3] = 255
    pixels[7, 9, 3] = least
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "bmp"])
def test_one_pixel_that_is_not_opaque_is_enough(tmp_path: Path, suffix: str) -> None:
    assert translucent(picture(tmp_path / f"one.{suffix}", 254))
    assert not translucent(picture(tmp_path / f"none.{suffix}", 255))


def test_pictures_and_videos_without_alpha_are_opaque(tmp_path: Path, made: Callable[..., Path]) -> None:
    for suffix in ("jpg", "png"):
        assert cv2.imwrite(str(tmp_path / f"plain.{suffix}"), np.full((40, 60, 3), 90, np.uint8))
        assert not translucent(tmp_path / f"plain.{suffix}")
    assert not translucent(made("opaque.mp4"))


@pytest.mark.parametrize(
    ("name", "alpha", "codec", "expected"),
    [
        ("half.mov", "red@0.5", "qtrle", True),
        ("whole.mov", "red@1.0", "qtrle", False),
        ("half.webm", "red@0.5", "libvpx-vp9", True),
    ],
)
def test_videos_with_an_alpha_channel(
    tmp_path: Path, ffmpeg: Ffmpeg, name: str, alpha: str, codec: str, expected: bool
) -> None:
    form = "yuva420p" if codec.startswith("libvpx") else "argb"
    source = f"color={alpha}:s=64x48:d=0.5,format=yuva420p"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", form, "-c:v", codec, tmp_path / name)
    assert translucent(tmp_path / name) is expected


def test_an_animation_whose_palette_could_be_transparent_and_is_not(clip: Callable[[str], Path]) -> None:
    assert not translucent(clip("intel_two_faces.gif"))


def test_what_cannot_be_read_raises(tmp_path: Path) -> None:
    (tmp_path / "noise.mov").write_bytes(b"no video at all" * 50)
    for name in ("noise.mov", "missing.png"):
        with pytest.raises(MediaError):
            translucent(tmp_path / name)
