from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.errors import MediaError, UsageError
from infra.media.pictures.still import decode_picture, read_picture, write_picture

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


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(depth: int, colour: int, row: bytes, *extra: bytes) -> bytes:
    """A PNG of two pixels beside each other."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


# In each of them the first pixel is transparent and hides (30, 20, 10) or a grey of 10; the second is opaque.
TRANSPARENT = {
    "rgba": png(8, 6, bytes([10, 20, 30, 0, 40, 50, 60, 255])),
    "rgba of 16 bit": png(16, 6, struct.pack(">8H", 2570, 5140, 7710, 0, 10280, 12850, 15420, 65535)),
    "grey and alpha": png(8, 4, bytes([10, 0, 40, 255])),
    "grey and alpha of 16 bit": png(16, 4, struct.pack(">4H", 2570, 0, 10280, 65535)),
    "palette": png(8, 3, b"\0\1", chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])), chunk(b"tRNS", b"\0\xff")),
    "key": png(8, 2, bytes([10, 20, 30, 40, 50, 60]), chunk(b"tRNS", struct.pack(">3H", 10, 20, 30))),
    "grey key": png(8, 0, bytes([10, 40]), chunk(b"tRNS", struct.pack(">H", 10))),
    "grey key of 4 bit": png(4, 0, bytes([0x14]), chunk(b"tRNS", struct.pack(">H", 1))),
    "grey key of 16 bit": png(16, 0, struct.pack(">2H", 2570, 10280), chunk(b"tRNS", struct.pack(">H", 2570))),
}


@pytest.mark.parametrize("form", TRANSPARENT)
def test_what_is_transparent_is_white_in_every_form_of_png(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(TRANSPARENT[form])
    colours, alpha = decode_picture(path)
    assert alpha is not None and alpha.tolist() == [[0, 255]]
    assert colours[0, 0].max() <= 30, "the hidden colour is what the file holds"
    seen = read_picture(path)
    assert seen[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(seen[0, 1], colours[0, 1]) and 40 <= seen[0, 1].max() <= 68


@pytest.mark.parametrize("suffix", [".webp", ".tif", ".png"])
def test_what_is_transparent_is_white_in_every_format(suffix: str, tmp_path: Path) -> None:
    picture = np.full((32, 32, 4), (90, 60, 30, 255), np.uint8)
    picture[:16, :, 3] = 0
    picture[16:, 20:, 3] = 128
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_WEBP_QUALITY, 101])
    seen = read_picture(path)
    assert (seen[:16] == 255).all()
    assert seen[20, 5].tolist() == [90, 60, 30]
    assert np.abs(seen[20, 25] - np.array([172, 157, 142])).max() <= 1


def test_bitmaps_with_alpha_masks_are_laid_over_white_too(tmp_path: Path) -> None:
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48)
    header = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0) + masks
    path = tmp_path / "a.bmp"
    pixels = bytes([1, 2, 3, 0, 4, 5, 6, 255])
    path.write_bytes(b"BM" + struct.pack("<IHHI", 14 + 108 + 8, 0, 0, 14 + 108) + header + pixels)
    assert read_picture(path).tolist() == [[[255, 255, 255], [4, 5, 6]]]


def turned_tiff(picture: np.ndarray, orientation: int) -> bytes:
    """An uncompressed TIFF whose directory, put at its end, has an orientation."""
    plain = cv2.imencode(".tiff", picture, [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes()
    (start,) = struct.unpack("<I", plain[4:8])
    (count,) = struct.unpack("<H", plain[start : start + 2])
    entries = [plain[start + 2 + 12 * n : start + 14 + 12 * n] for n in range(count)]
    entries = [entry for entry in entries if entry[:2] != b"\x12\x01"]
    entries.append(struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0))
    entries.sort(key=lambda entry: struct.unpack("<H", entry[:2]))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return plain[:4] + struct.pack("<I", len(plain)) + plain[8:] + directory


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_transparency_is_turned_upright_with_the_colours(orientation: int, suffix: str, tmp_path: Path) -> None:
    colours = np.zeros((6, 10, 3), np.uint8)
    colours[:2, :7] = (1, 2, 3)
    colours[3, 8] = (9, 9, 9)
    picture = np.dstack([colours, np.where(colours.any(axis=2), 255, 0).astype(np.uint8)])
    exif = b"MM\x00*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    plain = cv2.imencode(".png", picture)[1].tobytes()
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101]
    block = np.frombuffer(exif, np.uint8)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(
        {
            ".png": lambda: plain[:33] + chunk(b"eXIf", exif) + plain[33:],
            ".webp": lambda: cv2.imencodeWithMetadata(".webp", picture, [0], [block], lossless)[1].tobytes(),
            ".tif": lambda: turned_tiff(picture, orientation),
        }[suffix]()
    )
    seen, shown = decode_picture(path)
    assert shown is not None and seen.shape[:2] == ((10, 6) if orientation >= 5 else (6, 10))
    assert np.array_equal(shown > 0, seen.any(axis=2)), "colours were put where they are not transparent"


def test_lossy_pictures_with_transparency_are_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (61, 47, 4), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.webp"), cv2.GaussianBlur(noise, (0, 0), 2), [cv2.IMWRITE_WEBP_QUALITY, 80])
    assert decode_picture(tmp_path / "a.webp")[1] is not None


def test_depth_is_dropped(tmp_path: Path) -> None:
    deep = tmp_path / "deep.png"
    cv2.imwrite(str(deep), np.full((8, 9, 4), 65535, np.uint16))
    assert read_picture(deep).shape == (8, 9, 3)
    assert read_picture(deep).dtype == np.uint8


def test_animations_and_pages_are_refused(ffmpeg: Callable[..., None], tmp_path: Path) -> None:
    moving = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=1")
    ffmpeg(*moving, "-f", "apng", tmp_path / "a.png")
    ffmpeg(*moving, tmp_path / "a.webp")
    cv2.imwritemulti(str(tmp_path / "a.tif"), [PICTURE, PICTURE])
    for path in tmp_path.iterdir():
        with pytest.raises(MediaError) as caught:
            read_picture(path)
        assert (path.name, caught.value.reason) == (path.name, "several_pictures")


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
