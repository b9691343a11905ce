"""Stopping the flow runs of a worker's process: all when it ends, single ones when a person cancels or pauses them."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException

from flows.run.cancelled import Stop

log = logging.getLogger("anonflow")

LOOK_S = 2.0
"""Seconds between two looks for flow runs that were cancelled."""
_ENDED = (StateType.CANCELLING, StateType.CANCELLED, StateType.PAUSED)


class Stops:
    """The stops of all flow runs that a process runs; safe among threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[UUID, Stop] = {}
        self._ended = False

    @contextlib.contextmanager
    def of(self, flow_run: UUID) -> Iterator[Stop]:
        """Provide the stop of a flow run for as long as it runs.

        Args:
            flow_run: Its id.

        Yields:
            Its stop.
        """
        stop = Stop()
        with self._lock:
            self._running[flow_run] = stop
            if self._ended:
                stop.set()
        try:
            yield stop
        finally:
            with self._lock:
                self._running.pop(flow_run, None)

    def end(self) -> None:
        """Stop all flow runs because their process ends; others go on with them."""
        with self._lock:
            self._ended = True
            for stop in self._running.values():
                stop.set()

    async def watch(self) -> None:
        """Stop each flow run that a person cancels, pauses or deletes at the server. Never returns."""
        async with get_client() as client:
            while True:
                await anyio.sleep(LOOK_S)
                try:
                    await self.look(client)
                except (httpx.HTTPError, OSError, PrefectException) as error:
                    log.info("It cannot be told whether a run was cancelled (%s).", type(error).__name__)

    async def look(self, client: PrefectClient) -> None:
        """Look once which flow runs were cancelled, paused or deleted.

        Args:
            client: Of the server.
        """
        with self._lock:
            running = [flow_run for flow_run, stop in self._running.items() if not stop.is_set()]
        if not running:
            return
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=running))
        states = {run.id: run.state_type for run in await client.read_flow_runs(flow_run_filter=wanted)}
        for flow_run in running:
            state = states.get(flow_run, StateType.CANCELLED)
            if state not in _ENDED:
                continue
            log.warning("A flow run was cancelled or paused; it ends at its next step.")
            with self._lock:
                stop = self._running.get(flow_run)
                if stop is not None:
                    stop.cancel(suspended=state is StateType.PAUSED)
