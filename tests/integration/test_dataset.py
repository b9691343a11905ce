"""A dataset through the whole topology: two workers, killed in every stage, and a Prefect server that is killed too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.recipes.catalogue import named
from tests.integration.topology import ROOT, Topology, children, end, wait_for

# Workers are killed and must be missed before others take over, in each test several times. A signal, unlike the method
# that ends the process, lets the topology end its database, server and store.
pytestmark = pytest.mark.timeout(1800, method="signal")

STAGES = ("probe", *(one.timed_as for one in named("", "video").stages), "publish")
FRAMES = 5
FEW = 4
"""Clips of the smaller dataset, where what is looked at does not depend on their number."""
SMALL = ("--shard-seconds", "0.4")
"""Two clips a shard."""
MORTAL = """
import os, signal, sys
from pathlib import Path
from flows.recipes.clock import Clock
plan = Path(sys.argv[1])
real = Clock.stage
def stage(clock, name, total=0):
    owner = clock._who[1]
    try:
        # Each stage kills once, and no video is killed twice.
        (plan / name).rename(plan / f"killed-{owner}")
    except OSError:
        return real(clock, name, total)
    os.kill(os.getpid(), signal.SIGKILL)
def once(clock, name, total=0):
    if (plan / f"killed-{clock._who[1]}").exists():
        return real(clock, name, total)
    return stage(clock, name, total)
Clock.stage = once
from flows.cli.main import app
app(["worker", "--unsupervised", "--no-datasets", "--threads", "1", "--name", sys.argv[2]])
"""
SUPERVISE = """
import sys
from flows.prefect.supervisor import supervise
sys.exit(supervise([[sys.executable, "-c", *sys.argv[1:]]], 2.0))
"""


@pytest.fixture(scope="module")
def films(topology: Topology, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many short clips as there are stages, each of other content, in the bucket as `raw/Jane-n.mp4`; the first ones
    also as a smaller dataset below `few/`."""
    from tests.reference.clips import short_clip

    folder = tmp_path_factory.mktemp("films")
    store = topology.store()
    for number in range(len(STAGES)):
        clip = short_clip(folder / f"Jane-{number}.mp4", number, FRAMES)
        for place in ("raw", "few")[: 1 + (number < FEW)]:
            store.put_file(str(clip), f"anonflow/{place}/{clip.name}")
    store.pipe_file("anonflow/raw/Jane-broken.mp4", b"no video")
    return folder


@pytest.fixture
def workers(topology: Topology, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Start one worker that coordinates and two that are killed once in each named stage; returns the plan's folder."""

    def start(stages: tuple[str, ...]) -> Path:
        plan = tmp_path / "plan"
        plan.mkdir()
        for stage in stages:
            (plan / stage).touch()
        topology.start_worker("coordinator", [*topology.worker, "--no-shards", "--name", "coordinator"])
        for name in ("one", "two"):
            command = [sys.executable, "-c", SUPERVISE, MORTAL, str(plan), name]
            topology.start_worker(name, command)
        return plan

    yield start
    for worker in topology.workers:
        end(worker)
    topology.workers.clear()


def rows(topology: Topology, destination: str, key: str = "input_id") -> dict[str, tuple[str, str, int]]:
    """Input id, or public id, -> verdict, reason, frames, out of the table of a destination."""
    table = topology.store().cat_file(f"anonflow/{destination}/manifest.jsonl").decode()
    found = [json.loads(line) for line in table.splitlines()]
    assert len({row["input_id"] for row in found}) == len(found)
    return {row[key]: (row["verdict"], row["reason"], row["frames"]) for row in found}


def published(topology: Topology, destination: str) -> dict[str, int]:
    return {path.rpartition("/")[2]: size["size"] for path, size in topology.objects(f"{destination}/videos").items()}


def define(topology: Topology, name: str, source: str = "raw") -> None:
    # Which twins are left for a video depends on who came before it. All clips show one man: with the usual number of
    # tries the order alone, which kills change, decided now and then whether one was published.
    more = ("--max-attempts", "16")
    done = topology.anonflow("deploy", name, f"s3://anonflow/{source}", f"s3://anonflow/{name}", *more)
    assert done.returncode == 0, done.stderr


def trigger(topology: Topology, name: str) -> subprocess.Popen[bytes]:
    return topology.start(
        f"trigger-{name}", [sys.executable, "-m", "flows.cli.main", "trigger", name, "--watch", *SMALL]
    )


def test_killed_in_every_stage_and_compared_with_an_undisturbed_run(
    topology: Topology, films: Path, workers: Callable[..., Path]
) -> None:
    define(topology, "rough")
    plan = workers(STAGES)
    watching = trigger(topology, "rough")
    began = time.monotonic()
    wait_for("the first kills", lambda: len(list(plan.glob("killed-*"))) >= 3, 300)
    topology.kill_server()
    time.sleep(5)
    topology.start_server()
    wait_for("more kills", lambda: len(list(plan.glob("killed-*"))) >= 6, 300)
    (coordinator,) = children(topology.workers[0].pid)
    os.kill(coordinator, signal.SIGKILL)
    # The one who watches may have lost the server; what counts is what is in the store.
    watching.wait(1200)
    while "running" in topology.anonflow("status", "rough").stdout and time.monotonic() - began < 1200:
        time.sleep(3)
    assert topology.anonflow("trigger", "rough", "--watch").returncode == 0
    assert sorted(path.name for path in plan.iterdir() if not path.name.startswith("killed-")) == []
    assert len(list(plan.glob("killed-*"))) == len(STAGES)

    # A run that nothing disturbs publishes every clip whole; it is made of some of them.
    define(topology, "smooth", "few")
    assert topology.anonflow("trigger", "smooth", "--watch", *SMALL).returncode == 0
    rough, smooth = (rows(topology, name, "public_id") for name in ("rough", "smooth"))
    assert len(smooth) == FEW and smooth.items() <= rough.items()
    good, bad = ("published", "", FRAMES), ("failed", "not_media", 0)
    assert sorted(rough.values()) == sorted([good] * len(STAGES) + [bad])
    assert set(published(topology, "smooth")) <= set(published(topology, "rough"))
    assert len(published(topology, "rough")) == len(STAGES)
    left = {path for path in topology.objects("store/identifying") if "/definitions/" not in path}
    assert left == set() and topology.objects("store/safe/leases") == {}
    assert list(Path(topology.environment["ANONFLOW_SCRATCH"]).glob("*-*")) == []


def test_a_worker_that_is_stopped_gives_back_what_it_holds(topology: Topology, films: Path) -> None:
    define(topology, "stopped", "few")
    for name in ("leaving", "staying"):
        topology.start_worker(name)
    watching = trigger(topology, "stopped")
    leases = "store/safe/leases"
    wait_for("a video under way", lambda: any("/shard-" in path for path in topology.objects(leases)), 300)
    assert end(topology.workers[0]) == 0
    watching.wait(900)
    assert topology.anonflow("trigger", "stopped", "--watch").returncode == 0
    assert end(topology.workers[1]) == 0
    topology.workers.clear()
    # Of equal content, in a dataset that nothing disturbed.
    found, smooth = (rows(topology, name, "public_id") for name in ("stopped", "smooth"))
    assert len(found) == FEW and found == smooth
    # An orderly end is no crash, so nothing was counted and nothing is left.
    assert topology.objects(leases) == {}


def test_an_evaluation_outlives_its_worker(topology: Topology, films: Path, tmp_path: Path) -> None:
    topology.start_worker("coordinator", [*topology.worker, "--no-shards", "--name", "coordinator"])
    topology.start_worker("evaluator", [*topology.worker, "--no-datasets", "--name", "evaluator"])
    command = [sys.executable, "-m", "flows.cli.main", "trigger", "stopped", "--evaluate", "--watch"]
    watching = topology.start("trigger-evaluation", command)
    wait_for("a measured pair", lambda: bool(topology.objects("store/identifying/evaluation-stopped")), 300)
    (evaluator,) = children(topology.workers[1].pid)
    os.kill(evaluator, signal.SIGKILL)
    assert watching.wait(600) == 0
    for worker in topology.workers:
        end(worker)
    topology.workers.clear()
    states = topology.sql("select state_type from flow_run where name like 'evaluate%' order by state_type").split()
    assert states == ["COMPLETED", "CRASHED"]

    done = topology.anonflow("report", "stopped", "--out", str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    counts = {count["what"]: count["number"] for count in summary["counts"]}
    assert counts["anonymized files of these originals"] == len(published(topology, "stopped"))
    assert b"Jane" not in b"".join(path.read_bytes() for path in (tmp_path / "report").rglob("*") if path.is_file())
    left = {path.split("/")[3] for path in topology.objects("store/identifying")}
    assert left == {"definitions", "report-stopped"} and topology.objects("store/safe/leases") == {}


def test_a_recheck_outlives_its_worker_and_pulls_what_was_changed(topology: Topology, films: Path) -> None:
    # The last one, so that it is looked at after the kill.
    table = topology.store().cat_file("anonflow/rough/manifest.jsonl").decode().splitlines()
    victim = [row["output"].rpartition("/")[2] for row in map(json.loads, table) if row["output"]][-1]
    before = published(topology, "rough")
    topology.store().pipe_file(f"anonflow/rough/videos/{victim}", b"another file")
    topology.start_worker("coordinator", [*topology.worker, "--no-shards", "--name", "coordinator"])
    topology.start_worker("rechecker", [*topology.worker, "--no-datasets", "--name", "rechecker"])
    command = [sys.executable, "-m", "flows.cli.main", "trigger", "rough", "--recheck", "--pull", "--watch"]
    watching = topology.start("trigger-recheck", command)
    wait_for("a rechecked file", lambda: bool(topology.objects("rough/manifest/recheck")), 300)
    (rechecker,) = children(topology.workers[1].pid)
    os.kill(rechecker, signal.SIGKILL)
    assert watching.wait(600) == 1, "a file failed"
    said = (topology.folder / "trigger-recheck.log").read_text()
    assert f"1 of {len(before)} files fail (1 output_changed); 1 pulled" in said, said
    assert topology.anonflow("trigger", "rough", "--recheck", "--watch").returncode == 0
    for worker in topology.workers:
        end(worker)
    topology.workers.clear()
    states = topology.sql("select state_type from flow_run where name like 'recheck%'").split()
    assert sorted(states) == ["COMPLETED", "CRASHED", "FAILED"]

    owner = victim.removesuffix(".mp4")
    assert set(before) - set(published(topology, "rough")) == {victim}
    assert [path for path in topology.objects("store/identifying/pulled") if owner in path]
    assert [reason for verdict, reason, _ in rows(topology, "rough").values() if verdict == "withheld"] == [
        "output_changed"
    ]


def test_nothing_identifying_reaches_prefect(topology: Topology, films: Path) -> None:
    """Of what ran above: neither the database nor any log knows a source's name, or what the networks saw."""
    texts = {"database": topology.dump()}
    texts |= {path.name: path.read_bytes() for path in topology.folder.glob("*.log")}
    assert len(texts["database"]) > 10_000 and b"convert-shard" in texts["database"]
    words = [b"Jane", b"anonflow/raw", b"embedding", b"ethnicity", b"blendshape", b"AKIA"]
    words.append(topology.environment["AWS_SECRET_ACCESS_KEY"].encode())
    for name, text in texts.items():
        for word in words:
            assert word not in text, (name, word)


def test_purging_a_dataset_leaves_nothing(topology: Topology, films: Path) -> None:
    topology.store().pipe_file("anonflow/store/identifying/dataset-other/gallery/people/x", b"of another dataset")
    before = int(topology.sql("select count(*) from flow_run"))
    done = topology.anonflow("purge", "rough", "--prove")
    assert done.returncode == 0 and "nothing is left" in done.stdout, done.stdout + done.stderr
    after = int(topology.sql("select count(*) from flow_run"))
    assert 0 < after < before
    assert not [path for path in topology.objects("store") if "rough" in path]
    assert topology.anonflow("trigger", "rough").returncode == 2, "there is no such dataset any more"
    assert published(topology, "rough"), "what was published stays"
    assert topology.objects("store/identifying/dataset-other")


def test_the_topology_is_that_of_compose() -> None:
    compose = (ROOT / "infra" / "compose.yaml").read_text()
    for name in ("postgres", "prefect", "seaweedfs", "worker"):
        assert name in compose
