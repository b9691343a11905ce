"""Schedules give runs at servers with other packages than the tests': those that a fresh `pip install` takes today, and
those of the images.

A new release below Prefect once kept its scheduler from making any run, and only the server's log said so.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType

from flows.prefect.server import registration, schedules
from tests.docker.support import script
from tests.integration.topology import ROOT, Topology, only_a_server

# Installs a Prefect server.
pytestmark = pytest.mark.timeout(600, method="signal")

CONSTRAINTS = ROOT / "docker" / "constraints.txt"
_PATIENCE_S = 60.0

Planned = dict[str, set[datetime]]


def pin() -> ModuleType:
    """docker/pin.py, which is no package."""
    return script("pin")


def lines() -> list[Requirement]:
    """What pyproject.toml says of Prefect and of what Prefect brings along."""
    pinning = pin()
    brought = pinning.closure([Requirement("prefect")])
    return [wanted for wanted in pinning.wanted() if canonicalize_name(wanted.name) in brought]


def installed(folder: Path, *options: str | Path) -> str:
    """Python of a new environment with a Prefect server."""
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        folder / "bin" / "python",
    ]
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    subprocess.run([*pip, "install", "--quiet", *options, *map(str, lines())], check=True, timeout=480)
    return str(folder / "bin" / "python")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> str:
    return installed(tmp_path_factory.mktemp("fresh") / "environment")


@pytest.fixture(scope="module")
def constrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tests' own Python where it has the same versions, as it has after `make setup`."""
    pins = dict(line.split("==") for line in CONSTRAINTS.read_text("utf-8").splitlines() if "==" in line)
    if all(Version(version(name)) == Version(pins[name]) for name in pin().closure(lines())):
        return sys.executable
    return installed(tmp_path_factory.mktemp("constrained") / "environment", "--constraint", CONSTRAINTS)


@pytest.fixture(params=["fresh-sqlite", "fresh-postgresql", "constrained-sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Topology]:
    """A server of another environment, to which this process speaks."""
    kind, database = request.param.split("-")
    address = ""
    if database == "postgresql":
        topology = request.getfixturevalue("topology")
        topology.sql("CREATE DATABASE fresh")
        address = topology.database.removesuffix("prefect") + "fresh"
    with only_a_server(tmp_path, address, request.getfixturevalue(kind)) as started:
        yield started


def planned() -> Planned:
    """The times for which the server has planned runs, by dataset."""
    waiting = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])))
    found: Planned = {}
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=waiting, limit=200):
            assert run.expected_start_time is not None
            found.setdefault(run.parameters["dataset"], set()).add(run.expected_start_time)
    return found


def becomes(expected: Callable[[Planned], bool], server: Topology) -> Planned:
    """What is planned, once it is as expected."""
    until = time.monotonic() + _PATIENCE_S
    while not expected(found := planned()):
        # A worker does so again and again.
        with get_client(sync_client=True) as client:
            schedules.tidy_planned(client)
        log = (server.folder / "server.log").read_text("utf-8", errors="replace")
        assert time.monotonic() < until, f"{found}; the server says:\n{log[-4000:]}"
        time.sleep(0.5)
    return found


def test_schedules_of_several_datasets_give_runs_and_do_not_touch_each_other(server: Topology) -> None:
    registration.register()
    crons = {"films": "*/5 * * * *", "talks": "*/7 * * * *", "calls": "2-59/9 * * * *"}
    for dataset, cron in crons.items():
        schedules.schedule(dataset, cron)
    found = becomes(lambda found: found.keys() == crons.keys(), server)
    assert all(at.minute % 5 == 0 for at in found["films"])
    assert all(at.minute % 7 == 0 for at in found["talks"])
    assert all(at.minute % 9 == 2 for at in found["calls"])

    schedules.schedule("talks", "30 3 * * *")
    found = becomes(
        lambda now: now.keys() == crons.keys() and all((at.hour, at.minute) == (3, 30) for at in now["talks"]), server
    )
    assert all(at.minute % 5 == 0 for at in found["films"])
    assert all(at.minute % 9 == 2 for at in found["calls"])

    schedules.schedule("calls", "")
    found = becomes(lambda now: now.keys() == {"films", "talks"}, server)
    assert all((at.hour, at.minute) == (3, 30) for at in found["talks"])
    # The scheduler looks every second: runs that are gone for good do not come back.
    time.sleep(3.0)
    with get_client(sync_client=True) as client:
        schedules.tidy_planned(client)
    assert planned().keys() == {"films", "talks"}
