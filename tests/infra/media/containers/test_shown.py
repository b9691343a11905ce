"""Videos of which a viewer shows less than lies in them: only what is shown is decoded."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from infra.errors import MediaError
from infra.media.containers.boxes import clean_aperture, read_movie
from infra.media.containers.ebml import read_matroska
from infra.media.containers.hevc import has_layers
from infra.media.decode import open_frames
from infra.media.probe import probe_video
from infra.settings import SceneBackend, Settings
from tests.infra import containers
from tests.tasks.support import scenes_of

Run = Callable[..., None]
# Red on the right; on the left a green that is transparent.
LAYERED = "color=red:s=64x48:r=10:d=1,format=rgba,geq=r='255*gte(X,32)':g='255*lt(X,32)':b=0:a='255*gte(X,32)'"
PALETTE = "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse"


def frames(path: Path) -> list[np.ndarray]:
    with open_frames(path, probe_video(path)) as stream:
        return [frame.to_bgr() for frame in stream]


def refusal(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        probe_video(path)
    return caught.value.reason


@pytest.fixture
def plain(ffmpeg: Run, tmp_path: Path) -> Path:
    """Two seconds of 64x48 at 10 frames a second, whose frames all look different, with sound."""
    path = tmp_path / "plain.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=2", "-f", "lavfi", "-i", "sine=d=2:r=48000", "-c:v", "libx264",
           "-bf", "0", "-crf", "5", "-c:a", "aac", path)  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p")),
        ("vp8.webm", ("-c:v", "libvpx", "-auto-alt-ref", "0", "-pix_fmt", "yuva420p")),
        ("animation.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
        ("prores.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        ("png.mov", ("-c:v", "png", "-pix_fmt", "rgba")),
        ("palette.mkv", ("-vf", PALETTE, "-c:v", "png")),
        ("ffv1.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuva420p")),
        ("deep.mkv", ("-c:v", "png", "-pix_fmt", "rgba64be")),
    ],
)
def test_what_is_transparent_is_black(name: str, options: tuple[str, ...], ffmpeg: Run, tmp_path: Path) -> None:
    path = tmp_path / name
    ffmpeg("-f", "lavfi", "-i", LAYERED, *options, path)
    seen = frames(path)
    assert len(seen) == 10 and probe_video(path).alpha
    for picture in seen:
        # Two columns at the edge share their colour with what is shown, in a picture with half the colours.
        assert picture[:, :28].max() <= 6
        assert picture[24, 50].argmax() == 2 and picture[24, 50, 2] > 235


def test_the_transparent_colour_of_a_gif_is_black(ffmpeg: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    ffmpeg("-f", "lavfi", "-i", LAYERED + "," + PALETTE, path)
    seen = frames(path)
    assert all(picture[:, :28].max() == 0 and picture[24, 50, 2] > 235 for picture in seen)


def test_transparency_that_begins_half_way_is_black(ffmpeg: Run, tmp_path: Path) -> None:
    opaque, layered, listed, both = (tmp_path / name for name in ("a.mkv", "b.mkv", "both.txt", "both.mkv"))
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x48:r=10:d=1", "-c:v", "png", "-pix_fmt", "rgb24", opaque)
    ffmpeg("-f", "lavfi", "-i", LAYERED, "-c:v", "png", "-pix_fmt", "rgba", layered)
    listed.write_text("file a.mkv\nfile b.mkv\n")
    ffmpeg("-f", "concat", "-i", listed, "-c", "copy", both)
    assert probe_video(both).pix_fmt == "rgb24", "the header does not say it"
    seen = frames(both)
    assert len(seen) == 20 and all(picture[24, 8, 2] > 235 for picture in seen[:10])
    assert all(picture[:, :28].max() <= 6 and picture[24, 50, 2] > 235 for picture in seen[10:])


def test_the_fourth_byte_of_an_uncompressed_avi_is_no_transparency(ffmpeg: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    ffmpeg(
        "-f", "lavfi", "-i", "color=red:s=64x48:r=10:d=1,format=bgra,colorchannelmixer=aa=0", "-c:v", "rawvideo", path
    )
    assert probe_video(path).pix_fmt == "bgra"
    assert all(picture[24, 8, 2] > 235 for picture in frames(path))


def test_the_scene_filter_sees_what_is_shown(ffmpeg: Run, tmp_path: Path) -> None:
    """The hidden half jumps from green to white; the shown half stays."""
    path = tmp_path / "a.mov"
    jump = LAYERED.replace("b=0", "b='255*lt(X,32)*gt(N,4)'").replace("g='255*lt(X,32)'", "g='255*lt(X,32)*lt(N,5)'")
    settings = Settings(scene_backend=SceneBackend.FFMPEG)
    ffmpeg("-f", "lavfi", "-i", jump, "-c:v", "qtrle", "-pix_fmt", "argb", path)
    assert len(scenes_of(path, settings)) == 1
    ffmpeg("-f", "lavfi", "-i", jump, "-c:v", "qtrle", "-pix_fmt", "rgb24", path)
    assert len(scenes_of(path, settings)) == 2


def test_an_opaque_picture_is_decoded_as_it_is(plain: Path) -> None:
    info = probe_video(plain)
    assert not info.alpha and info.crop == (0, 0, 0, 0)
    assert len(frames(plain)) == 20


def test_clean_apertures_are_applied(plain: Path, tmp_path: Path) -> None:
    cropped = containers.with_clap(plain, tmp_path / "a.mp4", containers.clap(32, 24, across=8, down=-4))
    info = probe_video(cropped)
    assert (info.width, info.height, info.crop) == (32, 24, (20, 10, 12, 14))
    whole = frames(plain)[3]
    assert np.abs(frames(cropped)[3].astype(int) - whole[10:34, 20:52]).max() <= 2


@pytest.mark.parametrize(
    ("width", "height", "across", "down", "cut"),
    [(64, 48, 0, 0, (0, 0, 0, 0)), (31, 23, 0, 0, (17, 13, 17, 13)), (62, 46, 2, -2, (2, 0, 0, 2))],
)
def test_a_part_of_a_pixel_is_cut(width: int, height: int, across: int, down: int, cut: tuple[int, ...]) -> None:
    assert clean_aperture(containers.clap(width, height, across, down)[8:], 64, 48) == cut


def test_apertures_outside_the_picture_and_on_turned_ones_are_refused(plain: Path, ffmpeg: Run, tmp_path: Path) -> None:
    assert refusal(containers.with_clap(plain, tmp_path / "a.mp4", containers.clap(80, 48))) == "unsupported_crop"
    turned = tmp_path / "turned.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
    assert refusal(containers.with_clap(turned, tmp_path / "b.mp4", containers.clap(32, 24))) == "unsupported_crop"


def live_matroska(source: Path, target: Path) -> Path:
    command = ["ffmpeg", "-v", "error", "-i", str(source), "-c", "copy", "-f", "matroska", "-"]
    target.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return target


def test_the_cropping_of_matroska_is_applied(plain: Path, tmp_path: Path) -> None:
    source = live_matroska(plain, tmp_path / "live.mkv")
    cropped = containers.with_pixel_crop(source, tmp_path / "a.mkv", 10, 6, 8, 4)
    info = probe_video(cropped)
    assert (info.width, info.height, info.crop) == (46, 38, (10, 6, 8, 4))
    assert np.abs(frames(cropped)[3].astype(int) - frames(plain)[3][6:44, 10:56]).max() <= 2
    assert refusal(containers.with_pixel_crop(source, tmp_path / "b.mkv", 40, 0, 40, 0)) == "unsupported_crop"


def test_the_cropping_of_the_codec_is_applied(plain: Path, ffmpeg: Run, tmp_path: Path) -> None:
    cropped = tmp_path / "a.ts"
    ffmpeg("-i", plain, "-an", "-c", "copy", "-bsf:v", "h264_metadata=crop_left=8:crop_right=8", cropped)
    assert np.array_equal(frames(cropped)[3], frames(plain)[3][:, 8:56])


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ([(1000, 0)], range(0, 10)),
        ([(1000, 5120)], range(5, 15)),
        ([(500, 0), (500, 10240)], [*range(0, 5), *range(10, 15)]),
    ],
)
def test_frames_outside_the_edits_are_not_decoded(
    edits: list[tuple[int, int]], shown: list[int], plain: Path, tmp_path: Path
) -> None:
    whole = frames(plain)
    edited = frames(containers.with_edits(plain, tmp_path / "a.mp4", 0, edits))
    assert len(edited) == len(shown)
    for picture, index in zip(edited, shown, strict=True):
        assert np.array_equal(picture, whole[index])


def test_what_ffmpeg_does_not_do_with_edits_is_refused(plain: Path, ffmpeg: Run, tmp_path: Path) -> None:
    fast = containers.with_edits(plain, tmp_path / "fast.mp4", 0, [(1000, 0)], rate=2)
    fragments, cut = tmp_path / "fragments.mp4", tmp_path / "cut.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-movflags", "frag_keyframe+delay_moov", fragments)
    ffmpeg("-ss", "0.7", "-i", plain, "-c", "copy", "-movflags", "frag_keyframe+delay_moov", cut)
    early = containers.with_edits(fragments, tmp_path / "early.mp4", 0, [(1000, 0)])
    assert len(frames(fragments)) == 20
    assert [refusal(path) for path in (fast, cut, early)] == ["unsupported_edits"] * 3


def test_ordered_chapters_are_refused(plain: Path, tmp_path: Path) -> None:
    source = live_matroska(plain, tmp_path / "live.mkv")
    edition = containers.element(0x45B9, containers.element(0x45DD, b"\1"))
    chaptered = tmp_path / "a.mkv"
    chapters = containers.element(0x1043A770, edition)
    chaptered.write_bytes(containers.add_elements(source.read_bytes(), (containers.SEGMENT,), chapters))
    assert read_matroska(chaptered).ordered and not read_matroska(source).ordered
    assert refusal(chaptered) == "unsupported_edits"


def test_several_pictures_at_once_and_none_are_refused(plain: Path, ffmpeg: Run, tmp_path: Path) -> None:
    two = tmp_path / "two.mp4"
    ffmpeg("-i", plain, "-i", plain, "-map", "0:v", "-map", "1:v", "-c", "copy", two)
    assert refusal(two) == "unsupported_layers"
    assert len(frames(containers.switched_off(two, tmp_path / "one.mp4", 1))) == 20
    assert refusal(containers.switched_off(plain, tmp_path / "off.mp4", 0)) == "no_video"


def test_sound_that_is_switched_off_is_not_part_of_the_video(plain: Path, ffmpeg: Run, tmp_path: Path) -> None:
    two = tmp_path / "two.mp4"
    ffmpeg("-i", plain, "-i", plain, "-map", "0:v", "-map", "0:a", "-map", "1:a", "-c", "copy", two)
    assert list(probe_video(two).audio) == [1, 2]
    assert list(probe_video(containers.switched_off(two, tmp_path / "a.mp4", 2)).audio) == [1]
    assert list(probe_video(containers.switched_off(two, tmp_path / "b.mp4", 2, group=1)).audio) == [1, 2], "a choice"
    matroska = tmp_path / "a.mkv"
    ffmpeg("-i", two, "-map", "0", "-c", "copy", "-disposition:a:1", "0", matroska)
    assert list(probe_video(matroska).audio) == [1, 2], "a player offers what is not the default"


def test_damaged_indexes_are_refused(plain: Path, tmp_path: Path) -> None:
    doubled = tmp_path / "doubled.mp4"
    doubled.write_bytes(
        containers.change_box(plain.read_bytes(), (b"moov", b"trak", b"edts"), lambda content: content * 2)
    )
    assert refusal(doubled) == "bad_structure"
    broken = tmp_path / "broken.mp4"
    way = (*containers.STSD, b"avc1")
    broken.write_bytes(containers.change_box(plain.read_bytes(), way, lambda content: content + b"\0\0\0\4clap"))
    assert refusal(broken) == "bad_structure"


def test_the_edits_of_a_movie_are_read_exactly(plain: Path, tmp_path: Path) -> None:
    movie = read_movie(containers.with_edits(plain, tmp_path / "a.mp4", 1, [(250, -1), (700, 1024)]))
    (picture, sound), fragmented = movie.tracks, movie.fragmented
    assert (picture.kind, sound.kind, fragmented) == ("vide", "soun", False)
    assert [(edit.duration, edit.media_time, edit.rate) for edit in sound.edits] == [
        (Fraction(1, 4), -1, 1),
        (Fraction(7, 10), 1024, 1),
    ]


def test_layers_of_hevc_are_noticed() -> None:
    def setup(*units: bytes) -> bytes:
        listed = b"".join(bytes([unit[0] >> 1, 0, 1]) + len(unit).to_bytes(2, "big") + unit for unit in units)
        return b"\1" + bytes(21) + bytes([len(units)]) + listed

    one_layer, two_layers = b"\x40\x01\x0c\x01\xff\xff", b"\x40\x01\x0c\x11\xff\xff"
    sequence, of_layer_1 = b"\x42\x01\x01\x01", b"\x42\x09\x01\x01"
    assert not has_layers(setup(one_layer, sequence)) and not has_layers(b"")
    assert has_layers(setup(two_layers, sequence)) and has_layers(setup(one_layer, sequence, of_layer_1))
    assert has_layers(b"\0\0\0\1" + one_layer + b"\0\0\1" + of_layer_1)
    assert not has_layers(b"\0\0\0\1" + one_layer + b"\0\0\1" + sequence)
