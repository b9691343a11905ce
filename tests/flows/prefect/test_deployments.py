"""How flow runs end: done, skipped, cancelled, paused, handed on, failed; and what their worker makes of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import Abort, Pause
from prefect.workers.base import BaseWorker

from flows.dataset.coordinator import Concluded
from flows.dataset.store_layout import RunRecord
from flows.manifest.rows import VideoRow
from flows.prefect import deployments, worker
from flows.prefect.deployments import Requeued, Suspended
from flows.prefect.stops import Stops
from flows.prefect.worker import AnonflowWorker
from flows.run.cancelled import Cancelled, LeaseLost, Stop
from flows.run.session import Outcome
from infra.errors import UnderWay, UsageError
from tasks.records import Verdict
from tests.flows.local_engine import define

FLOWS: dict[str, Callable[[], State[None]]] = {
    "convert": partial(deployments.convert_dataset.fn, "films"),
    "shard": partial(deployments.convert_shard_flow.fn, "films", "run", 1),
    "evaluate": partial(deployments.evaluate_dataset.fn, "films"),
    "recheck": partial(deployments.recheck_dataset.fn, "films"),
}
SHOWN = ("verdicts", "times", "report", "alarm", "evaluation", "recheck")


class Work:
    """What the flow runs of a test do; `shown` holds what they show at their end."""

    def __init__(self) -> None:
        self.stop, self.shown = Stop(), list[str]()
        self.does: Callable[[], Any] = lambda: None

    def run(self, *_: Any, **__: Any) -> Any:
        return self.does()

    def raises(self, error: BaseException, **how: bool) -> None:
        """Have it end with an error, after it was stopped. how: cancelled, suspended, or neither."""

        def do() -> None:
            if how:
                self.stop.cancel(how.get("suspended", False))
            raise error

        self.does = do


@pytest.fixture
def work(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    one = Work()
    define(tmp_path / "Jane", tmp_path / "out")
    for name in ("Coordinator", "Evaluation", "DatasetRecheck"):
        monkeypatch.setattr(deployments, name, lambda *_, **__: one)
    monkeypatch.setattr(deployments, "convert_shard", one.run)
    monkeypatch.setattr(deployments, "RunPage", lambda *_: SimpleNamespace(conclude=lambda rows: None))
    monkeypatch.setattr(deployments, "get_run_logger", lambda: logging.getLogger("anonflow"))
    for name in SHOWN:
        monkeypatch.setattr(deployments.artifacts, name, lambda *_, name=name: one.shown.append(name))
    token = deployments.STOP.set(one.stop)
    yield one
    deployments.STOP.reset(token)


@pytest.mark.parametrize("flow", FLOWS)
def test_one_that_its_process_stops_is_handed_on(flow: str, work: Work) -> None:
    work.raises(Cancelled())
    with pytest.raises(Requeued):
        FLOWS[flow]()


@pytest.mark.parametrize("flow", FLOWS)
def test_one_that_a_person_cancels_is_cancelled_and_a_paused_one_waits(flow: str, work: Work) -> None:
    work.raises(Cancelled(), cancelled=True)
    state = FLOWS[flow]()
    assert (state.type, state.name) == (StateType.CANCELLED, "Cancelled")
    work.raises(Cancelled(), suspended=True)
    with pytest.raises(Suspended):
        FLOWS[flow]()


@pytest.mark.parametrize("flow", ["convert", "evaluate", "recheck"])
def test_one_that_meets_another_is_skipped(flow: str, work: Work, caplog: pytest.LogCaptureFixture) -> None:
    work.raises(UnderWay("Another run is under way."))
    state = FLOWS[flow]()
    assert (state.type, state.name, state.message) == (StateType.COMPLETED, "Skipped", "Another run is under way.")
    assert "Skipped: Another run is under way." in caplog.text and work.shown == []


@pytest.mark.parametrize("flow", FLOWS)
def test_of_an_unforeseen_error_the_server_hears_the_type_alone(flow: str, work: Work) -> None:
    work.raises(ValueError("/films/Jane.mp4"))
    state = FLOWS[flow]()
    assert (state.type, state.message) == (StateType.FAILED, "Unexpected ValueError; see the worker's log.")
    work.raises(UsageError("A setting is wrong."))
    assert FLOWS[flow]().message == "UsageError: A setting is wrong."


@pytest.mark.parametrize("flow", ["evaluate", "recheck"])
def test_work_that_another_took_over_is_left(flow: str, work: Work) -> None:
    work.raises(LeaseLost())
    state = FLOWS[flow]()
    assert (state.type, state.name) == (StateType.COMPLETED, "Left")


def concluded(lost: int = 0, cancelled: bool = False, unchanged: int = 0) -> Concluded:
    counts = {"published": 3, "withheld": 1}
    return Concluded(RunRecord("films", "r", "a", "b", 4 + lost, unchanged, 1, counts, lost, cancelled), [])


def test_a_run_says_what_became_of_its_inputs(work: Work) -> None:
    work.does = concluded
    state = FLOWS["convert"]()
    assert (state.name, state.message) == ("Completed", "3 published, 0 redacted, 1 withheld, 0 failed")
    assert work.shown == ["times", "report", "alarm"]
    work.does = lambda: concluded(lost=2)
    state = FLOWS["convert"]()
    assert (state.type, state.message) == (
        StateType.FAILED,
        "3 published, 0 redacted, 1 withheld, 0 failed; 2 inputs without a verdict, see the workers' logs.",
    )


def test_a_run_that_found_nothing_to_do_sends_no_alarm(work: Work) -> None:
    work.does = lambda: concluded(unchanged=4)
    assert FLOWS["convert"]().message == "3 published, 0 redacted, 1 withheld, 0 failed"
    assert work.shown == ["times", "report"]


def test_a_run_that_was_cancelled_says_what_is_left_and_sends_no_alarm(work: Work) -> None:
    work.does = lambda: concluded(2, True)
    state = FLOWS["convert"]()
    assert (state.type, state.message) == (
        StateType.CANCELLED,
        "Cancelled: 3 published, 0 redacted, 1 withheld, 0 failed, 2 left for the next run.",
    )
    work.stop.cancel(suspended=True)
    with pytest.raises(Suspended):
        FLOWS["convert"]()
    assert "alarm" not in work.shown


def test_a_shard_says_what_became_of_its_videos(work: Work) -> None:
    row = VideoRow(public_id="v", input_id="i", ordinal=1, verdict=Verdict.WITHHELD)
    work.does = lambda: SimpleNamespace(outcomes=[Outcome(row, False)])
    assert FLOWS["shard"]().message == "0 published, 0 redacted, 1 withheld, 0 failed"
    work.does = lambda: None
    assert FLOWS["shard"]().name == "Left"


class Server:
    """States of flow runs, as a worker sets and reads them."""

    def __init__(self, flow: str, **states: StateType) -> None:
        self.flow, self.states, self.set = flow, {UUID(key): state for key, state in states.items()}, list[Any]()

    async def read_flow(self, _: UUID) -> SimpleNamespace:
        return SimpleNamespace(name=self.flow)

    async def read_flow_run(self, flow_run: UUID) -> SimpleNamespace:
        return SimpleNamespace(id=flow_run, state=State(type=self.states[flow_run]))

    async def read_flow_runs(self, flow_run_filter: Any) -> list[SimpleNamespace]:
        asked = flow_run_filter.id.any_
        return [SimpleNamespace(id=one, state_type=kind) for one, kind in self.states.items() if one in asked]

    async def set_flow_run_state(self, flow_run: UUID, state: State[Any], force: bool = False) -> None:
        self.set.append((flow_run, state.type, state.name, force))


@pytest.mark.parametrize(
    ("error", "present", "then"),
    [
        (None, StateType.COMPLETED, []),
        # The server takes nothing but Cancelled after a cancel, however the run has ended.
        (None, StateType.CANCELLING, [(StateType.CANCELLED, "Cancelled", True)]),
        (Requeued(), StateType.RUNNING, [(StateType.SCHEDULED, "AwaitingRetry", True)]),
        (Cancelled(), StateType.RUNNING, [(StateType.SCHEDULED, "AwaitingRetry", True)]),
        # What a person asked for while the process ended holds.
        (Requeued(), StateType.CANCELLING, [(StateType.CANCELLED, "Cancelled", True)]),
        (Requeued(), StateType.PAUSED, []),
        (Requeued(), StateType.CANCELLED, []),
        (Suspended(), StateType.PAUSED, []),
        # Prefect's own engine notices a pause as well.
        (Pause(), StateType.PAUSED, []),
        (Abort(), StateType.CANCELLING, [(StateType.CANCELLED, "Cancelled", True)]),
        (Abort(), StateType.RUNNING, []),
    ],
)
def test_what_a_worker_makes_of_a_run_that_has_ended(
    error: BaseException | None, present: StateType, then: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_run, stops, seen = uuid4(), Stops(), list[Stop | None]()

    def run(flow: Any, **_: Any) -> None:
        assert flow is deployments.convert_dataset
        seen.append(deployments.STOP.get())
        stops.end()
        if error is not None:
            raise error

    monkeypatch.setattr(worker, "run_flow_sync", run)
    server = Server("convert-dataset", **{str(flow_run): present})
    one = AnonflowWorker(work_pool_name="anonflow", stops=stops)
    one._client = server  # type: ignore[assignment]
    asked: Any = SimpleNamespace(id=flow_run, flow_id=uuid4(), parameters={})
    assert anyio.run(one._run_here, asked)
    assert server.set == [(flow_run, *state) for state in then]
    (stop,) = seen
    assert stop is not None and stop.is_set() and not stop.cancelled


def test_a_run_that_a_stopped_worker_was_about_to_begin_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, running, refused = uuid4(), uuid4(), uuid4()
    kinds = {begun: StateType.PENDING, running: StateType.RUNNING, refused: StateType.PENDING}
    server = Server("convert-shard", **{str(one): kind for one, kind in kinds.items()})

    async def proposed(_: Any, flow_run: Any) -> bool:
        return bool(flow_run.id != refused)

    @contextlib.asynccontextmanager
    async def client() -> AsyncIterator[Server]:
        yield server

    monkeypatch.setattr(BaseWorker, "_propose_pending_state", proposed)
    monkeypatch.setattr(worker, "get_client", client)
    one = AnonflowWorker(work_pool_name="anonflow")

    async def stop() -> None:
        for flow_run in kinds:
            await one._propose_pending_state(SimpleNamespace(id=flow_run))  # type: ignore[arg-type]
        await one.requeue_begun()

    anyio.run(stop)
    # Another worker has the one that was refused.
    assert server.set == [(begun, StateType.SCHEDULED, "AwaitingRetry", True)]


def test_single_runs_are_stopped_when_a_person_cancels_pauses_or_deletes_them() -> None:
    running, cancelled, paused, deleted = (uuid4() for _ in range(4))
    states = {running: StateType.RUNNING, cancelled: StateType.CANCELLING, paused: StateType.PAUSED}
    server = Server("convert-shard", **{str(one): state for one, state in states.items()})
    stops = Stops()
    with stops.of(running) as one, stops.of(cancelled) as two, stops.of(paused) as three, stops.of(deleted) as four:
        anyio.run(stops.look, server)
        seen = [(stop.is_set(), stop.cancelled, stop.suspended) for stop in (one, two, three, four)]
        assert seen == [(False, False, False), (True, True, False), (True, True, True), (True, True, False)]
        stops.end()
        assert one.is_set() and not one.cancelled
    with stops.of(uuid4()) as late:
        assert late.is_set(), "its process ends"
