"""Rechecks a dataset on a worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flows.dataset.definition import Dataset
from flows.dataset.exclusive import Exclusive
from flows.dataset.scheduler import Scheduler
from flows.dataset.shard_run import Machine
from flows.dataset.store_layout import recheck_of, recheck_path
from flows.recheck.recheck import Outcome, Rechecked, Request, recheck
from flows.recipes.context import TaskWrapper
from flows.run import sources
from infra.errors import UsageError
from infra.settings import Settings
from infra.storage.store import Store

log = logging.getLogger("anonflow")

_BUSY = "This dataset is being rechecked by another worker; wait for its end."


class DatasetRecheck:
    """One recheck of what a dataset has published so far; one worker at a time."""

    def __init__(
        self, dataset: Dataset, store: Store, scheduler: Scheduler, machine: Machine, stop: threading.Event, handle: str
    ) -> None:
        """Args:
        dataset: The dataset.
        store: Private store.
        scheduler: Abandons the flow run of a worker that died.
        machine: What belongs to this machine.
        stop: Ends the recheck at its next step when set.
        handle: By which the scheduler knows this recheck.
        """
        self._dataset, self._machine = dataset, machine
        lease, path = recheck_of(dataset.name), recheck_path(dataset.name)
        self._alone = Exclusive(store, scheduler, stop, handle, lease, path, _BUSY)

    def run(self, pull: bool, against_source: bool, show: TaskWrapper) -> Rechecked:
        """Audit every published file again.

        Args:
            pull: Take out what fails.
            against_source: Compare each with its source.
            show: Makes each file visible to an orchestrator.

        Returns:
            What was found.

        Raises:
            UsageError: While another worker rechecks this dataset.
            LeaseLost: When another worker has taken over.
            Cancelled: When stopped.
            Exception: Otherwise as `flows.recheck.recheck.recheck`.
        """
        settings = Settings(threads=self._machine.threads)

        def work(check_cancelled: Callable[[], None]) -> Rechecked:
            source = self._source() if against_source else ""
            return recheck(Request(self._dataset.destination, source, pull), settings, _told, check_cancelled, show)

        return self._alone.run({"pull": pull, "against_source": against_source}, work)

    def _source(self) -> str:
        """Where the sources are, empty when they are not there any more; what was found says how many were missed."""
        try:
            sources.find(self._dataset.source, sources.VIDEO_SUFFIXES, self._dataset.destination)
        except UsageError:
            log.warning(
                "The sources of %s are not there any more; its results are looked at alone.", self._dataset.name
            )
            return ""
        return self._dataset.source


def _told(outcome: Outcome, fresh: bool) -> None:
    log.info("%s %s", outcome.public_id, ", ".join(outcome.reasons) or "passed")
