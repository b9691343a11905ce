"""The Prefect flow that evaluates a converted dataset on a worker and leaves the report in the store."""

from __future__ import annotations

import logging
import os

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows import board, datasets, reports
from flows.case import log_unexpected
from flows.evaluate import EVERY, PROFILE, Request, evaluate
from flows.evaluate_flow import KEY, headline
from flows.orchestrate import as_task
from flows.pairs import Pair
from infra.errors import AnonflowError
from infra.scratch import scratch
from infra.settings import Settings
from infra.store import Store

log = logging.getLogger("anonflow")


@flow(
    name="evaluate-dataset",
    flow_run_name="evaluate · {dataset}",
    persist_result=False,
    description="Attack a converted dataset, measure what it is still good for, and leave a report in the store.",
)
def evaluate_dataset(dataset: str, every: int = EVERY) -> State[None]:
    """Evaluate what was converted so far.

    dataset: its name, as defined by `anonflow deploy`. every: look at every so many frames. Every original counts as
    showing somebody else; who is who would have to be said by a parameter that all can read.
    """
    try:
        store = Store(Settings().cache_url)
        defined = datasets.load(store, dataset)
        settings = Settings(profile=PROFILE, threads=int(os.environ.get("ANONFLOW_THREADS", 2)))
        with scratch() as folder:
            out = folder / "report"
            request = Request(defined.source, defined.destination, out, every=every, title=dataset)
            content = evaluate(request, settings, _told, as_task)
            reports.save(store, dataset, out)
    except AnonflowError as error:
        log.error("%s", error)
        return Failed(message=f"{type(error).__name__}: {error}")
    except Exception as error:
        log_unexpected(f"Dataset {dataset}", error)
        return Failed(message=f"Unexpected {type(error).__name__}; see the worker's log.")
    board.attempt(lambda: create_markdown_artifact(key=f"{KEY}-{dataset}", markdown=headline(content)))
    return Completed(message=f"{content.outcome.value}: {content.verdict}")


def _told(pair: Pair, trouble: str) -> None:
    log.info("pair %d %s", pair.ordinal, trouble or "measured")
