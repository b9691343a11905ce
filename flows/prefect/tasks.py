"""Videos and their stages as Prefect tasks: a thin view. The manifest stays the record; results never pass through
Prefect.

Parameters are ordinals; names and messages tell of ordinals, public ids, stages, attempts, verdicts and reasons.
What a task works on is handed to it in the process, so that nothing of it reaches the server.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.prefect import artifacts
from flows.prefect.task_runs import (
    OPTIONS,
    STARTED,
    Count,
    OwnName,
    as_task,
    count,
    failed,
    recorded,
    resource,
    verdict_state,
)
from flows.run.cancelled import Cancelled
from flows.run.convert import Summary, convert_jobs
from flows.run.session import Outcome, Services
from flows.run.sources import Job
from flows.run.video import convert_video
from infra.errors import UsageError
from infra.privacy import install
from infra.settings import Settings
from tasks.stage import Stage

T = TypeVar("T")


@dataclass
class _Session:
    """What the tasks of one flow run work on.

    Attributes:
        jobs: By ordinal.
        settings: Of the run.
        services: What all inputs share.
        outcomes: By ordinal, of those that are done.
        summary: Of the whole run, once it has ended.
        raised: Errors that end the run.
        ids: Public ids by ordinal, of inputs whose content is known.
    """

    jobs: dict[int, Job]
    settings: Settings
    services: Services
    outcomes: dict[int, Outcome | None] = field(default_factory=dict)
    summary: Summary | None = None
    raised: list[BaseException] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)


_SESSION: ContextVar[_Session] = ContextVar("anonflow_session")


def _flow_run_name() -> str:
    session = _SESSION.get()
    return f"{len(session.jobs)} videos, seed {session.settings.seed}"


@flow(name="anonflow convert", flow_run_name=_flow_run_name, persist_result=False, validate_parameters=False)
def convert_inputs() -> State[None]:
    """Convert the inputs of the session, one task run each, and below it one per stage."""
    session = _SESSION.get()
    try:
        summary = convert_jobs(list(session.jobs.values()), session.settings, session.services, videos_as_tasks)
    except Exception as error:
        return failed(error, session.raised)
    session.summary = summary
    artifacts.attempt(lambda: artifacts.verdicts([outcome.row for outcome in summary.outcomes]))
    return Completed(message=recorded())


@task(name="convert video", task_run_name="video {ordinal}", **OPTIONS)
def convert_one(ordinal: int) -> State[None]:
    """Convert one video of the session.

    Args:
        ordinal: Its place in the input list.

    Returns:
        The state of the task run; the outcome stays in the session.
    """
    session = _SESSION.get()
    install(session.services.privacy)
    own_name = OwnName()

    def show(name: str, work: Callable[[], T], kind: Stage[Any, Any] | str = "") -> T:
        own_name.tell()
        tags = {resource(session.settings, kind)} if isinstance(kind, Stage) else set()
        return as_task(f"{session.ids.get(ordinal, f'video {ordinal}')}: {name}", work, kind, tags)

    def identified(known: int, public_id: str) -> None:
        session.ids[known] = public_id
        own_name.set(f"video {known} · {public_id}")

    try:
        services = replace(session.services, identified=identified)
        outcome = convert_video(session.jobs[ordinal], session.settings, services, show)
        session.outcomes[ordinal] = outcome
    except (Exception, Cancelled) as error:
        session.services.cancelled.set()
        return failed(error, session.raised)
    if outcome is None:
        return Completed(name="Left", message="Another process is working on it.")
    return verdict_state(outcome.row)


def convert_in_flow(jobs: list[Job], settings: Settings, services: Services) -> Summary:
    """Run the jobs as one flow run, on settings.workers threads.

    Uses the server at PREFECT_API_URL, or an ephemeral one that ends with the run.

    Args:
        jobs: The inputs.
        settings: Of the run.
        services: What all inputs share.

    Returns:
        The verdicts, in order of the inputs.
    """
    session = _Session({job.ordinal: job for job in jobs}, settings, services)
    tokens = _SESSION.set(session), STARTED.set(Count())
    try:
        convert_inputs.with_options(task_runner=runner_for(settings))(return_state=True)
    finally:
        _SESSION.reset(tokens[0])
        STARTED.reset(tokens[1])
    if session.raised:
        raise session.raised[0]
    if session.summary is None:
        raise UsageError("Prefect did not start the flow run, so nothing was converted; look at it in Prefect's pages.")
    return session.summary


def runner_for(settings: Settings) -> Any:
    """Return threads for as many videos at a time as the settings say.

    Args:
        settings: Of the run.

    Returns:
        The task runner.
    """
    return ThreadPoolTaskRunner(max_workers=settings.workers)


def videos_as_tasks(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome | None]:
    """Convert the jobs as task runs of the flow run that calls this.

    Args:
        jobs: The inputs.
        settings: Of the run.
        services: What all inputs share.

    Returns:
        Their outcomes in order; None where another process is working on the input.
    """
    session = _Session({job.ordinal: job for job in jobs}, settings, services)
    token = _SESSION.set(session)
    install(services.privacy)
    try:
        futures = []
        for ordinal in session.jobs:
            count()
            futures.append(convert_one.submit(ordinal))
        for future in futures:
            future.wait()
            if session.raised:
                raise session.raised[0]
    except BaseException:
        services.cancelled.set()
        raise
    finally:
        _SESSION.reset(token)
    return [session.outcomes[ordinal] for ordinal in session.jobs]
