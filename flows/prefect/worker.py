"""A Prefect worker that runs flow runs in its own process, so that networks stay loaded from shard to shard.

It runs the flows of this project alone, whatever entry point a deployment names: nothing that a server says is
imported.
"""

from __future__ import annotations

import logging
import os
import signal
from contextvars import copy_context
from functools import partial
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import anyio.to_thread
import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, Pause, PrefectException
from prefect.flow_engine import run_flow_sync
from prefect.states import AwaitingRetry
from prefect.states import Cancelled as PrefectCancelled
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows.dataset.definition import names as known_datasets
from flows.dataset.under_way import KINDS, clear_cancelled, noted, present_run
from flows.prefect import deployments
from flows.prefect.server import registration, runs, schedules
from flows.prefect.server.connection import connected
from flows.prefect.stops import Stops
from flows.prefect.supervisor import end_with_supervisor
from flows.run.cancelled import Cancelled
from infra.errors import StoreUnavailable
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store

log = logging.getLogger("anonflow")

_FLOWS = {
    flow.name: flow
    for flow in (
        deployments.convert_dataset,
        deployments.convert_shard_flow,
        deployments.evaluate_dataset,
        deployments.recheck_dataset,
    )
}
_RESUME_S = 15.0
_DEATHS = 5
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class AnonflowWorkerResult(BaseWorkerResult):
    """How a flow run ended here."""


class AnonflowWorker(BaseWorker[BaseJobConfiguration, BaseVariables, AnonflowWorkerResult]):
    """Runs convert-dataset, convert-shard, evaluate-dataset and recheck-dataset on threads of this process."""

    type = registration.POOL
    _display_name = "anonflow"
    _description = "Runs anonflow's flows in one long-lived process, which keeps its networks loaded."

    def __init__(self, *arguments: Any, stops: Stops | None = None, watched: bool = False, **rest: Any) -> None:
        """Args:
        *arguments: Of Prefect's worker.
        stops: End the running flows at their next step.
        watched: Whether this process is started anew when it ends, so that it may be ended for a video that hangs.
        **rest: Of Prefect's worker.
        """
        super().__init__(*arguments, **rest)
        self._stops, self._watched = stops or Stops(), watched
        self._begun = set[UUID]()

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        """Note which runs this worker is about to begin: nobody else begins them any more."""
        with anyio.CancelScope(shield=True):
            mine = await super()._propose_pending_state(flow_run)
            if mine:
                self._begun.add(flow_run.id)
        return mine

    async def requeue_begun(self) -> None:
        """Hand on the runs that this worker was about to begin when it was stopped; they would wait for ever."""
        async with get_client() as client:
            for flow_run in self._begun:
                try:
                    state = (await client.read_flow_run(flow_run)).state
                    if state is not None and state.is_pending():
                        await client.set_flow_run_state(flow_run, AwaitingRetry(), force=True)
                except (httpx.HTTPError, PrefectException) as error:
                    log.warning("A flow run could not be given back (%s).", type(error).__name__)

    async def _get_scheduled_flow_runs(self) -> list[Any]:
        """Leave a run that is still ending here, since it was resumed at once: Prefect's worker would fail at it."""
        here = self.limiter.statistics().borrowers
        return [entry for entry in await super()._get_scheduled_flow_runs() if entry.flow_run.id not in here]

    async def run(
        self,
        flow_run: FlowRun,
        configuration: BaseJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> AnonflowWorkerResult:
        """Run one flow run to its end on a thread.

        Args:
            flow_run: The flow run.
            configuration: Not used.
            task_status: Gets the id of this process.

        Returns:
            How it ended.
        """
        identifier = f"{self.name}-{flow_run.id}"
        if task_status is not None:
            task_status.started(os.getpid())
        # A worker that is stopped waits for its threads, which end at their next step.
        with anyio.CancelScope(shield=True):
            ended = await self._run_here(flow_run)
            self._begun.discard(flow_run.id)
        return AnonflowWorkerResult(identifier=identifier, status_code=0 if ended else 1)

    async def _run_here(self, flow_run: FlowRun) -> bool:
        flow = _FLOWS.get((await self.client.read_flow(flow_run.flow_id)).name)
        if flow is None:
            await self._propose_crashed_state(flow_run, "This worker runs anonflow's own flows only.")
            return False
        with self._stops.of(flow_run.id) as stop:
            context = copy_context()
            context.run(deployments.STOP.set, stop)
            context.run(deployments.WATCHED.set, self._watched)
            parameters = flow_run.parameters
            work = partial(run_flow_sync, flow, flow_run=flow_run, parameters=parameters, return_type="state")
            requeue = False
            try:
                await anyio.to_thread.run_sync(context.run, work)
            except (deployments.Requeued, Cancelled):
                requeue = True
            except (Abort, Pause):
                # It was cancelled before it began, or paused; or another process has it.
                log.info("A flow run did not run to its end here.")
            try:
                await self._settle(flow_run, requeue)
            except (httpx.HTTPError, PrefectException) as error:
                # It was deleted, or the server is away; whoever goes on marks it as crashed.
                log.warning("How a flow run has ended could not be told (%s).", type(error).__name__)
        return True

    async def _settle(self, flow_run: FlowRun, requeue: bool) -> None:
        """Give a flow run that has ended here the state that is true: the server takes only Cancelled after a cancel.

        What a person asked for meanwhile holds. A run that is handed on goes on in the next process that polls: a
        coordinator where its shards are, a worker after the last finished video.
        """
        now = (await self.client.read_flow_run(flow_run.id)).state
        state: Any = None
        if now is not None and now.is_cancelling():
            state = PrefectCancelled(message="Cancelled.")
        elif requeue and (now is None or not (now.is_final() or now.is_paused())):
            state = AwaitingRetry()
        if state is not None:
            await self.client.set_flow_run_state(flow_run.id, state, force=True)


async def serve(name: str, shards: bool, datasets: bool, watched: bool) -> None:
    """Poll until SIGTERM or SIGINT; then running videos end at their next step and their leases are given back.

    One shard and up to eight coordinators at a time, which mostly wait.

    Args:
        name: Of the worker.
        shards: Whether it converts shards.
        datasets: Whether it coordinates datasets.
        watched: Whether this process may be ended for a video that hangs.
    """
    # What a run says of itself belongs on its page; Prefect's own loggers stay as they are.
    logging.getLogger("prefect.flow_runs").setLevel(logging.INFO)
    stops = Stops()
    kinds = [(registration.SHARDS, 1)] * shards + [(registration.DATASETS, 8)] * datasets
    workers = [
        AnonflowWorker(
            work_pool_name=registration.POOL,
            work_queues=[queue],
            name=f"{name}-{queue}",
            limit=limit,
            stops=stops,
            watched=watched,
        )
        for queue, limit in kinds
    ]

    async def check_cancelled(scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(*_SIGNALS) as received:
            async for _ in received:
                log.warning("Stopping; what is not finished is left for others.")
                stops.end()
                scope.cancel()

    async def resume() -> None:
        store = Store(Settings().cache_url)
        with Leases(store) as leases:
            while True:
                try:
                    await anyio.to_thread.run_sync(partial(resume_orphans, store, leases))
                    await anyio.to_thread.run_sync(_tidy_planned)
                except StoreUnavailable as error:
                    log.warning("It cannot be told whether a run was left alone: %s", error)
                await anyio.sleep(_RESUME_S)

    async with anyio.create_task_group() as group:
        group.start_soon(check_cancelled, group.cancel_scope)
        group.start_soon(stops.watch)
        if watched:
            group.start_soon(end_with_supervisor, stops, group.cancel_scope)
        if datasets:
            group.start_soon(resume)
        for worker in workers:
            group.start_soon(worker.start)
    for worker in workers:
        await worker.requeue_begun()


def _tidy_planned() -> None:
    """The next look may find the server again."""
    try:
        with connected() as client:
            schedules.tidy_planned(client)
    except Exception as error:
        log.info("Planned runs could not be looked at (%s).", type(error).__name__)


def resume_orphans(store: Store, leases: Leases) -> list[str]:
    """Trigger the datasets whose coordinator, or evaluating or rechecking worker, died, unless several did in a row.

    What a person cancelled or paused meanwhile is not triggered. Several workers may do so at once: for each death
    there is one flow run.

    Args:
        store: Private store.
        leases: Tell who died.

    Returns:
        Names of the datasets.
    """
    resumed = []
    for name in known_datasets(store):
        for kind, (lease, path) in KINDS.items():
            deaths = leases.dead(lease(name))
            if not 0 < deaths <= _DEATHS:
                continue
            handle, parameters = noted(store, path(name))
            try:
                if runs.is_cancelled(handle):
                    clear_cancelled(store, leases, name, [kind])
                    continue
                # A flow run that a person runs again is another run by the same handle.
                mark = present_run(store, name) if kind == "convert" else handle
                runs.trigger(name, kind, f"resume-{lease(name)}-{mark}-{deaths}", **parameters)
            except Exception as error:
                log.warning("%s could not be resumed (%s); trying again.", name, type(error).__name__)
                continue
            resumed.append(name)
    return resumed
