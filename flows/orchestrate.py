"""The dataset as a Prefect flow: a thin view. Our manifest stays the record; results never pass through Prefect.

Task parameters are ordinals, names are ordinals, and the one artifact is the table of verdicts by public id.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from flows.sources import Job
from flows.video import Outcome, Services, convert_video
from infra.privacy import install
from infra.settings import Settings

ARTIFACT = "anonflow-verdicts"


def run_with_prefect(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome]:
    """Run the jobs as one flow run with one task run per video on settings.workers threads.

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
        outcome = convert_video(by_ordinal[ordinal], settings, services)
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
