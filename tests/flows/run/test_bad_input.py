"""What people really have in their folders: one clear verdict each, the good ones converted, nothing leaks.

All of it is converted once, and these tests look at what came of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.manifest.manifest import path_of
from flows.run.convert import Summary
from infra.media.probe import probe_video
from infra.settings import Settings
from tests.conftest import use_home
from tests.flows.support import run

ODD_NAME = "Jane O'Neil's \"talk\"\n на 日本語 -i.mp4"
GOOD = ["one.mp4", "odd.mp4", "deep.mp4", "turned.mp4", "three.mp4", ODD_NAME, "-dash.mp4"]
BAD = {
    "empty.mp4": "empty",
    "text.mp4": "not_media",
    "cut.mp4": "truncated",
    "sound.mp4": "no_video",
    "list.mp4": "playlist",
}


@pytest.fixture(scope="module")
def folder(made: Callable[..., Path], ffmpeg: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind."""
    place = tmp_path_factory.mktemp("inputs") / "Jane Doe private"
    place.mkdir()
    plain = made("plain.mp4")
    (place / "empty.mp4").touch()
    (place / "text.mp4").write_text("my diary, by Jane\n" * 40)
    ffmpeg("-i", plain, "-c", "copy", "-movflags", "+faststart", place / "cut.mp4")
    whole = (place / "cut.mp4").read_bytes()
    (place / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    ffmpeg("-i", plain, "-vn", "-c", "copy", place / "sound.mp4")
    ffmpeg("-i", plain, "-frames:v", "1", "-c:v", "libx264", "-an", place / "one.mp4")
    ffmpeg("-i", plain, "-vf", "scale=321:179", "-c:v", "libx264", "-pix_fmt", "yuv444p", place / "odd.mp4")
    ffmpeg("-i", plain, "-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-crf", "20", place / "deep.mp4")
    ffmpeg("-i", plain, "-c", "copy", "-metadata:s:v", "rotate=90", place / "turned.mp4")
    ffmpeg(
        "-i", made("tracks.mp4", tracks=3), "-map", "0", "-c", "copy", "-metadata", "title=Jane", place / "three.mp4"
    )
    ffmpeg("-i", plain, "-c:v", "libx264", "-crf", "30", "-c:a", "copy", place / ODD_NAME)
    ffmpeg("-i", plain, "-c:v", "libx264", "-crf", "31", "-c:a", "copy", place / "-dash.mp4")
    target = place.parent / "secret.ts"
    ffmpeg("-i", plain, "-c", "copy", target)
    (place / "list.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n")
    return place


@dataclass(frozen=True)
class Done:
    """A run over the folder into `out`, with a home of its own."""

    summary: Summary
    out: Path
    home: Path


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        use_home(place / "home", patch)
        summary, _ = run(folder, place / "out", settings=Settings(workers=2))
    return Done(summary, place / "out", place / "home")


def test_one_verdict_each(folder: Path, done: Done) -> None:
    summary, out = done.summary, done.out
    names = sorted(path.name for path in folder.iterdir())
    verdicts = {
        names[outcome.row.ordinal - 1]: (outcome.row.verdict.value, outcome.row.reason) for outcome in summary.outcomes
    }
    assert verdicts == dict.fromkeys(GOOD, ("published", "")) | {n: ("failed", r) for n, r in BAD.items()}

    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    expected = [f"videos/{o.row.public_id}.mp4" for o in summary.outcomes if o.row.output]
    rows = [path_of(o.row.public_id, o.row.input_id) for o in summary.outcomes]
    assert files == sorted([*expected, *rows, "manifest.jsonl", "manifest.parquet", "manifest/tables.json"])
    assert len(expected) == len(GOOD)

    for path in out.rglob("*"):
        assert "Jane" not in path.name
        if path.is_file():
            data = path.read_bytes()
            for word in (b"Jane", b"diary", b"secret.ts", b"dash.mp4", folder.name.encode()):
                assert word not in data, (path.name, word)

    by_name = {names[outcome.row.ordinal - 1]: outcome.row for outcome in summary.outcomes}
    results = {name: probe_video(out / by_name[name].output) for name in GOOD}
    assert results["one.mp4"].frame_count == 1
    assert (results["odd.mp4"].width, results["odd.mp4"].height) == (321, 179)
    assert (results["turned.mp4"].width, results["turned.mp4"].height) == (120, 160)
    assert results["deep.mp4"].bit_depth == 8
    assert len(results["three.mp4"].audio) == 3
    assert by_name["three.mp4"].audio_copied


def test_what_cannot_be_converted_is_looked_at_once(folder: Path, done: Done) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_home(done.home, patch)
        again, reporter = run(folder, done.out, settings=Settings(workers=2))
    assert again.untouched and again.failed == len(BAD) and reporter.rows == []


def test_nothing_identifying_is_left_behind(done: Done) -> None:
    left = [path for path in (done.home / "anonflow").rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["store.key"]


def test_messages_name_no_source(done: Done) -> None:
    for line in (done.out / "manifest.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert row["verdict"] == "published" or row["message"]
        assert "/" not in row["message"]
