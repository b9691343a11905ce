from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from infra.media import commands
from infra.media.video_info import VideoInfo

SOURCE = Path("/data/-i evil.mp4")


def info(**given: object) -> VideoInfo:
    """A description of which the commands read only what is given here."""
    plain = {
        "stream": 1, "width": 32, "height": 16, "full_range": False, "alpha": False, "crop": (0, 0, 0, 0),
        "codec": "h264", "pix_fmt": "yuv420p",
    }  # fmt: skip
    fields = {field.name: None for field in dataclasses.fields(VideoInfo)}
    return VideoInfo(**(fields | plain | given))  # type: ignore[arg-type]


def pairs(arguments: list[str]) -> set[tuple[str, str]]:
    return set(itertools.pairwise(arguments))


ALL = {
    "headers": commands.probe_headers(SOURCE, 1000),
    "frames": commands.probe_frames(SOURCE, 1, 1000),
    "packets": commands.probe_packets(SOURCE, 1000),
    "decode": commands.decode_frames(SOURCE, info(), 1000, 2),
    "scenes": commands.scene_changes(SOURCE, info(), 0.2, 1000),
    "coded size": commands.probe_coded_size(SOURCE, 0, 1000),
    "setup": commands.probe_setup(SOURCE, 0, 1000),
    "whole packets": commands.probe_packets(SOURCE, 1000, whole_movie=True),
    "samples": commands.decode_samples(SOURCE, 1, 2, True, True, 1000),
    "sound": commands.decode_sound(SOURCE, 1, 16000, Fraction(0), 1000),
    "join": commands.join(Path("/e.mp4"), SOURCE, Path("/d.mp4"), 30000, {1: "copy"}, {}, Fraction(0), 1000),
    "hashes": commands.audio_hashes(SOURCE, {1: "aac"}, 1000),
}


@pytest.mark.parametrize("name", ALL)
def test_every_source_is_guarded(name: str) -> None:
    arguments = ALL[name]
    before = arguments[: arguments.index("file:/data/-i evil.mp4")]
    assert ("-protocol_whitelist", "file,pipe") in pairs(before)
    assert ("-format_whitelist", commands.FORMATS) in pairs(before)
    assert ("-max_pixels", "1000") in pairs(before)
    assert before[-1] == "-i"


@pytest.mark.parametrize("name", ALL)
def test_no_argument_can_be_taken_for_an_option(name: str) -> None:
    assert str(SOURCE) not in ALL[name]
    assert SOURCE.name not in ALL[name]


@pytest.mark.parametrize("name", ["decode", "scenes", "samples", "sound", "join", "hashes"])
def test_ffmpeg_never_reads_the_terminal(name: str) -> None:
    assert "-nostdin" in ALL[name]


def test_allow_list_has_no_format_that_opens_other_files() -> None:
    formats = set(commands.FORMATS.split(","))
    assert not formats & {"hls", "concat", "dash", "image2", "lavfi", "sdp", "rtsp", "tee", "webm_dash_manifest"}


def test_relative_names_become_absolute() -> None:
    assert commands.address(Path("-x.mp4")) == f"file:{Path.cwd() / '-x.mp4'}"


def test_join_copies_one_track_and_encodes_the_other() -> None:
    arguments = commands.join(
        Path("/e.mp4"), SOURCE, Path("/d.mp4"), 600, {3: "copy", 5: "aac"}, {5: "volume=1"}, Fraction(834, 1000), 1000
    )
    found = pairs(arguments)
    assert {
        ("-map", "0:v:0"),
        ("-map", "1:3"),
        ("-map", "1:5"),
        ("-c:a:0", "copy"),
        ("-c:a:1", "aac"),
        ("-filter:a:1", "volume=1"),
    } <= found
    assert ("-itsoffset", "0.834000") in found
    assert {("-map_metadata", "-1"), ("-map_metadata:s", "-1"), ("-map_chapters", "-1")} <= found
    assert {"-sn", "-dn"} <= set(arguments)
    assert arguments[-1] == "file:/d.mp4"


def test_full_range_is_converted_and_limited_range_is_not() -> None:
    full = commands.decode_frames(SOURCE, info(full_range=True), 1000, 1)
    assert any("in_range=full:out_range=limited" in argument for argument in full)
    assert not any("in_range" in argument for argument in ALL["decode"])
