"""How loud the sound is at the times of the frames, on made files of which it is known."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from infra.errors import ToolError
from infra.media import child, sound
from infra.media.limits import ChildLimits
from infra.media.probe import probe_video
from infra.media.sound import SILENT, loudness

Run = Callable[..., None]
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2")
TONE = "aevalsrc=0.5*sin(2*PI*440*t)*{when}:s=48000:d={d}"
# From frame 20 to frame 30, those at the edges in part.
BEEP = r"between(t\,0.8\,1.2)"
# Of a sine of half the full scale: 20 log10(0.5 / sqrt 2).
LEVEL = -9.03


def made(run: Run, path: Path, when: str = "1", d: float = 2.0, *more: str, codec: str = "pcm_s16le") -> Path:
    """A video of two seconds whose tone is heard while `when` is 1; more: options before the inputs' maps."""
    run(*PICTURE, "-f", "lavfi", "-i", TONE.format(when=when, d=d), *more, "-c:v", "libx264", "-preset", "ultrafast",
        "-c:a", codec, path)  # fmt: skip
    return path


def measured(path: Path) -> np.ndarray:
    info = probe_video(path)
    return loudness(path, info, np.array([info.seconds(n) for n in range(info.frame_count)]))


def heard(found: np.ndarray, above: float = -20.0) -> tuple[int, int]:
    """First and last frame at which it is louder."""
    frames = np.flatnonzero(found > above)
    return int(frames[0]), int(frames[-1])


def test_the_level_of_a_tone_is_what_it_must_be(ffmpeg: Run, tmp_path: Path) -> None:
    found = measured(made(ffmpeg, tmp_path / "tone.mov"))
    assert found.shape == (50,) and found.dtype == np.float32
    assert found[2:-2] == pytest.approx(np.full(46, LEVEL), abs=0.2)
    assert found[0] == pytest.approx(LEVEL, abs=0.3), "half a window counts as what it holds"


@pytest.mark.parametrize(("suffix", "codec"), [("mov", "pcm_s16le"), ("mp4", "aac"), ("mkv", "libopus"), ("ts", "aac")])
def test_a_tone_is_heard_at_its_time_in_every_container(ffmpeg: Run, tmp_path: Path, suffix: str, codec: str) -> None:
    found = measured(made(ffmpeg, tmp_path / f"tone.{suffix}", BEEP, codec=codec))
    first, last = heard(found)
    assert abs(first - 20) <= 1 and abs(last - 30) <= 1, (first, last)
    assert (found[[2, 8, 14, 36, 42, 47]] == SILENT).all() or codec != "pcm_s16le"


@pytest.mark.parametrize("late", [0.4, -0.4])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_sound_that_begins_before_or_after_the_picture_keeps_its_time(
    ffmpeg: Run, tmp_path: Path, suffix: str, late: float
) -> None:
    plain = made(ffmpeg, tmp_path / "plain.mkv", BEEP)
    moved = tmp_path / f"moved.{suffix}"
    ffmpeg("-i", plain, "-itsoffset", "1", "-i", plain, "-itsoffset", f"{1 + late}", "-i", plain, "-map", "1:v",
           "-map", "2:a", "-c:v", "copy", "-c:a", "aac", moved)  # fmt: skip
    found = measured(moved)
    first, last = heard(found)
    assert abs(first - (20 + 25 * late)) <= 1 and abs(last - (30 + 25 * late)) <= 1, (first, last)


def test_after_its_end_and_in_its_gaps_there_is_silence(ffmpeg: Run, tmp_path: Path) -> None:
    short = measured(made(ffmpeg, tmp_path / "short.mov", d=0.8))
    assert heard(short) == pytest.approx((0, 20), abs=1) and (short[23:] == SILENT).all()
    whole = made(ffmpeg, tmp_path / "whole.mkv")
    gap = tmp_path / "gap.mkv"
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", "-bsf:a", "noise=drop='between(pts*tb,0.6,1.2)'", gap)
    found = measured(gap)
    assert (found[18:28] == SILENT).all() and (found[[5, 10, 35, 45]] > -10).all()


def test_what_comes_after_a_short_gap_is_not_early(ffmpeg: Run, tmp_path: Path) -> None:
    whole = made(ffmpeg, tmp_path / "whole.mkv", BEEP)
    gap = tmp_path / "gap.mkv"
    ffmpeg("-i", whole, "-map", "0", "-c", "copy", "-bsf:a", "noise=drop='between(pts*tb,0.3,0.37)'", gap)
    assert gap.stat().st_size < whole.stat().st_size - 5_000
    assert np.flatnonzero(measured(gap) > -20).tolist() == np.flatnonzero(measured(whole) > -20).tolist()


def test_the_first_stream_counts_and_all_its_channels(ffmpeg: Run, tmp_path: Path) -> None:
    target = tmp_path / "two.mkv"
    left = "aevalsrc=0.5*sin(2*PI*440*t)|0:s=48000:d=2"
    ffmpeg(*PICTURE, "-f", "lavfi", "-i", left, "-f", "lavfi", "-i", TONE.format(when="1", d=2), "-map", "0:v", "-map",
           "1:a", "-map", "2:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", target)  # fmt: skip
    assert measured(target)[5:45] == pytest.approx(np.full(40, LEVEL - 6.02), abs=0.2)


def test_without_a_sound_there_is_nothing(ffmpeg: Run, tmp_path: Path) -> None:
    target = tmp_path / "mute.mp4"
    ffmpeg(*PICTURE, "-an", target)
    found = measured(target)
    assert found.shape == (0,) and found.dtype == np.float32


def test_silence_is_silent_and_not_nothing(ffmpeg: Run, tmp_path: Path) -> None:
    assert measured(made(ffmpeg, tmp_path / "silent.mov", "0")).tolist() == [SILENT] * 50


def test_how_the_samples_are_cut_into_pieces_changes_nothing() -> None:
    random = np.random.default_rng(2)
    samples = (random.normal(0, 3000, 16_000) * np.linspace(0, 2, 16_000)).clip(-32768, 32767).astype("<i2")
    times = np.arange(30) / 25
    direct = []
    for t in times:
        part = samples[max(round(t * 16_000) - 480, 0) : round(t * 16_000) + 480].astype(float) / 32768
        length = 480 + min(round(t * 16_000), 480)
        direct.append(max(10 * np.log10(max((part**2).sum() / length, 1e-12)), SILENT))
    data = samples.tobytes()
    for sizes in ([len(data)], [1, 3, 5, 7, 999, 10_001], [640] * 60):
        meter = sound._Meter(times)
        cuts = [*np.cumsum([0, *sizes]).tolist(), len(data)]
        for begin, end in itertools.pairwise(cuts):
            meter.take(data[begin:end])
        assert meter.result() == pytest.approx(np.array(direct), abs=1e-4)
    assert direct[-1] == SILENT < direct[2] < direct[20], "the samples end before the times do"


def test_a_sound_that_cannot_be_decoded_is_an_error_of_the_tool(ffmpeg: Run, tmp_path: Path) -> None:
    path = made(ffmpeg, tmp_path / "gone.mov")
    info = probe_video(path)
    path.write_bytes(b"no video any more")
    with pytest.raises(ToolError, match="sound could not be decoded"):
        loudness(path, info, np.zeros(3))


def test_a_child_is_fed_piece_by_piece_and_ended_in_time() -> None:
    parts: list[bytes] = []
    status, messages = child.feed(
        sys.executable, ["-c", "import sys; print('x' * 3000000); sys.exit('why')"], ChildLimits(), parts.append
    )
    assert status == 1 and "why" in messages
    assert b"".join(parts) == b"x" * 3_000_000 + b"\n" and len(parts) > 2 and max(map(len, parts)) <= 1 << 20
    begun = time.monotonic()
    with pytest.raises(ToolError, match="longer"):
        child.feed(sys.executable, ["-c", "import time; time.sleep(60)"], ChildLimits(wall_s=0.5), parts.append)

    def refuse(part: bytes) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        child.feed(sys.executable, ["-c", "while True: print('x')"], ChildLimits(), refuse)
    assert time.monotonic() - begun < 20
