from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.errors import MediaError, UsageError
from infra.media.still import read_picture, write_picture

PICTURE = np.zeros((40, 60, 3), np.uint8)
PICTURE[:20, :30] = (200, 30, 60)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Insert an EXIF block with an orientation and a description."""
    name = b"Jane Doe was here\x00"
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 2)
    tiff += struct.pack(">HHII", 0x010E, 2, len(name), 38) + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff += struct.pack(">I", 0) + name
    block = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".jpg", ".webp"])
def test_round_trip(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"-odd name{suffix}"
    write_picture(path, PICTURE)
    back = read_picture(path)
    assert back.shape == PICTURE.shape
    tolerance = 30 if suffix in (".jpg", ".webp") else 0
    assert np.abs(back.astype(int) - PICTURE)[4:16, 4:26].max() <= tolerance
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_orientation_is_applied_and_metadata_dropped(tmp_path: Path) -> None:
    plain = cv2.imencode(".jpg", PICTURE)[1].tobytes()
    source, result = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source.write_bytes(with_orientation(plain, 6))
    upright = read_picture(source)
    assert upright.shape == (60, 40, 3)
    assert upright[10, 30].argmax() == 0
    assert upright[10, 5].max() < 30
    write_picture(result, upright)
    assert b"Jane" in source.read_bytes()
    assert b"Jane" not in result.read_bytes()
    assert b"Exif" not in result.read_bytes()


def test_transparency_and_depth_are_dropped(tmp_path: Path) -> None:
    deep = tmp_path / "deep.png"
    cv2.imwrite(str(deep), np.full((8, 9, 4), 65535, np.uint16))
    assert read_picture(deep).shape == (8, 9, 3)
    assert read_picture(deep).dtype == np.uint8


def test_refusals(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    write_picture(good, PICTURE)
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    files = {"empty": b"", "not_picture": b"GIF89a and more", "truncated": jpeg[:60]}
    for reason, data in files.items():
        path = tmp_path / f"{reason}.jpg"
        path.write_bytes(data)
        with pytest.raises(MediaError) as caught:
            read_picture(path)
        assert caught.value.reason == reason
    for limits, reason in (({"max_pixels": 100}, "too_large"), ({"max_bytes": 10}, "too_large")):
        with pytest.raises(MediaError) as caught:
            read_picture(good, **limits)
        assert caught.value.reason == reason
    with pytest.raises(MediaError):
        read_picture(tmp_path / "nowhere.png")
    with pytest.raises(UsageError):
        write_picture(tmp_path / "x.exe", PICTURE)
