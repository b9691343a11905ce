"""The dataset as a Prefect flow: a thin view. Our manifest stays the record; results never pass through Prefect.

Each video is a task run and so is each of its stages. Parameters are ordinals, names are ordinals and stages, and the
one artifact is the table of verdicts by public id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.context import Outcome, Services
from flows.sources import Job
from flows.video import convert_video
from infra.errors import Withheld
from infra.privacy import install
from infra.settings import Settings

ARTIFACT = "anonflow-verdicts"

T = TypeVar("T")


def run_with_prefect(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome]:
    """Run the jobs as one flow run with a task run per video, on settings.workers threads, and below it one per stage.

    Uses the server at PREFECT_API_URL, or an ephemeral one that ends with the run.
    """
    by_ordinal = {job.ordinal: job for job in jobs}
    outcomes: dict[int, Outcome] = {}

    @task(
        name="convert video",
        task_run_name="video {ordinal}",
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=0,
    )
    def video(ordinal: int) -> str:
        install(services.privacy)

        def show(name: str, work: Callable[[], T]) -> T:
            return as_task(f"video {ordinal}: {name}", work)

        outcome = convert_video(by_ordinal[ordinal], settings, services, show)
        outcomes[ordinal] = outcome
        return f"{outcome.row.public_id} {outcome.row.verdict.value}"

    runner: Any = ThreadPoolTaskRunner(max_workers=settings.workers)

    @flow(
        name="anonflow convert",
        flow_run_name=f"{len(jobs)} videos, seed {settings.seed}",
        task_runner=runner,
        persist_result=False,
        validate_parameters=False,
    )
    def dataset() -> None:
        install(services.privacy)
        futures = [video.submit(ordinal) for ordinal in by_ordinal]
        try:
            for future in futures:
                future.result()
        except BaseException:
            services.cancelled.set()
            raise
        create_table_artifact(
            key=ARTIFACT, table=[_line(outcomes[n]) for n in by_ordinal], description="One line per input."
        )

    dataset()
    return [outcomes[ordinal] for ordinal in by_ordinal]


def as_task(name: str, work: Callable[[], T]) -> T:
    """Run the work as a task run of this name, in the caller's thread; what it returns or raises stays in here.

    Prefect would send an exception's text to its server and log it, and the text of an unforeseen one may quote the
    source; so the task ends in a state that says its type alone.
    """
    made: list[T] = []
    raised: list[Exception] = []

    def run() -> State[None]:
        try:
            made.append(work())
        except Exception as error:
            raised.append(error)
            if isinstance(error, Withheld):
                return Completed(name="Withheld", message=error.reason)
            return Failed(message=type(error).__name__)
        return Completed()

    stage = task(name="stage", task_run_name=name, cache_policy=NO_CACHE, persist_result=False, retries=0)(run)
    stage(return_state=True)
    if raised:
        raise raised[0]
    return made[0]


def _line(outcome: Outcome) -> dict[str, Any]:
    row = outcome.row
    return {
        "public id": row.public_id,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "frames": row.frames,
        "seconds": round(sum(row.stage_seconds.values()), 1),
        "reused": outcome.reused,
    }
