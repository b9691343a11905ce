"""Flow runs of datasets at the server, as commands start, follow, stop and forget them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkQueueStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from flows.prefect.artifacts import PROGRESS
from flows.prefect.server.connection import connected
from flows.prefect.server.registration import DATASETS, POOL, SHARDS, deployment_of

MOST = 200
"""Objects that the server gives at a time."""
_WAITING = (StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED)
_RUNNING = (StateType.RUNNING, StateType.CANCELLING)
WHOLE = FlowFilter(name=FlowFilterName(any_=[f"{verb}-dataset" for verb in ("convert", "evaluate", "recheck")]))
"""Flows of work on a whole dataset, not of its shards."""
_OVER = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


@dataclass(frozen=True)
class Seen:
    """A flow run of a dataset as it is now.

    Attributes:
        flow_run: Its id: another than before where another took over after its worker had died.
        state: Its state.
        progress: How far it is, in a line; empty where that is not known.
        unattended: Queues that no worker asks for work: what waits in them waits in vain.
    """

    flow_run: UUID
    state: State[Any] | None
    progress: str = ""
    unattended: tuple[str, ...] = ()


def trigger(dataset: str, verb: str = "convert", key: str | None = None, **parameters: Any) -> UUID:
    """Queue a run of a dataset now.

    Args:
        dataset: Its name.
        verb: convert, evaluate or recheck.
        key: Runs with the same key are one.
        **parameters: Of the flow.

    Returns:
        The flow run's id, of the earlier one when there was one with this key.

    Raises:
        ObjectNotFound: When nothing is registered.
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        # What is registered for all datasets says whether `anonflow deploy` was ever run.
        deployment = client.read_deployment_by_name(f"{verb}-dataset/{verb}-dataset")
        if verb == "convert":
            deployment = deployment_of(client, dataset)
        created = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"dataset": dataset, **parameters},
            name=f"{verb} · {dataset}",
            tags=["anonflow", f"dataset:{dataset}"],
            idempotency_key=key,
        )
        return created.id


def look(dataset: str, flow_run: UUID) -> Seen:
    """Return the flow run of a dataset that matters now, given an earlier one.

    Args:
        dataset: Its name.
        flow_run: Id of the earlier flow run.

    Returns:
        That flow run itself, or the one that took over after its worker had died.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        present = client.read_flow_run(flow_run)
        # Whoever takes over marks the run before it as crashed; others that begin meanwhile are skipped.
        if present.state_type is StateType.CRASHED:
            tagged = FlowRunFilter(
                tags=FlowRunFilterTags(all_=[f"dataset:{dataset}"]),
                deployment_id=FlowRunFilterDeploymentId(
                    any_=[present.deployment_id] if present.deployment_id else None
                ),
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(not_any_=[StateType.SCHEDULED]),
                    name=FlowRunFilterStateName(not_any_=["Skipped"]),
                ),
            )
            newest = client.read_flow_runs(flow_run_filter=tagged, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
            present = newest[0] if newest else present
        return Seen(
            present.id, present.state, _progress(client, dataset, present), _unattended(client, dataset, present)
        )


def _progress(client: SyncPrefectClient, dataset: str, flow_run: FlowRun) -> str:
    """What the run's progress artifact says, or how many files an evaluation or a recheck has looked at."""
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id]),
        key=ArtifactFilterKey(any_=[f"{PROGRESS}-{dataset}"]),
    )
    found = client.read_artifacts(artifact_filter=wanted, limit=1)
    if found:
        return found[0].description or ""
    ended = {"flow_runs": {"id": {"any_": [str(flow_run.id)]}}, "task_runs": {"state": {"type": {"any_": _OVER}}}}
    done = int(client.request("POST", "/task_runs/count", json=ended).json())
    return f"{done} files looked at" if done else ""


def _unattended(client: SyncPrefectClient, dataset: str, flow_run: FlowRun) -> tuple[str, ...]:
    """Of the queues of our own pool that this run needs those that no worker asks for work."""
    if flow_run.state_type in _WAITING:
        wanted = [flow_run.work_queue_name or DATASETS] if flow_run.work_pool_name in (POOL, None) else []
    else:
        waits = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[f"dataset:{dataset}"]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        )
        shards = client.read_flow_runs(flow_run_filter=waits, limit=MOST)
        wanted = [SHARDS] if any(run.work_queue_name == SHARDS for run in shards) else []
    queues = [client.read_work_queue_by_name(name, work_pool_name=POOL) for name in wanted]
    return tuple(queue.name for queue in queues if queue.status is not WorkQueueStatus.READY)


def unfinished(client: SyncPrefectClient, dataset: str, flows: FlowFilter | None = None) -> list[FlowRun]:
    """Return the flow runs of a dataset that have not ended, also those that a schedule has planned for later.

    Args:
        client: Of the server.
        dataset: Its name.
        flows: Only runs of these flows; of all flows when None.

    Returns:
        The flow runs, at most 200, those that run first.
    """
    tagged = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[f"dataset:{dataset}"]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*_RUNNING, *_WAITING])),
    )
    found = client.read_flow_runs(
        flow_filter=flows, flow_run_filter=tagged, limit=MOST, sort=FlowRunSort.EXPECTED_START_TIME_ASC
    )
    # Runs of the deployments that all datasets share carry no tag before they have begun.
    others = client.read_flow_runs(flow_filter=WHOLE, flow_run_filter=FlowRunFilter(state=tagged.state), limit=MOST)
    every = {run.id: run for run in (*found, *(run for run in others if run.parameters.get("dataset") == dataset))}
    return sorted(every.values(), key=lambda run: run.state_type not in _RUNNING)


def cancel(client: SyncPrefectClient, flow_runs: Sequence[FlowRun]) -> None:
    """Cancel flow runs: those that wait at once, those that run at their next step.

    Args:
        client: Of the server.
        flow_runs: The flow runs.
    """
    for run in flow_runs:
        if run.state_type is StateType.CANCELLING:
            continue
        # One that is about to begin may have a worker already, which ends it.
        waits = run.state_type in (StateType.SCHEDULED, StateType.PAUSED)
        state: State[Any] = Cancelled(message="Cancelled.") if waits else Cancelling(message="Ends at its next step.")
        client.set_flow_run_state(run.id, state, force=waits)


def stop(dataset: str) -> list[FlowRun]:
    """Cancel whatever of a dataset runs or waits, but not what a schedule has planned for later.

    Args:
        dataset: Its name.

    Returns:
        The flow runs that had not ended before; those that run end at their next step.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        # What is planned comes last, so that it hides nothing of what is to be cancelled.
        every = unfinished(client, dataset)
        found = [run for run in every if not (run.auto_scheduled and run.state_name == "Scheduled")]
        cancel(client, found)
        return found


def give_up(dataset: str) -> None:
    """Say of runs that were cancelled, and that nobody works on any more, that they are: their workers died.

    Args:
        dataset: Its name.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        for run in unfinished(client, dataset):
            if run.state_type is StateType.CANCELLING:
                state: State[Any] = Cancelled(message="Cancelled; its worker had died.")
                client.set_flow_run_state(run.id, state, force=True)


def is_cancelled(handle: str) -> bool:
    """Return whether a person cancelled or paused a flow run; one that was cancelled counts as ended from now on.

    Args:
        handle: Its id; an empty one is none.

    Returns:
        Whether a person did.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    try:
        flow_run = UUID(handle)
    except ValueError:
        return False
    with connected() as client:
        try:
            state = client.read_flow_run(flow_run).state
        except ObjectNotFound:
            return False
        if state is not None and state.is_cancelling():
            ended: State[Any] = Cancelled(message="Cancelled; its worker had died.")
            client.set_flow_run_state(flow_run, ended, force=True)
        return state is not None and (state.is_cancelling() or state.is_cancelled() or state.is_paused())


def known(dataset: str) -> list[FlowRun]:
    """Return the flow runs of a dataset that run, wait, or are planned, without the shards of a run.

    Args:
        dataset: Its name.

    Returns:
        The flow runs, those that run first.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        return unfinished(client, dataset, WHOLE)
