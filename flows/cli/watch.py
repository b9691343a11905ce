"""Following a run of a dataset in the terminal until it ends, and waiting until one that was stopped has ended."""

from __future__ import annotations

import time
from uuid import UUID

from rich.console import Console
from rich.status import Status

from flows.dataset.under_way import clear_cancelled
from flows.prefect.server import connection, runs
from flows.prefect.server.runs import Seen
from infra.errors import ServerUnavailable
from infra.storage.lease import TTL_S, Leases
from infra.storage.store import Store

_LOOK_S = 2.0
_PATIENCE_S = 600.0
_STOP_S = 3 * TTL_S
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_SKIPPED = "Skipped"


def watch_to_the_end(console: Console, dataset: str, flow_run: UUID) -> bool:
    """Tell what becomes of a flow run until it ends; one that takes over from a dead worker is followed.

    Args:
        console: Gets a line that is kept up to date on a terminal, else a line for each change.
        dataset: Its name.
        flow_run: Its id.

    Returns:
        Whether it ended well: neither failed nor cancelled nor skipped.

    Raises:
        ServerUnavailable: When the server is silent for too long; the run goes on without it.
    """
    said, warned, silent_since = "", set[str](), None
    with console.status(dataset) as live:
        while True:
            try:
                seen = runs.look(dataset, flow_run)
                silent_since = None
            except ServerUnavailable:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > _PATIENCE_S:
                    raise
                live.update(f"{dataset}: the Prefect server does not answer; the run goes on without it")
                time.sleep(_LOOK_S)
                continue
            flow_run, state = seen.flow_run, seen.state
            ended = state is not None and state.type.value in _ENDED
            line = _line(seen)
            if line != said:
                _say(console, live, f"{dataset}: {line}", ended)
                said = line
            for queue in seen.unattended:
                if queue not in warned:
                    warned.add(queue)
                    console.print(f"No worker asks for {queue}: start one with `anonflow worker`.", soft_wrap=True)
            if ended and state is not None:
                page = connection.page("flow-run", flow_run)
                if page:
                    console.print(page, soft_wrap=True)
                return state.type.value == "COMPLETED" and state.name != _SKIPPED
            time.sleep(_LOOK_S)


def _line(seen: Seen) -> str:
    state = seen.state
    parts = [state.name or "", state.message or ""] if state is not None else []
    # The message of a run that is under way is about how it was queued.
    if state is not None and state.type.value not in _ENDED and seen.progress:
        parts = [state.name or "", seen.progress]
    return ": ".join(part for part in parts if part)


def _say(console: Console, live: Status, line: str, ended: bool) -> None:
    if console.is_terminal and not ended:
        live.update(line)
    else:
        console.print(line, markup=False, soft_wrap=True)


def wait_for_the_end(console: Console, store: Store, dataset: str) -> None:
    """Cancel what runs or waits of a dataset, and wait until it has ended and its leases are given back.

    Args:
        console: Hears what was cancelled.
        store: Private store.
        dataset: Its name.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    until, told = time.monotonic() + _STOP_S, set[UUID]()
    with Leases(store) as leases, console.status(dataset):
        while True:
            found = runs.stop(dataset)
            for run in found:
                if run.id not in told:
                    told.add(run.id)
                    console.print(f"cancelled: {run.name}", markup=False)
            # Of a worker that died nobody gives the leases back, and others would take its work up again.
            ending = all(run.state_type is not None and run.state_type.value == "CANCELLING" for run in found)
            if ending and clear_cancelled(store, leases, dataset):
                runs.give_up(dataset)
                console.print(f"{dataset}: nothing runs or waits any more")
                return
            if time.monotonic() > until:
                console.print(f"{dataset}: not everything has ended yet; see `anonflow status {dataset}`")
                return
            time.sleep(_LOOK_S)
