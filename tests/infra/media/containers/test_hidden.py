"""Finished results are read back for whatever lies in them beyond what is shown."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.errors import ToolError
from infra.media.containers.hidden import check_picture, hidden_in_picture, hidden_in_video
from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.mux import join_sound
from infra.media.pictures.still import write_picture
from infra.media.probe import probe_video
from tests.infra import containers
from tests.infra.media.pictures.test_transparency import disc

Run = Callable[..., None]
CLEAN = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")


def result_of(source: Path, folder: Path) -> Path:
    """The source through the real media path, untouched frames."""
    info = probe_video(source)
    encoded, result = folder / "encoded.mp4", folder / "result.mp4"
    with open_frames(source, info) as frames, open_encoder(encoded, info, preset="ultrafast", threads=1) as out:
        for frame in frames:
            out.write(frame)
    join_sound(encoded, source, info, result)
    return result


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Run) -> Path:
    """A result of two seconds, loud in its first half second, whose media data comes before its index."""
    folder = tmp_path_factory.mktemp("good")
    source = folder / "source.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=2", "-f", "lavfi", "-i",
           r"aevalsrc=0.4*sin(2*PI*500*t)*lt(t\,0.5):s=48000:d=2", "-c:v",
           "libx264", "-c:a", "aac", source)  # fmt: skip
    plain = folder / "plain.mp4"
    ffmpeg("-i", result_of(source, folder), "-map", "0", "-c", "copy", *CLEAN, plain)
    assert hidden_in_video(plain) == ()
    return plain


@pytest.mark.parametrize(
    "name",
    ["googlework_short.mp4", "grid_swiz3n.mpg", "pyfeat_face_noface.mov", "intel_two_faces.gif", "astorfi_oldman.mp4"],
)
def test_results_of_real_clips_hold_nothing(
    name: str, clip: Callable[[str], Path], ffmpeg: Run, tmp_path: Path
) -> None:
    assert hidden_in_video(result_of(clip(name), tmp_path)) == ()


def test_sound_that_an_edit_list_hides(good: Path, ffmpeg: Run, tmp_path: Path) -> None:
    late = containers.with_edits(good, tmp_path / "late.mp4", 1, [(1500, 24_000 + 1024)])
    assert hidden_in_video(late) == ("sound",)
    early = containers.with_edits(good, tmp_path / "early.mp4", 1, [(300, 1024)])
    assert hidden_in_video(early) == ("sound",)
    a_little = containers.with_edits(good, tmp_path / "little.mp4", 1, [(1900, 1024 + 2000)])
    assert hidden_in_video(a_little) == ("sound",), "short, but heard"


def test_frames_that_an_edit_list_hides(good: Path, tmp_path: Path) -> None:
    for edits in ([(1500, 5120)], [(1000, 0)]):
        path = containers.with_edits(good, tmp_path / "a.mp4", 0, edits)
        assert hidden_in_video(path) == ("picture",)


def test_what_is_cropped_away(good: Path, ffmpeg: Run, tmp_path: Path) -> None:
    assert "crop" in hidden_in_video(containers.with_clap(good, tmp_path / "a.mp4", containers.clap(32, 24)))
    stream, cropped = tmp_path / "a.ts", tmp_path / "b.mp4"
    ffmpeg("-i", good, "-an", "-c", "copy", "-bsf:v", "h264_metadata=crop_left=8:crop_right=8", stream)
    ffmpeg("-i", stream, "-c", "copy", *CLEAN, cropped)
    assert hidden_in_video(cropped) == ("crop",)


def test_bytes_that_nothing_refers_to(good: Path, tmp_path: Path) -> None:
    data = good.read_bytes()
    word = b"Jane Doe, who lives here"
    cases = {
        "bytes": (data + word[:7], containers.change_box(data, (b"mdat",), lambda content: content + word)),
        "boxes": (
            data + containers.box(b"uuid", word),
            data + containers.box(b"free", word),
            containers.change_box(data, (b"moov",), lambda content: content + containers.box(b"udta", word)),
            containers.change_box(data, (b"moov", b"trak"), lambda content: content + containers.box(b"name", word)),
        ),
        "structure": (data + word,),
    }
    for code, files in cases.items():
        for number, content in enumerate(files):
            path = tmp_path / f"{code}{number}.mp4"
            path.write_bytes(content)
            assert hidden_in_video(path) == (code,), path.name


def test_further_streams_metadata_and_other_files(good: Path, ffmpeg: Run, tmp_path: Path) -> None:
    tagged, titled, two, bare, text = (tmp_path / f"{name}.mp4" for name in ("tagged", "titled", "two", "bare", "text"))
    ffmpeg("-i", good, "-map", "0", "-c", "copy", *CLEAN, "-metadata", "title=Jane", tagged)
    ffmpeg("-i", good, "-map", "0", "-c", "copy", *CLEAN, "-metadata:s:a", "language=deu", titled)
    ffmpeg("-i", good, "-map", "0:v", "-map", "0:v", "-map", "0:a", "-c", "copy", *CLEAN, two)
    ffmpeg("-i", good, "-map", "0:a", "-c", "copy", *CLEAN, bare)
    text.write_bytes(good.read_bytes()[:100])
    assert hidden_in_video(tagged) == ("boxes", "metadata")
    assert hidden_in_video(titled) == ("metadata",)
    assert hidden_in_video(two) == hidden_in_video(bare) == ("streams",)
    assert hidden_in_video(text) == hidden_in_video(tmp_path / "missing.mp4") == ("unreadable",)


def test_a_picture_with_transparency(good: Path, ffmpeg: Run, tmp_path: Path) -> None:
    layered = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x48:r=10:d=1,format=rgba", "-c:v", "png", *CLEAN, layered)
    assert "alpha" in hidden_in_video(layered)


def test_a_setup_of_the_sound_that_could_hold_a_text(good: Path, ffmpeg: Run, tmp_path: Path) -> None:
    """Vorbis is set up with some kilobytes, one of them a comment; results never hold it."""
    path = tmp_path / "a.mp4"
    ffmpeg("-i", good, "-c:v", "copy", "-c:a", "libvorbis", *CLEAN, path)
    assert "codec_header" in hidden_in_video(path)


def picture(alpha: np.ndarray | None = None, colour: int = 255) -> np.ndarray:
    random = np.random.default_rng(1)
    shown = random.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    if alpha is None:
        return shown
    shown[alpha == 0] = colour
    return np.dstack([shown, alpha])


def test_good_pictures_hold_nothing(tmp_path: Path) -> None:
    for number, one in enumerate((picture(), picture(disc()), picture(disc(soft=2.0)))):
        path = tmp_path / f"{number}.png"
        write_picture(path, one)
        assert hidden_in_picture(path) == ()


def test_colours_under_transparency(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for colour in (0, 254):
        write_picture(path, picture(disc(), colour))
        assert hidden_in_picture(path) == ("colour",)
    drawing = np.where(np.random.default_rng(2).random((200, 200)) > 0.5, 255, 0).astype(np.uint8)
    write_picture(path, picture(drawing))
    assert hidden_in_picture(path) == ("alpha",)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_chunks_and_bytes_beside_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_picture(path, picture())
    data = path.read_bytes()
    end = len(data) - 12
    word = b"Jane Doe"
    rows = b"".join(b"\0" + bytes(3 * 20) for _ in range(20))
    small = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, 8, 2, 0, 0, 0))
    cases = {
        "bytes": (data + word, data + data,
                  small + chunk(b"IDAT", zlib.compress(rows) + word) + chunk(b"IEND", b""),
                  small + chunk(b"IDAT", zlib.compress(rows + word)) + chunk(b"IEND", b"")),
        "chunks": (data[:33] + chunk(b"tEXt", b"name\0" + word) + data[33:],
                   data[:33] + chunk(b"eXIf", b"MM\0*" + bytes(10)) + data[33:],
                   data[:end] + chunk(b"IEND", word)),
        "damaged": (data[:end], data[:end] + b"\0\0\0\0IENDxxxx", small + chunk(b"IEND", b"")),
        "not_png": (cv2.imencode(".jpg", picture())[1].tobytes(), b""),
    }  # fmt: skip
    for code, files in cases.items():
        for number, content in enumerate(files):
            path.write_bytes(content)
            assert hidden_in_picture(path) == (code,), (code, number)


def test_a_picture_must_show_what_was_to_be_published(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_picture(path, picture())
    check_picture(path, picture())
    with pytest.raises(ToolError, match="does not show"):
        check_picture(path, np.clip(picture().astype(int) + 3, 0, 255).astype(np.uint8))
    path.write_bytes(path.read_bytes() + b"Jane")
    with pytest.raises(ToolError, match="bytes"):
        check_picture(path, picture())
