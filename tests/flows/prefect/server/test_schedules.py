"""Deployments, schedules and flow runs of datasets at a real Prefect server, one for all tests.

Prefect's scheduler runs in the server and reports what goes wrong in the server's log alone, so nothing but a run that
appears shows that server, database layer and schedule fit together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Paused, Pending, Running, Scheduled

from flows.dataset.scheduler import State
from flows.prefect.prefect_scheduler import PrefectScheduler
from flows.prefect.server import purge, registration, runs, schedules
from flows.run.cancelled import Stop
from infra.errors import ServerUnavailable, UsageError
from tests.integration.topology import Topology

_PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def client(server: Topology) -> Iterator[SyncPrefectClient]:
    """A client of the server, at which everything is registered that all datasets share."""
    with pytest.raises(ObjectNotFound):
        runs.trigger("films")
    with pytest.raises(UsageError, match="work pool nowhere"):
        registration.check("nowhere")
    registration.check("anonflow", "films")
    with get_client(sync_client=True) as one:
        assert one.read_deployments() == [], "to look registers nothing"
        registration.register()
        yield one


def deploy(dataset: str, cron: str | None = None) -> None:
    """What the command does after it has stored the definition."""
    registration.register()
    schedules.move_all_shared()
    registration.register_dataset(dataset, "What it does.")
    if cron is not None:
        schedules.schedule(dataset, cron)


def eventually(server: Topology, what: Callable[[], Any]) -> Any:
    """What a look gives as soon as it gives anything."""
    until = time.monotonic() + _PATIENCE_S
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.2)
    log = (server.folder / "server.log").read_text("utf-8", errors="replace")
    assert found, f"nothing was seen in {_PATIENCE_S:g} s; the server says:\n{log[-4000:]}"
    return found


def planned(dataset: str) -> list[FlowRun]:
    """The flow runs of a dataset that the server has planned."""
    return [run for run in runs.known(dataset) if run.auto_scheduled]


def enter(client: SyncPrefectClient, flow_run: UUID, state: Any) -> None:
    """Have a flow run enter a state, as a worker or a person would."""
    client.set_flow_run_state(flow_run, state, force=True)


def test_a_schedule_gives_runs(client: SyncPrefectClient, server: Topology) -> None:
    deploy("films", "*/5 * * * *")
    found = eventually(server, lambda: planned("films"))
    assert {run.parameters["dataset"] for run in found} == {"films"}
    schedules.tidy_planned(client)
    assert {run.name for run in planned("films")} == {"convert · films"}
    runs.trigger("films")
    upcoming = schedules.schedules_of("films").upcoming
    assert len(upcoming) == 3 and list(upcoming) == sorted(upcoming)
    schedules.pause("films", True)
    deploy("films")
    assert schedules.schedules_of("films") == schedules.Schedules(("*/5 * * * * (UTC)",), True, ())
    schedules.pause("films", False)
    eventually(server, lambda: planned("films"))
    assert not schedules.schedules_of("films").paused
    schedules.schedule("films", "")
    assert planned("films") == [] and schedules.schedules_of("films").schedules == ()


def test_runs_that_were_planned_while_their_schedule_was_taken_away_are_removed(client: SyncPrefectClient) -> None:
    deploy("raced", "0 4 * * *")
    deployment = registration.deployment_of(client, "raced")
    (kept,) = deployment.schedules
    made = {}
    keys = (
        f"scheduled {deployment.id} {uuid4()} 2099-01-01 04:00:00+00:00",
        f"scheduled {deployment.id} {kept.id} 2099-01-01 04:00:00+00:00",
        f"scheduled {deployment.id} 2099-01-01 04:00:00+00:00",
        "by hand",
    )
    for key in keys:
        tomorrow = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
        made[key] = client.create_flow_run_from_deployment(
            deployment.id, state=tomorrow, tags=["anonflow", "auto-scheduled"], idempotency_key=key
        )
    gone, *stay = made.values()
    schedules.tidy_planned(client)
    with pytest.raises(ObjectNotFound):
        client.read_flow_run(gone.id)
    assert len(stay) == 3 and all(client.read_flow_run(run.id).name == "convert · raced" for run in stay)


def test_planned_runs_that_go_while_they_are_looked_at_are_no_error(
    client: SyncPrefectClient, server: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("fleeting", "0 5 * * *")
    seen = eventually(server, lambda: planned("fleeting"))
    for run in seen:
        client.delete_flow_run(run.id)
    monkeypatch.setattr(client, "read_flow_runs", lambda **_: seen)
    assert schedules.tidy_planned(client) == []


def test_datasets_keep_their_schedules_when_another_is_deployed(client: SyncPrefectClient) -> None:
    crons = {"one": "0 1 * * *", "two": "0 2 * * *", "three": "0 3 * * *"}
    for name, cron in crons.items():
        schedules.schedule(name, cron)
    by_hand = DeploymentScheduleCreate(schedule=schedules.cron_schedule("30 1 * * *", "Europe/Berlin"), active=False)
    client.create_deployment_schedules(registration.deployment_of(client, "one").id, [by_hand])

    def seen() -> dict[str, list[tuple[UUID, str]]]:
        of = {name: registration.deployment_of(client, name).schedules for name in crons}
        return {name: sorted((one.id, str(one.schedule.cron)) for one in found) for name, found in of.items()}

    before = seen()
    assert {name: len(found) for name, found in before.items()} == {"one": 2, "two": 1, "three": 1}
    deploy("two")
    assert seen() == before
    deploy("two", "0 22 * * *")
    assert [cron for _, cron in seen()["two"]] == ["0 22 * * *"]
    assert seen() | {"two": []} == before | {"two": []}
    schedules.schedule("one", "0 23 * * *", "Europe/Berlin")
    assert set(schedules.schedules_of("one").schedules) == {
        "0 23 * * * (Europe/Berlin)",
        "30 1 * * * (Europe/Berlin), not active",
    }
    for bad in ("every night", "61 * * * *"):
        with pytest.raises(UsageError, match="no cron expression"):
            schedules.schedule("three", bad)
    with pytest.raises(UsageError, match="no time zone"):
        schedules.schedule("three", "0 1 * * *", "Europe/Nowhere")
    assert seen()["three"] == before["three"]
    for name in crons:
        schedules.schedule(name, "")
    assert seen() == {name: [] for name in crons}


def test_schedules_of_earlier_versions_move_to_their_datasets(client: SyncPrefectClient) -> None:
    shared = client.read_deployment_by_name("convert-dataset/convert-dataset").id
    crons = [("0 4 * * *", True, "old"), ("0 5 * * *", False, "old"), ("0 6 * * *", True, "older")]
    earlier = [
        DeploymentScheduleCreate(
            schedule=schedules.cron_schedule(cron),
            active=active,
            parameters={"dataset": name, "policy": "withhold"},
            slug=f"{name}-{cron}",
        )
        for cron, active, name in crons
    ]
    client.create_deployment_schedules(shared, earlier)
    assert len([what for what in purge.left("old") if what.startswith("schedule ")]) == 2
    for _ in range(2):
        schedules.move_all_shared()
        assert client.read_deployment(shared).schedules == []
        assert set(schedules.schedules_of("old").schedules) == {"0 4 * * * (UTC)", "0 5 * * * (UTC), not active"}
        assert schedules.schedules_of("older").schedules == ("0 6 * * * (UTC)",)
    for moved in registration.deployment_of(client, "old").schedules:
        assert moved.parameters == {"dataset": "old", "policy": "withhold"}, "or another policy would hold"
    schedules.schedule("older", "0 7 * * *")
    assert schedules.schedules_of("older").schedules == ("0 7 * * * (UTC)",)
    assert registration.deployment_of(client, "old").parameters == {"dataset": "old"}
    for name in ("old", "older"):
        schedules.schedule(name, "")


def test_a_run_is_queued_at_the_deployment_of_its_dataset(client: SyncPrefectClient) -> None:
    one = runs.trigger("queued", key="once", only_failed=True)
    assert runs.trigger("queued", key="once", only_failed=True) == one
    evaluation = runs.trigger("queued", "evaluate", every=3)
    run, other = client.read_flow_run(one), client.read_flow_run(evaluation)
    assert (run.name, run.parameters) == ("convert · queued", {"dataset": "queued", "only_failed": True})
    assert run.deployment_id == client.read_deployment_by_name("convert-dataset/queued").id
    assert (other.name, other.parameters) == ("evaluate · queued", {"dataset": "queued", "every": 3})
    assert {found.id for found in runs.known("queued")} == {one, evaluation}
    seen = runs.look("queued", one)
    assert (seen.flow_run, seen.unattended) == (one, ("datasets",)), "there is no worker"
    assert runs.look("queued", evaluation).unattended == ("shards",)


def test_stop_cancels_what_runs_or_waits_but_not_what_is_planned(client: SyncPrefectClient, server: Topology) -> None:
    schedules.schedule("stopped", "*/5 * * * *")
    waiting, running, paused, over, others = (runs.trigger(name) for name in (*["stopped"] * 4, "other"))
    enter(client, running, Running())
    enter(client, paused, Paused())
    enter(client, over, Completed())
    eventually(server, lambda: planned("stopped"))
    assert {run.id for run in runs.stop("stopped")} == {waiting, running, paused}
    states = {one: client.read_flow_run(one).state_type for one in (waiting, running, paused, over, others)}
    assert states == {
        waiting: StateType.CANCELLED,
        running: StateType.CANCELLING,
        paused: StateType.CANCELLED,
        over: StateType.COMPLETED,
        others: StateType.SCHEDULED,
    }
    assert planned("stopped"), "see `anonflow schedule`"
    assert [run.id for run in runs.stop("stopped")] == [running], "until it has ended"
    enter(client, running, Cancelled())
    assert runs.stop("stopped") == []
    schedules.schedule("stopped", "")


def test_a_run_is_followed_to_the_one_that_took_over(client: SyncPrefectClient) -> None:
    first = runs.trigger("followed")
    enter(client, first, Running())
    time.sleep(0.01)
    skipped = runs.trigger("followed")
    for state in (Pending(), Running(), Completed(name="Skipped")):
        enter(client, skipped, state)
        assert runs.look("followed", first).flow_run == first, "it runs, whoever else begins"
    time.sleep(0.01)
    second = runs.trigger("followed")
    enter(client, second, Running())
    enter(client, first, Crashed())
    assert runs.look("followed", first).flow_run == second
    time.sleep(0.01)
    enter(client, runs.trigger("followed"), Completed(name="Skipped"))
    assert runs.look("followed", first).flow_run == second


def test_purging_forgets_one_dataset_and_no_other(client: SyncPrefectClient, server: Topology) -> None:
    for name in ("gone", "kept"):
        schedules.schedule(name, "*/5 * * * *")
        run = runs.trigger(name)
        enter(client, run, Running())
        eventually(server, lambda name=name: planned(name))
    shared = client.read_deployment_by_name("convert-dataset/convert-dataset").id
    earlier = DeploymentScheduleCreate(
        schedule=schedules.cron_schedule("0 4 * * *"), active=True, parameters={"dataset": "gone"}
    )
    client.create_deployment_schedules(shared, [earlier])
    client.request("POST", "/artifacts/", json={"key": "anonflow-verdicts-gone", "type": "table", "data": "[]"})
    kinds = {what.rpartition(" ")[0] for what in purge.left("gone")}
    assert kinds == {"flow run", "deployment", "schedule", "artifact"}
    assert purge.forget("gone") >= 1
    assert purge.left("gone") == []
    with pytest.raises(ObjectNotFound):
        client.read_deployment_by_name("convert-dataset/gone")
    time.sleep(2.5)
    assert purge.left("gone") == [], "its schedules plan no more runs"
    assert schedules.schedules_of("kept").schedules and planned("kept")
    schedules.schedule("kept", "")
    assert purge.forget("never") == 0


def test_runs_of_a_shared_deployment_are_known_by_their_parameter(client: SyncPrefectClient) -> None:
    shared = client.read_deployment_by_name("convert-dataset/convert-dataset")
    made = client.create_flow_run_from_deployment(shared.id, parameters={"dataset": "byname"})
    assert "dataset:byname" not in made.tags
    assert [run.id for run in runs.known("byname")] == [made.id] and purge.left("byname") == [f"flow run {made.id}"]
    runs.stop("byname")
    assert client.read_flow_run(made.id).state_type is StateType.CANCELLED
    assert purge.forget("byname") == 1 and purge.left("byname") == []


def test_what_a_person_cancelled_or_paused_is_not_taken_up_again(client: SyncPrefectClient) -> None:
    flow_run = runs.trigger("taken")
    for state, cancelled in ((Running(), False), (Crashed(), False), (Paused(), True), (Cancelling(), True)):
        enter(client, flow_run, state)
        assert runs.is_cancelled(str(flow_run)) is cancelled
    assert client.read_flow_run(flow_run).state_type is StateType.CANCELLED, "nobody else would end it"
    assert runs.is_cancelled(str(flow_run))
    assert not runs.is_cancelled(str(uuid4())) and not runs.is_cancelled("")


def test_shards_are_submitted_and_cancelled(client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = runs.trigger("shards")
    scheduler, run = PrefectScheduler(Stop(), ("profile:x",), parent), uuid4().hex[:12]
    handles = [scheduler.submit("shards", run, number, 4, 1) for number in (1, 2, 3, 4)]
    assert [scheduler.submit("shards", run, number, 4, 1) for number in (1, 2, 3, 4)] == handles
    monkeypatch.setattr(runs, "MOST", 1)
    assert [found.id for found in runs.known("shards")] == [parent], "however many shards wait"
    enter(client, parent, Running())
    assert runs.look("shards", parent).unattended == ("shards",)
    one = client.read_flow_run(UUID(handles[0]))
    assert one.name == "convert · shards · shard 1/4" and {f"run:{run}", "profile:x"} <= set(one.tags)
    assert one.parent_task_run_id is not None, "it is shown on the page of its run"
    assert client.read_task_run(one.parent_task_run_id).flow_run_id == parent
    assert {scheduler.state(handle) for handle in handles} == {State.WAITING}
    enter(client, UUID(handles[0]), Running())
    enter(client, UUID(handles[1]), Cancelled())
    enter(client, UUID(handles[2]), Crashed())
    wanted = [State.RUNNING, State.CANCELLED, State.OVER, State.WAITING]
    assert [scheduler.state(handle) for handle in handles] == wanted
    assert scheduler.running(run) == [(handles[0], 1)]
    scheduler.cancel(uuid4().hex[:12])
    assert [scheduler.state(handle) for handle in handles] == wanted
    scheduler.cancel(run)
    kinds = [client.read_flow_run(UUID(handle)).state_type for handle in handles]
    assert kinds == [StateType.CANCELLING, StateType.CANCELLED, StateType.CRASHED, StateType.CANCELLED]
    for handle in handles:
        scheduler.abandon(handle)
    # What a person cancelled stays so.
    kinds = [client.read_flow_run(UUID(handle)).state_type for handle in handles]
    assert kinds == [StateType.CRASHED, StateType.CANCELLED, StateType.CRASHED, StateType.CANCELLED]
    client.delete_flow_run(UUID(handles[3]))
    scheduler.abandon(handles[3])
    assert scheduler.state(handles[3]) is State.OVER


def test_an_address_of_something_else_is_said_in_a_sentence(client: SyncPrefectClient, server: Topology) -> None:
    for address in (
        server.environment["PREFECT_API_URL"].removesuffix("/api"),
        "http://127.0.0.1:9/api",
        "nowhere/api",
    ):
        with (
            temporary_settings({PREFECT_API_URL: address}),
            pytest.raises(ServerUnavailable, match="ends in /api") as said,
        ):
            registration.check("anonflow")
        assert address not in str(said.value)
