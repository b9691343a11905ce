"""Sound that a player discards: before a cut, after an end, between edits. None of it may be in a result."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from infra.errors import MediaError
from infra.media.containers.presented import MOST_DISCARDED, Discarded, _Sums, discarded
from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.mux import join_sound
from infra.media.probe import probe_video
from infra.media.readback import Readback
from infra.media.video_info import VideoInfo
from tests.infra import containers

Run = Callable[..., None]
RATE = 48_000
# A loud tone for the first half second, then a soft one of another pitch.
SOUND = r"aevalsrc=0.5*sin(2*PI*2000*t)*lt(t\,0.5)+0.05*sin(2*PI*300*t)*gte(t\,0.5):s=48000:d=2"


def source(ffmpeg: Run, path: Path, *options: str, sound: str = SOUND) -> Path:
    """Two seconds of picture and sound; options: of the output."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=2", "-f", "lavfi", "-i", sound, "-c:v", "libx264",
           "-bf", "0", *options, path)  # fmt: skip
    return path


def convert(path: Path) -> tuple[VideoInfo, Path, Readback]:
    info = probe_video(path)
    encoded, result = path.with_name("encoded.mp4"), path.with_name(f"result of {path.name}.mp4")
    with open_frames(path, info) as frames, open_encoder(encoded, info, preset="ultrafast", threads=1) as out:
        for frame in frames:
            out.write(frame)
    return info, result, join_sound(encoded, path, info, result)


def everything(path: Path) -> np.ndarray:
    """All samples that are in a file, also those that its edit list or its packets discard."""
    command = ["ffmpeg", "-v", "error", "-flags2", "+skip_manual", "-ignore_editlist", "1", "-i", str(path), "-map",
               "0:a:0", "-f", "s16le", "-"]  # fmt: skip
    data = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(data, "<i2").astype(np.float64) / 32768


def loud_tone(samples: np.ndarray) -> float:
    """How much of the tone of 2 kHz is in the loudest twentieth of a second: 0.5 where it plays in full."""
    wave = np.exp(-2j * np.pi * 2000 * np.arange(len(samples)) / RATE) * samples
    windows = [wave[at : at + 2400] for at in range(0, len(wave), 1200)]
    return max(2 * abs(part.mean()) for part in windows if len(part) > 200)


def cut_losslessly(ffmpeg: Run, folder: Path, suffix: str) -> Path:
    path = folder / f"cut{suffix}"
    ffmpeg("-ss", "0.7", "-i", source(ffmpeg, folder / "whole.mp4", "-c:a", "aac"), "-c", "copy", path)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_sound_from_before_a_lossless_cut_is_not_in_the_result(suffix: str, ffmpeg: Run, tmp_path: Path) -> None:
    path = cut_losslessly(ffmpeg, tmp_path, suffix)
    assert loud_tone(everything(path)) > 0.4, "the source holds what was cut away"
    info, result, read = convert(path)
    samples = everything(result)
    assert loud_tone(samples) < 0.01 and not read.copied
    assert len(samples) / RATE == pytest.approx(1.3, abs=0.06)
    assert np.sqrt((samples[RATE // 4 : RATE] ** 2).mean()) == pytest.approx(0.05 / 2**0.5, rel=0.1)
    assert info.frame_count == probe_video(result).frame_count == 13


EDITS = {
    "begins late": [(1400, 28_800 + 1024)],
    "begins late and ends early": [(700, 28_800 + 1024)],
    "a pause and a late beginning": [(300, -1), (1000, 28_800 + 1024)],
}


@pytest.mark.parametrize("case", EDITS)
def test_sound_outside_the_edits_is_not_in_the_result(case: str, ffmpeg: Run, tmp_path: Path) -> None:
    whole = source(ffmpeg, tmp_path / "whole.mp4", "-c:a", "aac")
    path = containers.with_edits(whole, tmp_path / "edited.mp4", 1, EDITS[case])
    assert loud_tone(everything(path)) > 0.4
    _, result, read = convert(path)
    assert loud_tone(everything(result)) < 0.01 and not read.copied
    heard = sum(duration for duration, media_time in EDITS[case] if media_time >= 0) / 1000
    assert len(everything(result)) / RATE == pytest.approx(heard, abs=0.06)


def test_sound_after_the_end_of_the_edits_is_not_in_the_result(ffmpeg: Run, tmp_path: Path) -> None:
    late = r"aevalsrc=0.5*sin(2*PI*2000*t)*gte(t\,1.31)+0.05*sin(2*PI*300*t)*lt(t\,1.31):s=48000:d=2"
    whole = source(ffmpeg, tmp_path / "whole.mp4", "-c:a", "aac", sound=late)
    # The end lies within a packet, which ffmpeg decodes as a whole.
    path = containers.with_edits(whole, tmp_path / "short.mp4", 1, [(1303, 1024)])
    _, result, read = convert(path)
    assert loud_tone(everything(result)) < 0.01 and not read.copied


def test_sound_that_fragments_hide_is_not_in_the_result(ffmpeg: Run, tmp_path: Path) -> None:
    whole = source(ffmpeg, tmp_path / "whole.mp4", "-c:a", "aac", "-movflags", "frag_keyframe+delay_moov")
    path = containers.with_edits(whole, tmp_path / "late.mp4", 1, [(0, 28_800 + 1024)])
    _, result, read = convert(path)
    assert loud_tone(everything(result)) < 0.01 and not read.copied


def delayed(ffmpeg: Run, folder: Path, codec: str) -> Path:
    """A Matroska file whose header tells a player to discard the first 0.6 seconds of the sound."""
    whole = source(ffmpeg, folder / "whole.mkv", "-c:a", codec)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(whole),
        "-map",
        "0:a",
        "-map",
        "0:v",
        "-c",
        "copy",
        "-f",
        "matroska",
        "-",
    ]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    delay = containers.element(0x56AA, (600_000_000).to_bytes(4, "big"))
    path = folder / "delayed.mkv"
    way = (containers.SEGMENT, containers.TRACKS, containers.TRACK)
    path.write_bytes(containers.add_elements(data, way, delay))
    return path


@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_sound_that_a_delay_of_matroska_hides_is_not_in_the_result(codec: str, ffmpeg: Run, tmp_path: Path) -> None:
    _, result, read = convert(delayed(ffmpeg, tmp_path, codec))
    samples = everything(result)
    assert loud_tone(samples) < 0.01 and not read.copied
    assert len(samples) / RATE == pytest.approx(1.43, abs=0.08)


def test_a_long_delay_of_opus_is_refused(ffmpeg: Run, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        probe_video(delayed(ffmpeg, tmp_path, "libopus"))
    assert caught.value.reason == "unsupported_edits"


def test_what_a_picture_hides_is_not_in_the_result(ffmpeg: Run, tmp_path: Path) -> None:
    """The first half second is red and cut away; packets of it stay in the source, none in the result."""
    red = tmp_path / "red.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x48:r=10:d=0.5", "-f", "lavfi", "-i", "color=blue:s=64x48:r=10:d=1.5",
           "-filter_complex", "concat", "-c:v", "libx264", "-g", "100", red)  # fmt: skip
    path = tmp_path / "cut.mp4"
    ffmpeg("-ss", "0.7", "-i", red, "-c", "copy", path)
    _, result, _ = convert(path)
    for file, packets in ((path, 20), (result, 13)):
        command = ["ffprobe", "-v", "error", "-ignore_editlist", "1", "-count_packets", "-show_entries",
                   "stream=nb_read_packets", "-of", "csv=p=0", str(file)]  # fmt: skip
        assert int(subprocess.run(command, check=True, capture_output=True).stdout) == packets


def test_a_track_that_is_switched_off_is_not_in_the_result(ffmpeg: Run, tmp_path: Path) -> None:
    whole = source(ffmpeg, tmp_path / "whole.mp4", "-c:a", "aac")
    _, result, read = convert(containers.switched_off(whole, tmp_path / "off.mp4", 1))
    assert read.audio_streams == 0 and not probe_video(result).audio


CODECS = {
    "aac.mp4": ("aac", Discarded(1024, 731, True)),
    "aac.mkv": ("aac", None),
    "aac.ts": ("aac", None),
    "mp3.mp4": ("libmp3lame", None),
    "mp3.mkv": ("libmp3lame", None),
    "mp2.mp4": ("mp2", None),
    "opus.mp4": ("libopus", None),
    "opus.mkv": ("libopus", None),
    "opus.webm": ("libopus", None),
    "ac3.mp4": ("ac3", None),
    "eac3.mp4": ("eac3", None),
    "alac.mov": ("alac", Discarded(0, 0, True)),
}


@pytest.mark.parametrize("name", CODECS)
def test_what_encoders_leave_around_real_speech_is_quiet_and_copied(
    name: str, clip: Callable[[str], Path], ffmpeg: Run, tmp_path: Path
) -> None:
    codec, expected = CODECS[name]
    path = tmp_path / name
    picture = ("-c:v", "libvpx", "-deadline", "realtime") if name.endswith("webm") else ("-c:v", "libx264")
    ffmpeg(
        "-ss", "4.33", "-i", clip("lp_d10_woman.mp4"), "-t", "3", "-vf", "scale=64:48", *picture, "-c:a", codec, path
    )
    info = probe_video(path)
    (stream,) = (stream for stream in info.streams if stream.kind == "audio")
    found = discarded(path, stream, info.container)
    assert found is not None and found.quiet and found == (expected or found)
    _, _, read = convert(path)
    assert read.copied


@pytest.mark.parametrize(
    "edits",
    [
        [(600, 28_800 + 1024), (500, 62_400 + 1024)],
        [(500, 28_800 + 1024), (200, -1), (500, 62_400 + 1024)],
    ],
)
def test_sound_that_is_put_together_from_pieces_is_refused(
    edits: list[tuple[int, int]], ffmpeg: Run, tmp_path: Path
) -> None:
    """Of the last packet of each piece ffmpeg plays what is beyond it, and after a pause it begins elsewhere."""
    whole = source(ffmpeg, tmp_path / "whole.mp4", "-c:a", "aac")
    with pytest.raises(MediaError) as caught:
        probe_video(containers.with_edits(whole, tmp_path / "edited.mp4", 1, edits))
    assert caught.value.reason == "unsupported_edits"


def test_re_encoded_sound_keeps_its_pauses(ffmpeg: Run, tmp_path: Path) -> None:
    """Packets are missing in the middle; what comes after them stays where it was."""
    clicks = r"aevalsrc=0.5*sin(2*PI*2000*t)*(between(t\,0.2\,0.3)+between(t\,1.5\,1.6)):s=48000:d=2"
    whole = source(ffmpeg, tmp_path / "whole.mkv", "-c:a", "pcm_s16le", sound=clicks)
    gap = tmp_path / "gap.mkv"
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", "-bsf:a", "noise=drop='between(pts*tb,0.6,1.2)'", gap)
    _, result, _ = convert(gap)
    command = ["ffmpeg", "-v", "error", "-i", str(result), "-map", "0:a", "-f", "s16le", "-"]
    samples = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2") / 32768
    heard = np.flatnonzero(abs(samples) > 0.1) / RATE
    first, second = heard[heard < 0.6], heard[heard > 0.6]
    assert (first[0], first[-1]) == pytest.approx((0.2, 0.3), abs=0.03)
    assert (second[0], second[-1]) == pytest.approx((1.5, 1.6), abs=0.03)


def sums(samples: np.ndarray, size: int = 999, begin: int = 0, end: int | None = None) -> _Sums:
    found = _Sums(2, begin, end)
    data = samples.astype("<i2").tobytes()
    for at in range(0, len(data), size):
        found.take(data[at : at + size])
    return found


def test_sums_tell_which_part_of_a_sound_another_is() -> None:
    random = np.random.default_rng(5)
    whole = random.integers(-32768, 32768, (30_000, 2))
    mine = sums(whole)
    assert mine.count == 30_000
    for head, tail in ((0, 0), (1024, 0), (0, 700), (2112, MOST_DISCARDED)):
        part = sums(whole[head : len(whole) - tail], size=4_001)
        assert mine.without(head, tail) == part.sums
        assert mine.without(head, tail) == sums(whole, 777, head, len(whole) - tail).sums
        assert head == 0 or mine.without(head - 1, tail + 1) != part.sums
    missing = np.delete(whole, slice(15_000, 15_100), axis=0)
    swapped = whole[:, ::-1]

    def matches(other: np.ndarray) -> Iterator[bool]:
        theirs = sums(other)
        surplus = mine.count - theirs.count
        return (mine.without(head, surplus - head) == theirs.sums for head in range(surplus + 1))

    assert not any(matches(missing)) and not any(matches(swapped)) and not any(matches(whole[::-1]))
