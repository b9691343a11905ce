"""Runs of datasets as a person sees and stops them: cancelled in the middle of stages, orphaned workers, counts that
agree everywhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.integration.topology import Topology, children, end, wait_for

pytestmark = pytest.mark.timeout(1200, method="signal")

HELD = """
import os, sys, time
from contextlib import contextmanager
from pathlib import Path
from flows.recipes.clock import Clock
hold, deaf = Path(sys.argv[1]), os.environ.get("DEAF")
real = Clock.stage
@contextmanager
def stage(clock, name, total=0):
    with real(clock, name, total) as advance:
        if hold.exists() and hold.read_text() == name:
            hold.with_suffix(".reached").touch()
            while hold.exists():
                time.sleep(0.1)
                deaf or advance(0)
        yield advance
Clock.stage = stage
"""
"""A worker that stays in the middle of the stage which the file names; a deaf one does not hear that it is to end."""
GREY = """
import flows.dataset.shard_run as shard_run
from tests.flows.support import grey_chain
shard_run.run_recipe = lambda recipe, source, info, context: grey_chain(source, info, context)
"""
WORK = """
from flows.cli.main import app
app(["worker", "--unsupervised", "--threads", "1", *sys.argv[2:]])
"""
SUPERVISE = """
import sys
from flows.prefect.supervisor import supervise
sys.exit(supervise([[sys.executable, "-c", *sys.argv[1:]]], 2.0))
"""
MOMENTS = {"controls": "prefect", "audit": "stop"}
"""Stages in whose middle a run is cancelled, and by what; by hand it was done in thirteen."""
MANY = 40
"""Videos of the run whose counts are compared; by hand it was made with 200."""
STOP_S = 30.0


@pytest.fixture
def hold(topology: Topology, tmp_path: Path) -> Iterator[Path]:
    """The file that says in which stage workers stay; this process speaks to the server, and workers are ended."""
    with temporary_settings({PREFECT_API_URL: topology.environment["PREFECT_API_URL"]}):
        yield tmp_path / "hold"
    for worker in topology.workers:
        end(worker)
    topology.workers.clear()


def define(topology: Topology, name: str, source: Path, *options: str) -> Path:
    """Define a dataset of a local folder; returns where its results go."""
    out = source.parent / f"{name}-out"
    done = topology.anonflow("deploy", name, str(source), str(out), *options)
    assert done.returncode == 0, done.stderr
    return out


def work(topology: Topology, hold: Path, name: str, *options: str, code: str = HELD + WORK, **environment: str) -> None:
    topology.start_worker(name, [sys.executable, "-c", code, str(hold), "--name", name, *options], **environment)


def begin_and_hold(topology: Topology, hold: Path, name: str, folder: Path) -> None:
    """Begin a run of one tiny video with one worker, which stays in the middle of it."""
    (folder / "in").mkdir()
    tiny(folder / "in", 1)
    define(topology, name, folder / "in")
    work(topology, hold, "holding", code=HELD + GREY + WORK)
    hold.write_text("reassemble")
    assert topology.anonflow("trigger", name).returncode == 0
    wait_for("the middle", hold.with_suffix(".reached").exists, 120)


def runs(dataset: str) -> list[FlowRun]:
    """The flow runs of a dataset, the newest first: shards and what they belong to."""
    with get_client(sync_client=True) as client:
        found = [run for run in client.read_flow_runs(limit=200) if f"dataset:{dataset}" in run.tags]
    return sorted(found, key=lambda run: str(run.created), reverse=True)


def coordinator(dataset: str) -> FlowRun:
    return next(run for run in runs(dataset) if " · shard " not in run.name)


def kind(run: FlowRun) -> str:
    return run.state_type.value if run.state_type else ""


def told(run: FlowRun) -> str:
    return (run.state.message if run.state else "") or ""


def asked(path: str, flow_run: FlowRun, **more: Any) -> list[dict[str, Any]]:
    """What the server knows of a flow run."""
    about = {"logs": {"logs": {"flow_run_id": {"any_": [str(flow_run.id)]}}}}
    wanted = about.get(path, {"flow_runs": {"id": {"any_": [str(flow_run.id)]}}}) | more
    with get_client(sync_client=True) as client:
        return list(client.request("POST", f"/{path}/filter", json=wanted).json())  # type: ignore[arg-type]


def states(dataset: str) -> set[str]:
    """Types of the states of all task runs of a dataset."""
    return {task["state_type"] for run in runs(dataset) for task in asked("task_runs", run)}


def cancel(topology: Topology, how: str, dataset: str, run: FlowRun) -> None:
    """Cancel a run by Prefect's command, which does what the server's page does, or by ours."""
    if how == "prefect":
        command = [sys.executable, "-m", "prefect", "flow-run", "cancel", str(run.id)]
        subprocess.run(command, env=topology.environment, check=True, capture_output=True, timeout=60)
    else:
        done = topology.anonflow("stop", dataset)
        assert done.returncode == 0 and "nothing runs or waits any more" in done.stdout, done.stdout + done.stderr


def test_a_run_that_is_cancelled_ends_soon_tells_the_truth_and_is_resumed(
    topology: Topology, hold: Path, tmp_path: Path
) -> None:
    from tests.reference.clips import short_clip

    (tmp_path / "in").mkdir()
    short_clip(tmp_path / "in" / "Jane.mp4", 3, 5)
    out = define(topology, "called", tmp_path / "in")
    work(topology, hold, "holding")
    for stage, how in MOMENTS.items():
        hold.with_suffix(".reached").unlink(missing_ok=True)
        hold.write_text(stage)
        assert topology.anonflow("trigger", "called").returncode == 0
        wait_for(f"the middle of {stage}", hold.with_suffix(".reached").exists, 120)
        cancel(topology, how, "called", coordinator("called"))
        wait_for("the end", lambda: all(kind(one) == "CANCELLED" for one in runs("called")), STOP_S)
        hold.unlink()
        assert (
            told(coordinator("called"))
            == "Cancelled: 0 published, 0 redacted, 0 withheld, 0 failed, 1 left for the next run."
        )
        # The server records states of tasks a little later.
        wait_for("true states of tasks", lambda: {"CANCELLED"} <= states("called") <= {"CANCELLED", "COMPLETED"}, 20)
        assert "cancelled" in topology.anonflow("status", "called").stdout
        left = [path for path in topology.objects("store") if "/run-" in path or "/leases/" in path]
        assert left == [] and not (out / "videos").exists()
    done = topology.anonflow("trigger", "called", "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    last = next(run for run in runs("called") if " · shard " in run.name)
    # The stages before the one that was cancelled last were not worked at again: what they made was there.
    (row,) = manifest(out)
    assert row["verdict"] == "published" and row["stage_seconds"]["faces"] < 1.0
    assert [task["state_name"] for task in asked("task_runs", last) if task["name"].startswith("video")] == [
        "Published"
    ]


def test_a_paused_run_ends_and_goes_on_when_it_is_resumed(topology: Topology, hold: Path, tmp_path: Path) -> None:
    from prefect.flow_runs import resume_flow_run, suspend_flow_run

    begin_and_hold(topology, hold, "paused", tmp_path)
    run = coordinator("paused")
    suspend_flow_run(flow_run_id=run.id)
    shard = next(one for one in runs("paused") if " · shard " in one.name)
    with get_client(sync_client=True) as client:
        wait_for("the end", lambda: kind(client.read_flow_run(shard.id)) == "CANCELLED", STOP_S)
        assert client.read_flow_run(run.id).state_name == "Suspended"
        hold.unlink()
        resume_flow_run(run.id)
        wait_for("the rest", lambda: kind(client.read_flow_run(run.id)) == "COMPLETED", 120)


def test_workers_whose_supervisor_is_killed_end_and_leave_room_for_others(
    topology: Topology, hold: Path, tmp_path: Path
) -> None:
    """One hears it in the middle of a stage; the other is deaf, as in the middle of native code."""
    (tmp_path / "in").mkdir()
    tiny(tmp_path / "in", 1)
    out = define(topology, "orphaned", tmp_path / "in")
    for deaf in ("", "1"):
        hold.with_suffix(".reached").unlink(missing_ok=True)
        hold.write_text("reassemble")
        command = [sys.executable, "-c", SUPERVISE, HELD + GREY + WORK, str(hold), "--name", f"orphan{deaf}"]
        topology.start_worker(f"orphan{deaf}", command, DEAF=deaf)
        if not deaf:
            assert topology.anonflow("trigger", "orphaned").returncode == 0
        wait_for("the middle", hold.with_suffix(".reached").exists, 120)
        (child,) = children(topology.workers[-1].pid)
        os.kill(topology.workers[-1].pid, signal.SIGKILL)
        wait_for("the end of the child", partial(ended, child), 10)
        topology.workers.pop().wait()
    hold.unlink()
    work(topology, hold, "next", code=HELD + GREY + WORK)
    wait_for("the verdict", (out / "manifest.jsonl").exists, 180)
    wait_for("the end", lambda: kind(coordinator("orphaned")) == "COMPLETED", 120)
    assert [row["verdict"] for row in manifest(out)] == ["published"]


def test_a_run_whose_worker_was_killed_can_be_stopped_and_is_not_taken_up_again(
    topology: Topology, hold: Path, tmp_path: Path
) -> None:
    begin_and_hold(topology, hold, "left", tmp_path)
    os.killpg(topology.workers[0].pid, signal.SIGKILL)
    topology.workers.pop().wait()
    assert {kind(run) for run in runs("left")} == {"RUNNING"}
    done = topology.anonflow("stop", "left")
    assert "nothing runs or waits any more" in done.stdout, done.stdout + done.stderr
    assert {kind(run) for run in runs("left")} == {"CANCELLED"}
    hold.unlink()
    work(topology, hold, "next", code=HELD + GREY + WORK)
    before = len(runs("left"))
    # Longer than a worker takes to look for runs that were left alone.
    time.sleep(20)
    assert len(runs("left")) == before and not list(tmp_path.glob("left-out/videos/*"))


def test_many_videos_are_counted_alike_everywhere(topology: Topology, hold: Path, tmp_path: Path) -> None:
    """Three workers; one video lies there twice, one is broken, one is changed while the run lasts."""
    source = tmp_path / "in"
    source.mkdir()
    tiny(source, MANY - 2)
    shutil.copy(source / "Jane-000.mp4", source / f"Jane-{MANY - 2:03d}.mp4")
    (source / f"Jane-{MANY - 1:03d}.mp4").write_bytes(b"no video")
    out = define(topology, "many", source)
    hold.write_text("none")
    work(topology, hold, "coordinating", "--no-shards")
    for name in ("one", "two", "three"):
        work(topology, hold, name, "--no-datasets", code="import sys\n" + GREY + WORK)
    command = [sys.executable, "-m", "flows.cli.main", "trigger", "many", "--watch", "--shard-seconds", "5"]
    watching = topology.start("watch-many", command)
    wait_for("a verdict", lambda: "published" in (topology.folder / "watch-many.log").read_text(), 120)
    # The shards are taken in order, so the last file is not under way yet.
    tiny(source, 1, first=MANY - 3, frames=7)
    assert watching.wait(600) == 0

    good = MANY - 1
    wanted, said = {"published": good, "failed": 1}, f"{good} published, 1 failed"
    every = f"{good} published, 0 redacted, 0 withheld, 1 failed"
    rows = manifest(out)
    assert Counter(row["verdict"] for row in rows) == wanted
    assert len({row["input_id"] for row in rows}) == MANY and len({row["public_id"] for row in rows}) == good
    assert len(list((out / "videos").iterdir())) == good - 1
    status = topology.anonflow("status", "many", COLUMNS="200").stdout
    assert re.search(rf"│ {MANY} +│ {said} +│", status), status
    watched = (topology.folder / "watch-many.log").read_text()
    assert f"many: Completed: {every}" in watched
    assert re.search(rf"many: Running: \d+ of {MANY} videos: \d+ published", watched), watched
    run = coordinator("many")
    assert told(run) == every
    shown = {artifact["key"]: artifact for artifact in asked("artifacts", run)}
    assert shown["anonflow-progress-many"]["description"].startswith(f"{MANY} of {MANY} videos: {said}; ")
    assert float(shown["anonflow-progress-many"]["data"]) == 100.0
    table = shown["anonflow-verdicts-many"]
    assert Counter(line["verdict"] for line in json.loads(table["data"])) == wanted
    assert table["description"] == f"{every}."
    assert f"{MANY} inputs: {every}." in shown["anonflow-report-many"]["data"]
    # Each shard is shown on the page of its run, and what they say adds up.
    shards = [one for one in runs("many") if " · shard " in one.name]
    assert shards and all(one.parent_task_run_id for one in shards)
    assert {task["id"] for task in asked("task_runs", run)} == {str(one.parent_task_run_id) for one in shards}
    counted = Counter[str]()
    for one in shards:
        for number, verdict in re.findall(r"(\d+) (\w+)", told(one)):
            counted[verdict] += int(number)
    assert +counted == wanted
    broken = next(row["public_id"] for row in rows if row["verdict"] == "failed")
    errors = [entry["message"] for entry in asked("logs", run) if entry["level"] == 40]
    assert len(errors) == 1 and errors[0].startswith(f"{broken} failed (not_media): ")
    tasks = [task for one in shards for task in asked("task_runs", one) if broken in task["name"]]
    assert {task["state_type"] for task in tasks} == {"FAILED"} and any(t["name"].startswith("video ") for t in tasks)

    # The next run has the changed one to convert, and nothing else: the broken one is as broken as before.
    assert topology.anonflow("trigger", "many", "--watch").returncode == 0
    shown = {artifact["key"]: artifact for artifact in asked("artifacts", coordinator("many"))}
    assert re.match(f"[01] of [01] videos.*; ({good}|{MANY}) unchanged", shown["anonflow-progress-many"]["description"])


def test_nothing_identifying_reaches_prefect(topology: Topology, hold: Path) -> None:
    """Of what ran above: neither states, logs and artifacts in the database nor any log of a process."""
    texts = {"database": topology.dump()}
    texts |= {path.name: path.read_bytes() for path in topology.folder.glob("*.log")}
    for table in (b"flow_run_state", b"task_run_state", b"log", b"artifact"):
        assert b"INSERT INTO public." + table + b" VALUES" in texts["database"], table
    for name, text in texts.items():
        for word in (b"Jane", b"-out", b"/in/", b"embedding", b"ethnicity", b"blendshape"):
            assert word not in text, (name, word)


def tiny(folder: Path, count: int, first: int = 0, frames: int = 6) -> None:
    """Write small videos of the same pictures, each another file."""
    made = folder.parent / f"tiny-{frames}.mp4"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=12",
        "-frames:v",
        str(frames),
    ]
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(made)], check=True, timeout=60)
    for number in range(first, first + count):
        box = (12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big")
        (folder / f"Jane-{number:03d}.mp4").write_bytes(made.read_bytes() + box)


def manifest(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
