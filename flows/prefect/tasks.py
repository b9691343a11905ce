"""Videos and their stages as Prefect tasks: a thin view. Our manifest stays the record; results never pass through
Prefect.

Parameters are ordinals, names are ordinals and stages; artifacts (`flows.prefect.artifacts`) tell of public ids alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.prefect import artifacts
from flows.recipes.context import Outcome, Services
from flows.run.convert import Summary, convert_jobs
from flows.run.sources import Job
from flows.run.video import convert_video
from infra.errors import Withheld
from infra.privacy import install
from infra.settings import Settings

T = TypeVar("T")


def convert_in_flow(jobs: list[Job], settings: Settings, services: Services) -> Summary:
    """Run the jobs as one flow run with a task run per video, on settings.workers threads, and below it one per stage.

    Uses the server at PREFECT_API_URL, or an ephemeral one that ends with the run.
    """
    made: list[Summary] = []
    raised: list[Exception] = []

    @flow(
        name="anonflow convert",
        flow_run_name=f"{len(jobs)} videos, seed {settings.seed}",
        task_runner=runner_for(settings),
        persist_result=False,
        validate_parameters=False,
    )
    def dataset() -> State[None]:
        try:
            made.append(convert_jobs(jobs, settings, services, videos_as_tasks))
        except Exception as error:
            return failed(error, raised)
        artifacts.attempt(lambda: artifacts.verdicts([outcome.row for outcome in made[0].outcomes]))
        return Completed()

    dataset(return_state=True)
    if raised:
        raise raised[0]
    return made[0]


def runner_for(settings: Settings) -> Any:
    """Threads for as many videos at a time as the settings say."""
    return ThreadPoolTaskRunner(max_workers=settings.workers)


def videos_as_tasks(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome | None]:
    """Convert the jobs as task runs of the flow run that calls this."""
    by_ordinal = {job.ordinal: job for job in jobs}
    outcomes: dict[int, Outcome | None] = {}
    raised: list[Exception] = []

    @task(
        name="convert video",
        task_run_name="video {ordinal}",
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=0,
    )
    def video(ordinal: int) -> State[None]:
        install(services.privacy)

        def show(name: str, work: Callable[[], T]) -> T:
            return as_task(f"video {ordinal}: {name}", work)

        try:
            outcome = outcomes[ordinal] = convert_video(by_ordinal[ordinal], settings, services, show)
        except Exception as error:
            services.cancelled.set()
            return failed(error, raised)
        if outcome is None:
            return Completed(name="Left", message="Another process is working on it.")
        return Completed(message=f"{outcome.row.public_id} {outcome.row.verdict.value}")

    install(services.privacy)
    futures = [video.submit(ordinal) for ordinal in by_ordinal]
    try:
        for future in futures:
            future.wait()
            if raised:
                raise raised[0]
            future.result()
    except BaseException:
        services.cancelled.set()
        raise
    return [outcomes[ordinal] for ordinal in by_ordinal]


def as_task(name: str, work: Callable[[], T]) -> T:
    """Run the work as a task run of this name, in the caller's thread; what it returns or raises stays in here."""
    made: list[T] = []
    raised: list[Exception] = []

    def run() -> State[None]:
        try:
            made.append(work())
        except Exception as error:
            ended = failed(error, raised)
            return Completed(name="Withheld", message=error.reason) if isinstance(error, Withheld) else ended
        return Completed()

    stage = task(name="stage", task_run_name=name, cache_policy=NO_CACHE, persist_result=False, retries=0)(run)
    stage(return_state=True)
    if raised:
        raise raised[0]
    return made[0]


def failed(error: Exception, raised: list[Exception]) -> State[None]:
    """Note an error, and the state in which a run ends with it.

    Prefect would send an exception's text to its server and log it, and the text of an unforeseen one may quote the
    source; so the state says its type alone.
    """
    raised.append(error)
    return Failed(message=type(error).__name__)
