"""Probe, decode, encode, join and read back, on made and on real footage."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from infra.errors import MediaError, ToolError
from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.limits import MediaLimits
from infra.media.mux import join_sound
from infra.media.probe import probe_video
from infra.media.readback import Readback, check_result
from infra.media.reading import describe, foreign_tags
from infra.media.video_info import VideoInfo

CLIPS = [
    "googlework_short.mp4",
    "grid_id2_swwp2s.mpg",
    "grid_pwij3p.mpg",
    "intel_noface_bottle.mp4",
    "intel_two_faces.gif",
    "latentsync_demo2.mp4",
    "nim_eyecontact_woman_720p.mp4",
    "pyfeat_face_noface.mov",
]


def convert(source: Path, folder: Path) -> tuple[VideoInfo, Path, Readback]:
    info = probe_video(source)
    encoded, result = folder / "encoded.mp4", folder / "result.mp4"
    with open_frames(source, info) as frames, open_encoder(encoded, info, preset="ultrafast", threads=1) as out:
        for frame in frames:
            out.write(frame)
    return info, result, join_sound(encoded, source, info, result)


def times(info: VideoInfo) -> list[Fraction]:
    return [int(pts - info.pts[0]) * info.time_base for pts in info.pts]


@pytest.mark.parametrize("name", CLIPS)
def test_real_clips_keep_time_and_sound(name: str, clip: Callable[[str], Path], tmp_path: Path) -> None:
    info, result, read = convert(clip(name), tmp_path)
    again = probe_video(result)
    assert times(again) == times(info)
    assert again.last_duration * again.time_base == info.last_duration * info.time_base
    assert (again.width, again.height) == (info.width, info.height)
    # The sound of one was cut from a longer recording without being encoded again; see `containers/test_presented.py`.
    assert (read.audio_streams, read.copied) == (len(info.audio), name != "pyfeat_face_noface.mov")
    assert foreign_tags(describe(result, MediaLimits())) == []
    if info.audio:
        assert int(again.pts[0]) * again.time_base == int(info.pts[0]) * info.time_base


def test_untouched_frames_are_visually_lossless(clip: Callable[[str], Path], tmp_path: Path) -> None:
    info, result, _ = convert(clip("grid_pwij3p.mpg"), tmp_path)
    again = probe_video(result)
    with open_frames(clip("grid_pwij3p.mpg"), info) as one, open_frames(result, again) as two:
        errors = [np.mean((a.planes[0].astype(float) - b.planes[0]) ** 2) for a, b in zip(one, two, strict=True)]
    assert 10 * np.log10(255**2 / max(errors)) > 38


@pytest.mark.parametrize(
    ("name", "options", "copied"),
    [
        ("aac.mkv", ["-c:a", "aac"], True),
        ("aac.ts", ["-c:a", "aac"], True),
        ("mp3.mp4", ["-c:a", "libmp3lame"], True),
        ("ac3.mp4", ["-c:a", "ac3"], True),
        ("alac.mov", ["-c:a", "alac"], True),
        ("opus.mkv", ["-c:a", "libopus"], True),
        ("mp2.mpg", ["-c:v", "mpeg1video", "-r", "25", "-c:a", "mp2"], True),
        ("vorbis.webm", ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"], False),
        ("pcm.mov", ["-c:a", "pcm_s16le"], False),
        ("flac.mkv", ["-c:a", "flac"], False),
    ],
)
def test_sound_is_copied_or_encoded(
    name: str, options: list[str], copied: bool, made: Callable[..., Path], tmp_path: Path
) -> None:
    _, _, read = convert(made(name, *options), tmp_path)
    assert (read.audio_streams, read.copied) == (1, copied)


def test_metadata_chapters_and_other_streams_are_dropped(
    made: Callable[..., Path], ffmpeg: Callable[..., None], tmp_path: Path
) -> None:
    notes, words = tmp_path / "notes.txt", tmp_path / "words.srt"
    notes.write_text(";FFMETADATA1\ntitle=Jane Doe\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle=Jane speaks\n")
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nI am Jane\n")
    source = tmp_path / "named.mkv"
    ffmpeg("-i", made("plain.mp4"), "-i", notes, "-i", words, "-map", "0", "-map", "2", "-map_metadata", "1",
           "-attach", notes, "-metadata:s:t", "mimetype=text/plain", "-metadata:s:a", "title=Jane's voice",
           "-metadata:s:a", "language=deu", "-c", "copy", source)  # fmt: skip
    info, result, _ = convert(source, tmp_path)
    assert info.chapters == 1
    assert {stream.kind for stream in info.streams} == {"video", "audio", "subtitle", "attachment"}
    assert foreign_tags(describe(result, MediaLimits())) == []
    again = probe_video(result)
    assert again.chapters == 0
    assert [stream.kind for stream in again.streams] == ["video", "audio"]
    data = result.read_bytes()
    assert b"Jane" not in data
    assert b"deu" not in data


def test_readback_notices_what_is_wrong(made: Callable[..., Path], ffmpeg: Callable[..., None], tmp_path: Path) -> None:
    source = made("plain.mp4")
    info, result, _ = convert(source, tmp_path)
    audio = dict.fromkeys(info.audio, "copy")
    tagged, late, other, short = (tmp_path / f"{n}.mp4" for n in ("tagged", "late", "other", "short"))
    ffmpeg("-i", result, "-c", "copy", "-metadata", "title=x", tagged)
    ffmpeg("-i", result, "-itsoffset", "0.2", "-i", result, "-map", "0:v", "-map", "1:a", "-c", "copy",
           "-fflags", "+bitexact", late)  # fmt: skip
    ffmpeg(
        "-i",
        result,
        "-c:v",
        "copy",
        "-c:a",
        "aac",
        "-b:a",
        "32k",
        "-fflags",
        "+bitexact",
        "-flags:a",
        "+bitexact",
        other,
    )
    ffmpeg("-i", result, "-c", "copy", "-frames:v", "11", "-fflags", "+bitexact", short)
    check_result(result, source, info, audio)
    for wrong, word in [(tagged, "metadata"), (late, "begin"), (other, "identical|begin"), (short, "11 frames")]:
        with pytest.raises(ToolError, match=word):
            check_result(wrong, source, info, audio)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(
    degrees: int, made: Callable[..., Path], ffmpeg: Callable[..., None], tmp_path: Path
) -> None:
    plain, turned = made("plain.mp4"), tmp_path / "turned.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-metadata:s:v", f"rotate={degrees}", turned)
    info = probe_video(turned)
    assert (info.width, info.height) == ((160, 120) if degrees == 180 else (120, 160))
    with open_frames(plain, probe_video(plain)) as frames:
        upright = next(frames).planes[0].copy()
    with open_frames(turned, info) as frames:
        seen = next(frames).planes[0].copy()
    assert info.rotation in (degrees, 360 - degrees)
    assert np.array_equal(seen, np.rot90(upright, info.rotation // 90))


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        (
            "odd.mp4",
            ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-vf", "scale=321:179"],
            "321x179",
        ),
        ("deep.mp4", ["-pix_fmt", "yuv420p10le"], "160x120"),
        ("full.mp4", ["-pix_fmt", "yuvj420p"], "160x120"),
        ("anamorphic.mp4", ["-vf", "setsar=4/3"], "160x120"),
    ],
)
def test_unusual_pictures(name: str, options: list[str], size: str, made: Callable[..., Path], tmp_path: Path) -> None:
    info, result, _ = convert(made(name, *options), tmp_path)
    again = probe_video(result)
    assert f"{again.width}x{again.height}" == size
    assert again.bit_depth == 8
    assert not again.full_range
    assert again.sample_aspect == info.sample_aspect
    assert info.bit_depth == (10 if name == "deep.mp4" else 8)
    assert info.full_range == (name == "full.mp4")


def test_full_range_is_compressed(made: Callable[..., Path]) -> None:
    source = made("full.mp4", "-pix_fmt", "yuvj420p")
    with open_frames(source, probe_video(source)) as frames:
        luma = next(frames).planes[0]
    assert int(luma.min()) >= 14
    assert int(luma.max()) <= 237


def test_variable_rate_is_kept(made: Callable[..., Path], tmp_path: Path) -> None:
    source = made("variable.mkv", "-vf", "select='not(eq(mod(n,5),3))'", "-vsync", "vfr", frames=30)
    info, result, _ = convert(source, tmp_path)
    assert len(set(np.diff(info.pts).tolist())) > 1
    assert times(probe_video(result)) == times(info)


def test_colour_tags_are_kept(made: Callable[..., Path], tmp_path: Path) -> None:
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    _, result, _ = convert(made("tagged709.mp4", *tags), tmp_path)
    again = probe_video(result)
    assert (again.color_space, again.color_primaries, again.color_transfer) == ("bt709", "bt709", "bt709")


def test_refusals(made: Callable[..., Path], ffmpeg: Callable[..., None], tmp_path: Path) -> None:
    whole = made("plain.mp4")
    empty, text, cut, tail, sound, hdr = (
        tmp_path / f"{n}.mp4" for n in ("empty", "text", "cut", "tail", "sound", "hdr")
    )
    empty.touch()
    text.write_text("not a video\n" * 50)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    front = tmp_path / "front.mp4"
    ffmpeg("-i", whole, "-c", "copy", "-movflags", "+faststart", front)
    tail.write_bytes(front.read_bytes()[: front.stat().st_size * 2 // 3])
    ffmpeg("-i", whole, "-vn", "-c", "copy", sound)
    ffmpeg("-i", whole, "-c:v", "libx264", "-color_trc", "smpte2084", hdr)
    reasons = {
        tmp_path / "nowhere.mp4": "missing",
        empty: "empty",
        text: "not_media",
        cut: "truncated",
        tail: "truncated",
        sound: "no_video",
        hdr: "unsupported_hdr",
    }
    for path, reason in reasons.items():
        with pytest.raises(MediaError) as caught:
            probe_video(path)
        assert (path.name, caught.value.reason) == (path.name, reason)
        assert str(tmp_path) not in str(caught.value)
    for limits in (MediaLimits(max_bytes=10), MediaLimits(max_pixels=100), MediaLimits(max_total_pixels=160 * 120 * 5)):
        with pytest.raises(MediaError) as caught:
            probe_video(whole, limits)
        assert caught.value.reason == "too_large"


@pytest.mark.parametrize("kind", ["hls", "hls_late", "concat", "dash"])
def test_playlists_are_not_followed(kind: str, made: Callable[..., Path], tmp_path: Path) -> None:
    target = made("plain.ts", "-f", "mpegts")
    content = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "hls_late": f"\n\n  #EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "dash": f'<?xml version="1.0"?><MPD><BaseURL>{target}</BaseURL></MPD>',
    }[kind]
    path = tmp_path / "list.mp4"
    path.write_text(content)
    with pytest.raises(MediaError) as caught:
        probe_video(path)
    assert caught.value.reason == "playlist"


def test_demuxer_list_holds_when_the_first_look_is_fooled(made: Callable[..., Path], tmp_path: Path) -> None:
    from infra.media import commands

    target = made("plain.ts", "-f", "mpegts")
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n")
    followed = subprocess.run(["ffprobe", "-v", "error", str(path)], capture_output=True)
    assert followed.returncode == 0, "without the guard the playlist is followed"
    guarded = subprocess.run(["ffprobe", *commands.probe_headers(path, 10**6)], capture_output=True)
    assert guarded.returncode != 0
    assert b"streams" not in guarded.stdout


def test_wrong_frame_count_raises(made: Callable[..., Path]) -> None:
    import dataclasses

    source = made("plain.mp4")
    info = probe_video(source)
    for count in (11, 13):
        pts = np.arange(count, dtype=np.int64) * 1024
        wrong = dataclasses.replace(info, pts=pts)
        with pytest.raises(MediaError) as caught, open_frames(source, wrong) as frames:
            assert len(list(frames)) <= count
        assert caught.value.reason == "frame_mismatch"


def test_a_tool_that_is_killed_says_nothing_about_the_file(
    made: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made("plain.mp4")
    info = probe_video(source)
    for name in ("ffprobe", "ffmpeg"):
        (tmp_path / name).write_text("#!/bin/sh\nkill -9 $$\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match="signal 9"):
        probe_video(source)
    with pytest.raises(ToolError, match="signal 9 after frame 0"), open_frames(source, info) as frames:
        list(frames)


def test_leaving_early_ends_the_child(made: Callable[..., Path]) -> None:
    source = made("long.mp4", size="640x480", frames=120)
    info = probe_video(source)
    with open_frames(source, info, queued=2) as frames:
        assert next(frames).index == 0
    children = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(source) not in children


def test_encoder_wants_every_frame_in_order(made: Callable[..., Path], tmp_path: Path) -> None:
    source, target = made("plain.mp4"), tmp_path / "out.mp4"
    info = probe_video(source)
    with open_frames(source, info) as frames:
        all_frames = list(frames)
    with pytest.raises(ToolError, match="handed"), open_encoder(target, info) as out:
        out.write(all_frames[1])
    assert not target.exists()
    with pytest.raises(ToolError, match="11 of 12"), open_encoder(target, info) as out:
        for frame in all_frames[:-1]:
            out.write(frame)
    assert not target.exists()


def test_child_limits_hold(tmp_path: Path) -> None:
    import sys
    import time

    from infra.media import child
    from infra.media.limits import ChildLimits

    greedy = child.run(sys.executable, ["-c", "import time; time.sleep(0.5); b = bytearray(3 << 30)"],
                       ChildLimits(memory_bytes=1 << 30))  # fmt: skip
    assert greedy.status != 0
    begun = time.monotonic()
    with pytest.raises(ToolError, match="longer"):
        child.run(sys.executable, ["-c", "import time; time.sleep(60)"], ChildLimits(wall_s=1))
    assert time.monotonic() - begun < 20
    with pytest.raises(ToolError, match="more than"):
        child.run(sys.executable, ["-c", "print('x' * 10000)"], ChildLimits(), max_output=1000)


def test_children_get_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.media import child

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert "AWS_SECRET_ACCESS_KEY" not in child.environment()
