"""Prefect as the scheduler of a dataset run: every shard is a flow run of the deployment `convert-shard`.

A server that does not answer is waited for: the workers go on without it, and the manifest tells what they did.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect import Task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectException, PrefectHTTPStatusError
from prefect.states import Cancelled as PrefectCancelled
from prefect.states import Cancelling, Crashed, Pending

from flows.dataset.scheduler import State
from flows.run.cancelled import Cancelled
from infra.errors import UsageError

log = logging.getLogger("anonflow")

SHARD_DEPLOYMENT = "convert-shard/convert-shard"
PATIENCE_S = 1800.0
_PAUSE_S = 5.0
_WAITING = ("SCHEDULED", "PENDING", "PAUSED")
_RUNNING = ("RUNNING", "CANCELLING")

T = TypeVar("T")


class PrefectScheduler:
    """Submits shards to the server at PREFECT_API_URL.

    Args:
        cancelled: Ends waiting for the server when set.
        tags: Put on every flow run.
        parent: Id of the flow run that submits, on whose page the shards are shown.
        patience_s: Seconds for which a server that does not answer is asked again.
    """

    def __init__(
        self,
        cancelled: threading.Event,
        tags: tuple[str, ...] = (),
        parent: UUID | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._cancelled, self._tags, self._parent, self._patience_s = cancelled, tags, parent, patience_s

    def submit(self, dataset: str, run: str, number: int, of: int, attempt: int) -> str:
        """Queue a shard; see `flows.dataset.scheduler.Scheduler`.

        Args:
            dataset: Its name.
            run: Id of the run.
            number: Of the shard, from 1.
            of: How many shards the run has.
            attempt: At this shard, from 1.

        Returns:
            Id of the flow run.

        Raises:
            UsageError: When nothing is registered.
        """

        def create(client: Any) -> str:
            try:
                deployment = client.read_deployment_by_name(SHARD_DEPLOYMENT)
            except ObjectNotFound:
                raise UsageError(f"{SHARD_DEPLOYMENT} is not registered; run `anonflow deploy`.") from None
            name = f"shard {number}/{of}" + (f" · again {attempt - 1}" if attempt > 1 else "")
            created = client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"dataset": dataset, "run": run, "number": number},
                name=f"convert · {dataset} · {name}",
                tags=["anonflow", f"dataset:{dataset}", f"run:{run}", *self._tags],
                idempotency_key=f"{run}-{number}-{attempt}",
                parent_task_run_id=self._placeholder(client, name, f"{run}-{number}-{attempt}"),
            )
            return str(created.id)

        return self._asked(create)

    def state(self, handle: str) -> State:
        """Return where a shard is; a flow run that was deleted is over.

        Args:
            handle: Id of the flow run.

        Returns:
            Its state.
        """

        def read(client: Any) -> State:
            try:
                kind = str(client.read_flow_run(UUID(handle)).state_type.value)
            except ObjectNotFound:
                return State.OVER
            if kind == "CANCELLED":
                return State.CANCELLED
            return State.WAITING if kind in _WAITING else State.RUNNING if kind in _RUNNING else State.OVER

        return self._asked(read)

    def abandon(self, handle: str) -> None:
        """Mark a flow run as crashed, so that it does not look as if it ran; one that has ended, or is gone, does not.

        Args:
            handle: Id of the flow run.
        """
        crashed: Any = Crashed(message="Its worker gave no sign of life.")

        def mark(client: Any) -> None:
            with contextlib.suppress(ObjectNotFound):
                state = client.read_flow_run(UUID(handle)).state
                if state is None or not state.is_final():
                    client.set_flow_run_state(UUID(handle), crashed, force=True)

        self._asked(mark)

    def drop(self, run: str) -> None:
        """Cancel the flow runs of a run's shards that have not begun; those that run finish the video they are at.

        Args:
            run: Id of the run.
        """

        why = "Its run was taken over by another."

        def cancel(client: Any) -> None:
            self._cancel_waiting(client, run, why)
            for flow_run in client.read_flow_runs(flow_run_filter=_of(run, StateType.PENDING), limit=200):
                client.set_flow_run_state(flow_run.id, Cancelling(message=why))

        self._asked(cancel)

    def cancel(self, run: str) -> bool:
        """Cancel the flow runs of a run's shards; see `flows.dataset.scheduler.Scheduler`.

        Args:
            run: Id of the run.

        Returns:
            Whether the server answered.
        """
        why = "Its run was cancelled."
        try:
            with get_client(sync_client=True) as client:
                self._cancel_waiting(client, run, why)
                # One that is about to begin cannot begin then, and its worker ends it.
                begun = _of(run, StateType.PENDING, StateType.RUNNING)
                for flow_run in client.read_flow_runs(flow_run_filter=begun, limit=200):
                    client.set_flow_run_state(flow_run.id, Cancelling(message=why))
        except (httpx.HTTPError, OSError, PrefectException) as error:
            log.warning("Shards could not be cancelled (%s); trying again.", type(error).__name__)
            return False
        return True

    @staticmethod
    def _cancel_waiting(client: Any, run: str, why: str) -> None:
        state: Any = PrefectCancelled(message=why)
        while found := client.read_flow_runs(flow_run_filter=_of(run, StateType.SCHEDULED), limit=200):
            for flow_run in found:
                client.set_flow_run_state(flow_run.id, state, force=True)

    def _placeholder(self, client: Any, name: str, key: str) -> UUID | None:
        """The task run of the parent that stands for a shard; its state follows the shard's. One for each key."""
        if self._parent is None:
            return None
        stand_in = Task(name="convert-shard", fn=_nothing, task_run_name=name)
        stand_in.task_key = SHARD_DEPLOYMENT
        made = client.create_task_run(stand_in, self._parent, dynamic_key=key, name=name, state=Pending())
        return UUID(str(made.id))

    def running(self, run: str) -> list[tuple[str, int]]:
        """Return the shards of a run that seem to run.

        Args:
            run: Id of the run.

        Returns:
            Handle and number of each.
        """
        tagged = _of(run, StateType.RUNNING, StateType.CANCELLING)
        found = self._asked(lambda client: client.read_flow_runs(flow_run_filter=tagged, limit=200))
        return [(str(flow_run.id), int(flow_run.parameters["number"])) for flow_run in found]

    def _asked(self, call: Callable[[Any], T]) -> T:
        waited = 0.0
        while True:
            try:
                with get_client(sync_client=True) as client:
                    return call(client)
            except (httpx.HTTPError, OSError) as error:
                unreachable = not isinstance(error, PrefectHTTPStatusError) or error.response.status_code >= 500
                if not unreachable or waited >= self._patience_s:
                    raise
                log.warning("The Prefect server does not answer (%s); waiting for it.", type(error).__name__)
            if self._cancelled.wait(_PAUSE_S):
                raise Cancelled
            waited += _PAUSE_S


def _of(run: str, *states: StateType) -> FlowRunFilter:
    return FlowRunFilter(
        tags=FlowRunFilterTags(all_=[f"run:{run}"]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
    )


def _nothing() -> None:
    """Of a task run that only stands for a flow run."""
