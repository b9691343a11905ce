"""Evaluates a dataset on a worker; the report goes to the store."""

from __future__ import annotations

import logging
import threading

from flows import reports
from flows.context import Show
from flows.datasets import Dataset
from flows.evaluate import PROFILE, Request, evaluate
from flows.pairs import Pair
from flows.shard_run import Machine
from infra.scratch import scratch
from infra.settings import Settings
from infra.store import Store
from tasks.report.content import Content

log = logging.getLogger("anonflow")


def make(store: Store, dataset: Dataset, every: int, machine: Machine, show: Show, stop: threading.Event) -> Content:
    """Evaluate what was converted so far. every: look at every so many frames. stop: ends it at its next step when set.
    Raises as `flows.evaluate.evaluate`."""
    settings = Settings(profile=PROFILE, workers=machine.videos, threads=machine.threads)
    with scratch() as folder:
        out = folder / "report"
        request = Request(
            dataset.source, dataset.destination, out, every=every, title=dataset.name, dataset=dataset.name
        )
        content = evaluate(request, settings, _told, show, stop)
        reports.save(store, dataset.name, out)
    return content


def _told(pair: Pair, trouble: str) -> None:
    log.info("pair %d %s", pair.ordinal, trouble or "measured")
