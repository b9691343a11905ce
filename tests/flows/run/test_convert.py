from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from flows.manifest.rows import VideoRow
from flows.recipes.context import Context, StageResult
from flows.run import fingerprint as made_of
from flows.run.cancelled import Cancelled
from flows.run.convert import dataset_id
from flows.run.progress import summary
from infra.errors import UsageError, Withheld
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage.store import Prefix
from models.embedding.calibration import calibration
from tasks.output.publish import AuditedFile
from tasks.records import Verdict
from tests.flows.support import grey_chain, run


@pytest.fixture
def videos(made: Callable[..., Path], tmp_path: Path) -> Path:
    """Two different videos and a copy of the first."""
    place = tmp_path / "Jane"
    (place / "deeper").mkdir(parents=True)
    first, second = made("plain.mp4"), made("other.mp4", size="176x144")
    (place / "a.mp4").write_bytes(first.read_bytes())
    (place / "b.mp4").write_bytes(second.read_bytes())
    (place / "deeper" / "c.mp4").write_bytes(first.read_bytes())
    (place / "notes.txt").write_text("no video")
    return place


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_second_run_does_nothing(videos: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, reporter = run(videos, out)
    assert [outcome.reused for outcome in first.outcomes] == [False, False, True]
    assert len(lines(out)) == 3
    assert len(list((out / "videos").iterdir())) == 2
    assert "reassemble" in {name for _, _, name in reporter.stages}
    second, reporter = run(videos, out)
    assert second.untouched
    assert reporter.stages == []
    assert len(lines(out)) == 3
    third, _ = run(videos, out, settings=Settings(overwrite=True))
    assert not third.outcomes[0].reused


@pytest.mark.parametrize("damage", ["gone", "changed", "setting", "seed"])
def test_what_no_longer_holds_is_done_again(damage: str, videos: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, _ = run(videos / "a.mp4", out)
    target = out / first.outcomes[0].row.output
    settings = Settings()
    if damage == "gone":
        target.unlink()
    elif damage == "changed":
        target.write_bytes(target.read_bytes()[:-1] + b"x")
    else:
        settings = Settings(crf=20) if damage == "setting" else Settings(seed=1)
    again, _ = run(videos / "a.mp4", out, settings=settings)
    assert not again.outcomes[0].reused
    assert target.is_file()


def test_withheld_failed_and_unexpected(
    videos: Path, home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    first, _ = run(videos / "a.mp4", out)
    assert (out / first.outcomes[0].row.output).is_file()

    def doubtful(source: Path, info: VideoInfo, context: Context) -> StageResult:
        context.found(tracks=3)
        raise Withheld("no_safe_twin", "No twin was far enough from the source.")

    withheld, _ = run(videos / "a.mp4", out, doubtful, Settings(overwrite=True))
    row = withheld.outcomes[0].row
    assert (row.verdict.value, row.reason, row.tracks, row.output) == ("withheld", "no_safe_twin", 3, "")
    assert withheld.failed == 0
    assert list((out / "videos").iterdir()) == [], "an earlier result must not outlive a later doubt"

    def broken(source: Path, info: VideoInfo, context: Context) -> StageResult:
        raise RuntimeError(f"cannot read {source}")

    with caplog.at_level(logging.ERROR):
        failed, _ = run(videos / "a.mp4", out, broken, Settings(overwrite=True))
    row = failed.outcomes[0].row
    assert (row.verdict.value, row.reason) == ("failed", "unexpected")
    assert failed.failed == 1
    assert "Jane" not in caplog.text + row.message
    assert "a.mp4" not in caplog.text + row.message
    assert row.public_id in caplog.text


def test_file_changed_after_the_audit_is_not_published(videos: Path, home: Path, tmp_path: Path) -> None:
    def whole_frame_detector(source: Path, info: VideoInfo, context: Context) -> StageResult:
        result = grey_chain(source, info, context)
        result.audited.path.write_bytes(source.read_bytes())
        return StageResult(AuditedFile(result.audited.path, result.audited.digest), result.verdict)

    out = tmp_path / "out"
    summary, _ = run(videos / "a.mp4", out, whole_frame_detector)
    assert (summary.outcomes[0].row.verdict.value, summary.outcomes[0].row.reason) == ("failed", "store")
    assert not list((out / "videos").glob("*"))


def test_interrupted_run_resumes_from_the_cache(videos: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stopped(source: Path, info: VideoInfo, context: Context) -> StageResult:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        run(videos / "a.mp4", out, stopped)
    assert lines(out) == []
    kept = list((home / "anonflow" / "store" / Prefix.IDENTIFYING).rglob("probe-*.json"))
    assert len(kept) == 1, "the probe of the stopped run is kept for the next one"
    assert not list((home / "anonflow" / "scratch").iterdir())
    summary, _ = run(videos / "a.mp4", out)
    assert summary.failed == 0


def test_parquet_and_lines_agree(videos: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(videos, out)
    table = pandas.read_parquet(out / "manifest.parquet")
    rows = lines(out)
    assert table["public_id"].tolist() == [row["public_id"] for row in rows]
    assert set(table.columns) == set(rows[0])
    assert [json.loads(text) for text in table["stage_seconds"]] == [row["stage_seconds"] for row in rows]
    assert [VideoRow.from_json(row).as_json() for row in rows] == rows


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables(kind: str, videos: Path, home: Path, tmp_path: Path) -> None:
    uris = ["b.mp4", str(videos / "a.mp4"), (videos / "deeper" / "c.mp4").as_uri(), "nowhere.mp4"]
    table = videos / f"list.{kind}"
    frame = pandas.DataFrame({"uri": uris, "who": ["Jane"] * 4})
    frame.to_csv(table, index=False) if kind == "csv" else frame.to_parquet(table)
    summary, _ = run(table, tmp_path / "out")
    assert [outcome.row.verdict.value for outcome in summary.outcomes] == ["published"] * 3 + ["failed"]
    assert summary.outcomes[3].row.reason == "missing"
    assert "Jane" not in (tmp_path / "out" / "manifest.jsonl").read_text()


def test_remote_sources_are_copied_and_removed(videos: Path, home: Path, tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/films/a.mp4", (videos / "a.mp4").read_bytes())
    seen: list[Path] = []

    def watching(source: Path, info: VideoInfo, context: Context) -> StageResult:
        seen.append(source)
        assert source.parent.stat().st_mode & 0o077 == 0
        return grey_chain(source, info, context)

    summary, _ = run("memory://films", tmp_path / "out", watching)
    assert summary.outcomes[0].row.verdict.value == "published"
    assert not seen[0].exists()


def test_nothing_to_convert_is_wrong_use(home: Path, tmp_path: Path) -> None:
    (tmp_path / "hollow").mkdir()
    for source in (tmp_path / "nowhere", tmp_path / "hollow"):
        with pytest.raises(UsageError):
            run(source, tmp_path / "out")
    (tmp_path / "x.mp4").touch()
    with pytest.raises(UsageError, match="profile"):
        run(tmp_path / "x.mp4", tmp_path / "out", settings=Settings(profile="imaginary"))
    assert not (tmp_path / "out").exists()


def test_several_workers_convert_at_the_same_time(videos: Path, home: Path, tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=60)

    def together(source: Path, info: VideoInfo, context: Context) -> StageResult:
        meeting.wait()
        return grey_chain(source, info, context)

    (videos / "deeper" / "c.mp4").unlink()
    summary, _ = run(videos, tmp_path / "out", together, Settings(workers=2))
    assert summary.failed == 0


def test_results_below_the_source_are_not_inputs(videos: Path, home: Path) -> None:
    run(videos, videos / "out")
    again, _ = run(videos, videos / "out")
    assert len(again.outcomes) == 3


def test_killed_run_leaves_nothing_visible_and_resumes(videos: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.flows.support import grey_chain, run\n"
        "def killed(source, info, context):\n"
        "    grey_chain(source, info, context)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "run(Path(sys.argv[1]), Path(sys.argv[2]), killed)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", script, str(videos / "a.mp4"), str(out)], cwd=root, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not list((out / "videos").glob("*"))
    left = list((home / "anonflow" / "scratch").iterdir())
    assert len(left) == 1, "the killed run could not clean up"
    summary, _ = run(videos / "a.mp4", out)
    assert summary.outcomes[0].row.verdict.value == "published"
    assert not left[0].exists()


def test_remote_destination_and_cache(videos: Path, home: Path, tmp_path: Path) -> None:
    import fsspec

    from flows.run.convert import convert
    from flows.run.sources import VIDEO_SUFFIXES, find
    from tests.flows.support import Collector

    settings = Settings(cache_url=f"memory://cache-{tmp_path.name}", keep_intermediates=True)
    jobs, target = find(str(videos), VIDEO_SUFFIXES), f"memory://out-{tmp_path.name}"
    first = convert(jobs, target, settings, Collector(), None, grey_chain)
    memory = fsspec.filesystem("memory")
    root = f"/out-{tmp_path.name}/"
    names = {entry.removeprefix(root) for entry in memory.find(root)}
    videos_out = {f"videos/{o.row.public_id}.mp4" for o in first.outcomes}
    rows = {f"manifest/{o.row.public_id}/{o.row.input_id}.json" for o in first.outcomes}
    assert names == {"manifest.parquet", "manifest.jsonl", "manifest/tables.json", *videos_out, *rows}
    assert memory.find(f"/cache-{tmp_path.name}/identifying")
    assert convert(jobs, target, settings, Collector(), None, grey_chain).untouched


def test_unwritable_destination_is_wrong_use(videos: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="DESTINATION"):
        run(videos / "a.mp4", tmp_path / "out")


def test_what_was_judged_by_other_thresholds_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made_of.fingerprint(Settings())
    assert made_of.fingerprint(Settings()) == before
    measured = made_of.calibration("sface")
    stricter = replace(measured, far_1=measured.far_1 + 0.01)
    monkeypatch.setattr(made_of, "calibration", lambda name: stricter if name == "sface" else calibration(name))
    assert made_of.fingerprint(Settings()) != before
    # Of embedders that take no part in a run nothing is asked.
    assert set(made_of.thresholds(Settings())) == {"facenet", "dlib-resnet", "sface"}


def test_vectors_of_different_networks_are_different_datasets(tmp_path: Path) -> None:
    embedded, diffusion = Settings(), Settings(profile="diffusion")
    one, other = (dataset_id(b"k" * 32, str(tmp_path), settings) for settings in (embedded, diffusion))
    assert one == dataset_id(b"k" * 32, str(tmp_path), Settings(seed=4)) != other


def test_the_table_at_the_end_of_many_shows_what_needs_a_look() -> None:
    rows = [
        VideoRow(
            public_id=f"v{n}", input_id=f"i{n}", ordinal=n, verdict=Verdict.PUBLISHED if n % 50 else Verdict.FAILED
        )
        for n in range(200)
    ]
    table = summary(rows)
    assert table.row_count == 4 and table.caption == "196 published, 0 redacted, 0 withheld, 4 failed"
    assert summary(rows[:60]).row_count == 60
