"""A schedule that `anonflow deploy` makes gives runs, at a real Prefect server.

Prefect's scheduler runs in the server and reports what goes wrong in the server's log alone, so nothing but a run that
appears shows that server, database layer and schedule fit together.
"""

from __future__ import annotations

import time

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType

from flows.prefect import registration, schedules
from tests.integration.topology import Topology

_PATIENCE_S = 60.0


def scheduled() -> list[FlowRun]:
    """The flow runs that the server has planned."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(state=state))


def test_a_schedule_gives_runs(server: Topology) -> None:
    registration.register()
    assert not scheduled()
    schedules.schedule("films", "*/5 * * * *")
    until = time.monotonic() + _PATIENCE_S
    while not (found := scheduled()) and time.monotonic() < until:
        time.sleep(0.5)
    log = (server.folder / "server.log").read_text("utf-8", errors="replace")
    assert found, f"no run was planned in {_PATIENCE_S:g} s; the server says:\n{log[-4000:]}"
    assert {run.parameters["dataset"] for run in found} == {"films"}
    schedules.schedule("films", "")
    assert not scheduled()
