"""Runs of whole datasets on this machine, through PostgreSQL, a Prefect server, SeaweedFS and workers.

    python bench/dataset.py clips --count 1000      # short clips through two workers
    python bench/dataset.py unchanged --count 10000 # a re-run over videos that are converted already

`clips` converts seeded variations of the demonstration clip, or of others, for real and prints videos per hour, the
share of the workers' time in which no stage runs, their memory in quarters of the run, and the size of the database.
`unchanged` writes rows and results as a run would and times the re-run, on disk and on S3.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flows.manifest.manifest import Manifest  # noqa: E402
from flows.manifest.rows import VideoRow  # noqa: E402
from flows.run.fingerprint import fingerprint  # noqa: E402
from flows.run.sources import VIDEO_SUFFIXES, find  # noqa: E402
from infra.privacy import key_path, load_key, public_id  # noqa: E402
from infra.settings import Settings  # noqa: E402
from infra.storage.store import Store  # noqa: E402
from tasks.records import Verdict  # noqa: E402
from tests.integration.topology import Topology, children, running  # noqa: E402
from tests.reference.clips import short_clip  # noqa: E402

_SAMPLE_S = 5.0


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clips", "unchanged"])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--cut", type=Path, nargs="+", help="The clips to cut, of 3 s or more; by default the demo's.")
    parser.add_argument("--scope", default="video", help="Of identities: video, or dataset for one twin per person.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shard-seconds", type=float, help="Of video in a shard; by default what a user gets.")
    parser.add_argument("--json", type=Path, help="Also write the figures here.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="anonflow-bench-") as name, ExitStack() as stack:
        topology = stack.enter_context(running(Path(name)))
        figures = clips(topology, options) if options.what == "clips" else unchanged(topology, options)
    for label, value in figures.items():
        print(f"{label}: {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), "utf-8")


def clips(topology: Topology, options: argparse.Namespace) -> dict[str, Any]:
    """Convert short clips for real."""
    source, destination = topology.folder / "source", topology.folder / "out"
    source.mkdir()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: _cut(source / f"{number:05d}.mp4", number, options), range(options.count)))
    _run(topology, "deploy", "bench", str(source), str(destination), "--identity-scope", options.scope)
    for number in range(options.workers):
        topology.start_worker(f"worker{number}")
    before = int(topology.sql("select pg_database_size('prefect')"))
    memory = _Memory([worker.pid for worker in topology.workers])
    began = time.monotonic()
    size = ["--shard-seconds", str(options.shard_seconds)] if options.shard_seconds else []
    with memory:
        _run(topology, "trigger", "bench", "--watch", *size, seconds=1e5)
    wall = time.monotonic() - began
    rows = Manifest(Store(str(destination), private=False), tables=False).rows()
    in_stages, busy = _in_stages(topology), _in_shards(topology)
    again = time.monotonic()
    _run(topology, "trigger", "bench", "--watch")
    verdicts = {verdict.value: sum(row.verdict is verdict for row in rows) for verdict in Verdict}
    return {
        "videos": len(rows),
        "verdicts": verdicts,
        "wall seconds": round(wall, 1),
        "videos per hour": round(3600 * len(rows) / wall, 1),
        "seconds in stages": round(in_stages, 1),
        "seconds in shards": round(busy, 1),
        "not in stages, share of shards": round(1 - in_stages / busy, 4),
        "not in stages, share of wall": round(1 - in_stages / (wall * options.workers), 4),
        "largest memory of a worker by quarter, MB": memory.quarters(),
        "database before, MB": round(before / 1e6, 1),
        "database after, MB": round(int(topology.sql("select pg_database_size('prefect')")) / 1e6, 1),
        "largest tables, MB": _largest_tables(topology),
        "task runs recorded": int(topology.sql("select count(*) from task_run")),
        "re-run seconds": round(time.monotonic() - again, 1),
    }


def _cut(target: Path, number: int, options: argparse.Namespace) -> Path:
    """Cut the clip of this number; the sources take turns."""
    if not options.cut:
        return short_clip(target, number, options.frames)
    turn, place = divmod(number, len(options.cut))
    return short_clip(target, turn, options.frames, source=options.cut[place], step=0.1)


def unchanged(topology: Topology, options: argparse.Namespace) -> dict[str, Any]:
    """Time a re-run over videos that are converted already."""
    figures: dict[str, Any] = {"videos": options.count}
    topology.start_worker("worker0")
    for place, base in (("disk", str(topology.folder)), ("s3", "s3://anonflow")):
        os.environ |= {n: v for n, v in topology.environment.items() if n.startswith(("AWS_", "ANONFLOW_"))}
        _pretend(f"{base}/source", f"{base}/out", options.count)
        for label, arguments in _reruns(place, base):
            began = time.monotonic()
            said = _run(topology, *arguments)
            figures[f"{place}, {label}, seconds"] = round(time.monotonic() - began, 1)
            expected = {"convert": "Nothing to do", "trigger": "0 failed", "deploy": "registered"}[arguments[0]]
            assert expected in said, said[-500:]
    return figures


def _reruns(place: str, base: str) -> list[tuple[str, tuple[str, ...]]]:
    direct = ("convert", f"{base}/source", f"{base}/out", "--no-orchestration")
    return [
        ("convert (first listing)", direct),
        ("convert", direct),
        ("deploy", ("deploy", f"noop-{place}", f"{base}/source", f"{base}/out")),
        ("trigger", ("trigger", f"noop-{place}", "--watch")),
    ]


def _pretend(source: str, destination: str, count: int) -> None:
    """Sources, results and rows as a run over `count` videos would have left them."""
    raw, out = Store(source, private=False), Store(destination, private=False)
    settings = Settings()
    key = load_key(key_path(settings.cache_url))
    manifest, made_by = Manifest(out, tables=False), fingerprint(settings)
    _many(lambda n: raw.write_named(f"{n:06d}.mp4", b"%d" % n), range(count))

    def finish(job: Any) -> None:
        owner = public_id(key, f"{job.ordinal:064x}")
        result = f"videos/{owner}.mp4"
        out.write_named(result, b"result %d" % job.ordinal)
        row = VideoRow(
            public_id=owner,
            input_id=job.input_id(key),
            ordinal=job.ordinal,
            verdict=Verdict.PUBLISHED,
            output=result,
            fingerprint=made_by,
            source_stamp=job.stamp_id(key),
            stage_seconds={"faces": 1.0},
            attempts=[{"number": 1, "distance": 0.5}],
        )
        manifest.record(replace(row, output_stamp=out.stamp(result) or ""))

    _many(finish, find(source, VIDEO_SUFFIXES))


def _many(work: Callable[[Any], Any], items: Any) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, items))


def _in_shards(topology: Topology) -> float:
    """Seconds in which workers were at shards."""
    query = "select sum(extract(epoch from end_time - start_time)) from flow_run where name like '%shard%'"
    return float(topology.sql(query))


def _in_stages(topology: Topology) -> float:
    """Seconds of shards in which a stage of some video ran; stages side by side count once."""
    query = """select flow_run_id, extract(epoch from start_time), extract(epoch from end_time)
        from task_run where name like 'video %: %' and end_time is not null order by flow_run_id, start_time"""
    covered, shard, until = 0.0, "", 0.0
    for line in topology.sql(query).splitlines():
        run, start, end = line.split("|")
        if run != shard:
            shard, until = run, 0.0
        covered += max(float(end) - max(float(start), until), 0.0)
        until = max(until, float(end))
    return covered


def _largest_tables(topology: Topology) -> dict[str, float]:
    query = """select relname, pg_total_relation_size(oid) from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace order by 2 desc limit 6"""
    lines = [line.split("|") for line in topology.sql(query).splitlines()]
    return {name: round(int(size) / 1e6, 1) for name, size in lines}


def _run(topology: Topology, *arguments: str, seconds: float = 3600.0) -> str:
    done = topology.anonflow(*arguments, seconds=seconds)
    if done.returncode:
        raise SystemExit(f"anonflow {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class _Memory:
    """Samples the resident memory of workers' own processes, the children of the given ones."""

    def __init__(self, parents: list[int]) -> None:
        self._parents = parents
        self._samples: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def quarters(self) -> list[float]:
        """Largest sample in each quarter of the run, megabytes."""
        size = max(len(self._samples) // 4, 1)
        parts = [self._samples[n * size : (n + 1) * size] for n in range(4)]
        return [round(max(part) / 1e6, 1) for part in parts if part]

    def _sample(self) -> None:
        while not self._stopped.wait(_SAMPLE_S):
            used = [_resident(child) for parent in self._parents for child in _living(parent)]
            if used:
                self._samples.append(max(used))


def _living(parent: int) -> list[int]:
    try:
        return children(parent)
    except OSError:
        return []


def _resident(process: int) -> float:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0


if __name__ == "__main__":
    main()
