"""Whole runs against an S3 server that misbehaves: the same verdicts as without, nothing half-written, nothing left."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.recipes.context import Context, StageResult, Stages
from flows.run.convert import convert
from flows.run.sources import VIDEO_SUFFIXES, find
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage.cache import Key
from infra.storage.store import Store
from tasks.records import Scene
from tests.flows.support import Collector, grey_chain
from tests.reference.faulty_s3 import BUCKET, FaultyS3, running

FAULTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "500": (("500 InternalError", "", ""),) * 4,
    "503": (("503 SlowDown", "", ""),) * 4,
    "slow": (("slow", "", ""),) * 4,
    "reset before": (("reset before", "", ""),) * 4,
    "reset after a write": tuple(("reset after", "PUT", path) for path in ("leases", "videos", "manifest")),
    "short": tuple(("short", "GET", path) for path in ("raw/Jane-a", "done", "objects", "manifest")),
}  # fmt: skip


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    with running() as server:
        yield server


def noting(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """Also writes and reads intermediates, as the real stages do."""
    key = Key("scenes", 1, context.public_id, (context.digest,))
    for _ in range(2):
        context.cache.get_or_make(key, Scene, lambda: Scene(0, 0, 0, info.frame_count - 1))
    return grey_chain(source, info, context)


def run(base: str, chain: Stages = noting) -> list[tuple[str, str]]:
    jobs = find(f"{base}/raw", VIDEO_SUFFIXES)
    summary = convert(jobs, f"{base}/out", Settings(), Collector(), None, chain)
    return [(outcome.row.verdict.value, outcome.row.reason) for outcome in summary.outcomes]


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_pass_by(
    kind: str,
    s3: FaultyS3,
    made: Callable[..., Path],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    s3.reset()
    base = f"s3://{BUCKET}/{tmp_path.name}"
    monkeypatch.setenv("ANONFLOW_CACHE_URL", f"{base}/store")
    monkeypatch.setenv("ANONFLOW_KEY_FILE", str(tmp_path / "key"))
    raw = Store(f"{base}/raw", private=False)
    raw.put_named("Jane-a.mp4", made("plain.mp4"))
    raw.put_named("Jane-b.mp4", made("other.mp4", size="176x144"))
    raw.write_named("Jane-c.mp4", b"no video")
    with caplog.at_level(logging.INFO, "anonflow"):
        for what, method, holds in FAULTS[kind]:
            s3.fail(what, method, holds, seconds=0.4)
        first = run(base)
    assert first == [("published", ""), ("published", ""), ("failed", "not_media")]
    again = run(base)
    assert again == first and s3.pending() == 0, "all faults were met"
    out, store = Store(f"{base}/out", private=False), Store(f"{base}/store")
    rows = [json.loads(line) for line in (out.read_named("manifest.jsonl") or b"").splitlines()]
    assert len(rows) == 3
    for row in rows:
        assert not row["output"] or out.digest(row["output"]) == row["output_sha256"]
    assert len(out.list_tree("videos")) == 2
    assert store.list_tree("identifying") == [] and store.list_tree("safe/leases") == []
    assert not [r for r in caplog.records if r.name != "werkzeug" and "Jane" in r.getMessage()]


def test_a_store_that_stays_away_ends_the_run_and_the_next_one_goes_on(
    s3: FaultyS3, made: Callable[..., Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.errors import StoreUnavailable

    s3.reset()
    base = f"s3://{BUCKET}/{tmp_path.name}"
    monkeypatch.setenv("ANONFLOW_CACHE_URL", f"{base}/store")
    monkeypatch.setenv("ANONFLOW_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("ANONFLOW_STORE_PATIENCE", "0.2")
    Store(f"{base}/raw", private=False).put_named("Jane-a.mp4", made("plain.mp4"))

    def away(source: Path, info: VideoInfo, context: Context) -> StageResult:
        s3.fail("503 SlowDown", "PUT", "manifest", times=200)
        return grey_chain(source, info, context)

    with pytest.raises(StoreUnavailable):
        run(base, away)
    s3.reset()
    assert run(base) == [("published", "")]
