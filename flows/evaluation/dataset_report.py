"""Evaluates a dataset on a worker; the report goes to the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flows.dataset.definition import Dataset
from flows.dataset.exclusive import Exclusive
from flows.dataset.scheduler import Scheduler
from flows.dataset.shard_run import Machine
from flows.dataset.store_layout import evaluation_of, evaluation_path
from flows.evaluation import reports
from flows.evaluation.evaluate import PROFILE, WITH_FID, Request, evaluate
from flows.evaluation.pairs import Pair
from flows.recipes.context import TaskWrapper
from infra.process.scratch import scratch
from infra.settings import Settings
from infra.storage.store import Store
from tasks.evaluation.report.content import Content

log = logging.getLogger("anonflow")

_BUSY = "This dataset is being evaluated by another worker; wait for its end."


class Evaluation:
    """One evaluation of what was converted of a dataset so far; one worker at a time."""

    def __init__(
        self, dataset: Dataset, store: Store, scheduler: Scheduler, machine: Machine, stop: threading.Event, handle: str
    ) -> None:
        """Args:
        dataset: The dataset.
        store: Private store; takes the report.
        scheduler: Abandons the flow run of a worker that died.
        machine: What belongs to this machine.
        stop: Ends the evaluation at its next step when set.
        handle: By which the scheduler knows this evaluation.
        """
        self._dataset, self._store, self._machine, self._stop = dataset, store, machine, stop
        lease, path = evaluation_of(dataset.name), evaluation_path(dataset.name)
        self._alone = Exclusive(store, scheduler, stop, handle, lease, path, _BUSY)

    def run(self, every: int, show: TaskWrapper, fid: bool = False) -> Content:
        """Evaluate the dataset, and store the report.

        Args:
            every: Frames from one look to the next.
            show: Makes each pair visible to an orchestrator.
            fid: With the Fréchet inception distance.

        Returns:
            What the report says.

        Raises:
            UsageError: While another worker evaluates this dataset.
            LeaseLost: When another worker has taken over.
            Cancelled: When stopped.
            Exception: Otherwise as `flows.evaluation.evaluate.evaluate`.
        """
        parameters = {"every": every} | ({"fid": True} if fid else {})
        return self._alone.run(parameters, lambda check_cancelled: self._evaluate(every, show, fid, check_cancelled))

    def _evaluate(self, every: int, show: TaskWrapper, fid: bool, check_cancelled: Callable[[], None]) -> Content:
        name = self._dataset.name
        profile = WITH_FID if fid else PROFILE
        settings = Settings(profile=profile, workers=self._machine.videos, threads=self._machine.threads)
        with scratch() as folder:
            out = folder / "report"
            request = Request(
                self._dataset.source,
                self._dataset.destination,
                out,
                self._dataset.person,
                self._dataset.people,
                every,
                title=name,
                dataset=name,
            )
            return evaluate(
                request, settings, _told, show, check_cancelled, lambda: reports.save(self._store, name, out)
            )


def _told(pair: Pair, trouble: str) -> None:
    log.info("pair %d %s", pair.ordinal, trouble or "measured")
