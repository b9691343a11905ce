"""Work as Prefect task runs: what they are called, in which state they end, and how many there were.

What a task works on is handed to it in the process, so that nothing of it reaches the server.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from types import FunctionType
from typing import Any, TypeVar

import httpx
from prefect import Task, get_client, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.exceptions import PrefectException
from prefect.states import Cancelled as PrefectCancelled
from prefect.states import Completed, Failed

from flows.manifest.explanation import in_a_line
from flows.manifest.rows import VideoRow
from flows.run.cancelled import Cancelled
from infra.errors import AnonflowError, Withheld
from infra.settings import Settings
from models.selection import profiles
from tasks.records import Verdict
from tasks.stage import Stage

T = TypeVar("T")
log = logging.getLogger("anonflow")

OPTIONS: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}
_RECORDED_WITHIN_S = 15.0
"""How long a run waits for the server to have recorded its tasks, which it does with a delay."""


class Count:
    """Counts task runs; safe among threads."""

    def __init__(self) -> None:
        self.value = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.value += 1


STARTED: ContextVar[Count | None] = ContextVar("anonflow_started", default=None)
"""Counts the task runs of a flow run."""
_WORK: ContextVar[Callable[[], State[None]]] = ContextVar("anonflow_work")


def run_work(label: str) -> State[None]:
    """Run the work that the caller holds ready.

    Args:
        label: What people read; it names no person.

    Returns:
        The state of the task run.
    """
    return _WORK.get()()


@cache
def task_named(name: str) -> Task[..., Any]:
    """Return the task of a stage, or of another kind of work.

    Args:
        name: Of the stage or kind.

    Returns:
        The task, which runs what `as_task` holds ready.
    """
    work = FunctionType(run_work.__code__, run_work.__globals__, name.replace(" ", "_"))
    # Prefect tells tasks apart by the names of their functions.
    work.__annotations__, work.__qualname__ = run_work.__annotations__, work.__name__
    return task(name=name, task_run_name="{label}", **OPTIONS)(work)


def as_task(name: str, work: Callable[[], T], kind: Stage[Any, Any] | str = "", tags: set[str] | None = None) -> T:
    """Run work as a task run, in the caller's thread.

    Args:
        name: Of the task run.
        work: The work; what it returns or raises stays in this process.
        kind: Stage, or kind of work, that names the task.
        tags: Of the task run.

    Returns:
        What the work returns.
    """
    made: list[T] = []
    raised: list[BaseException] = []

    def run() -> State[None]:
        try:
            made.append(work())
        except (Exception, Cancelled) as error:
            return failed(error, raised)
        return Completed()

    chosen = task_named(kind.name if isinstance(kind, Stage) else kind or name)
    token = _WORK.set(run)
    count()
    try:
        _ = (chosen.with_options(tags=tags) if tags else chosen)(label=name, return_state=True)
    finally:
        _WORK.reset(token)
    if raised:
        raise raised[0]
    return made[0]


def resource(settings: Settings, stage: Stage[Any, Any]) -> str:
    """Return what a stage mostly needs, by which Prefect can limit how many run at a time.

    Args:
        settings: Of the run.
        stage: The stage.

    Returns:
        "gpu" when one of its networks runs on a card where there is one, else "cpu".
    """
    known = profiles.roles(settings)
    roles = (known[role] for role in stage.roles if role in known)
    entries = [profiles.backend(role.capability, name) for role in roles for name in role.backends]
    return "gpu" if any(entry.gpu for entry in entries) else "cpu"


def failed(error: BaseException, raised: list[BaseException]) -> State[None]:
    """Note an error, and return the state in which a run ends with it.

    Prefect would send an exception's text to its server and log it, and the text of an unforeseen one may quote the
    source; so its type alone is told. The texts of our own errors are safe.

    Args:
        error: The error.
        raised: Takes it.

    Returns:
        The state.
    """
    raised.append(error)
    if isinstance(error, Withheld):
        return PrefectCancelled(name="Withheld", message=f"{error.reason}: {error}")
    if isinstance(error, Cancelled):
        return PrefectCancelled(message="Stopped.")
    return Failed(message=str(error) if isinstance(error, AnonflowError) else f"Unexpected {type(error).__name__}.")


def verdict_state(row: VideoRow) -> State[None]:
    """Return the state of a video that has its verdict: red when it failed, grey when it was withheld, else green.

    Args:
        row: Of the video.

    Returns:
        The state; its message says what became of the video, why, and what to do.
    """
    if row.verdict is Verdict.FAILED:
        return Failed(message=in_a_line(row))
    if row.verdict is Verdict.WITHHELD:
        return PrefectCancelled(name="Withheld", message=in_a_line(row))
    return Completed(name=row.verdict.value.capitalize(), message=in_a_line(row))


class OwnName:
    """The name of the task run that calls this."""

    def __init__(self) -> None:
        self._run = TaskRunContext.get()
        self._untold = False

    def set(self, name: str) -> None:
        """Change the name; the server hears of it with the next state of the task run at the latest.

        Args:
            name: The name.
        """
        if self._run is not None:
            self._run.task_run.name = name
            self._untold = True

    def tell(self) -> None:
        """Let the server show the name now, if it has recorded the task run already."""
        if self._run is None or not self._untold:
            return
        with contextlib.suppress(httpx.HTTPError, PrefectException, OSError), get_client(sync_client=True) as client:
            client.set_task_run_name(self._run.task_run.id, self._run.task_run.name)
            self._untold = False


def count() -> None:
    """Count a task run of the flow run that is under way here, if they are counted."""
    if (started := STARTED.get()) is not None:
        started.add()


def recorded() -> str:
    """Say how many of the flow run's task runs the server shows, once it shows all or has had time enough.

    Returns:
        A sentence; empty where they are not counted, or the server does not answer.
    """
    started, flow_run = STARTED.get(), runtime.flow_run.id
    if started is None or not flow_run:
        return ""
    shown, until = 0, time.monotonic() + _RECORDED_WITHIN_S
    wanted = {"flow_runs": {"id": {"any_": [str(flow_run)]}}}
    try:
        with get_client(sync_client=True) as client:
            while shown < started.value and time.monotonic() < until:
                shown = int(client.request("POST", "/task_runs/count", json=wanted).json())
                time.sleep(0.2)
    except Exception as error:
        # It is a view: that it cannot be asked must not fail a run that is done.
        log.warning("How many task runs Prefect has recorded is not known (%s).", type(error).__name__)
        return ""
    if shown < started.value:
        return f"Prefect recorded {shown} of {started.value} task runs; the manifest has every verdict."
    return f"{started.value} task runs"
