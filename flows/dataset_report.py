"""Evaluates a dataset on a worker; the report goes to the store."""

from __future__ import annotations

import logging
import threading

from flows import reports
from flows.cancelled import Cancelled, LeaseLost
from flows.context import Show
from flows.datasets import Dataset
from flows.evaluate import PROFILE, WITH_FID, Request, evaluate
from flows.pairs import Pair
from flows.run_places import evaluation_of, evaluation_path, note_evaluation, present_evaluation
from flows.shard_engine import Engine
from flows.shard_run import Machine
from infra.errors import StoreError, UsageError
from infra.lease import Claim, Leases
from infra.scratch import scratch
from infra.settings import Settings
from infra.store import Store
from tasks.report.content import Content

log = logging.getLogger("anonflow")


class Evaluation:
    """One evaluation of what was converted of a dataset so far; one worker at a time."""

    def __init__(
        self, dataset: Dataset, store: Store, engine: Engine, machine: Machine, stop: threading.Event, handle: str
    ) -> None:
        """engine: abandons the flow run of a worker that died. stop: ends it at its next step when set. handle: by
        which the engine knows this evaluation."""
        self._dataset, self._store, self._engine, self._machine = dataset, store, engine, machine
        self._stop, self._handle = stop, handle

    def run(self, every: int, show: Show, fid: bool = False) -> Content:
        """Look at every `every`-th frame, and store the report. fid: with the Fréchet inception distance.

        Raises UsageError while another worker evaluates this dataset, LeaseLost when one has taken over, Cancelled when
        stopped, otherwise as `flows.evaluate.evaluate`.
        """
        with Leases(self._store) as leases:
            mine = leases.claim_patiently(evaluation_of(self._dataset.name), self._stop)
            self._heed(leases, mine)
            if mine is None:
                raise UsageError("This dataset is being evaluated by another worker; wait for its end.")
            try:
                return self._alone(every, show, fid, leases, mine)
            finally:
                self._settle(leases, mine)

    def _alone(self, every: int, show: Show, fid: bool, leases: Leases, mine: Claim) -> Content:
        name = self._dataset.name
        before, _ = present_evaluation(self._store, name)
        if before not in ("", self._handle):
            self._engine.abandon(before)
        note_evaluation(self._store, name, self._handle, {"every": every} | ({"fid": True} if fid else {}))
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
                request,
                settings,
                _told,
                show,
                lambda: self._heed(leases, mine),
                lambda: reports.save(self._store, name, out),
            )

    def _heed(self, leases: Leases, mine: Claim | None) -> None:
        if self._stop.is_set():
            raise Cancelled
        if mine is not None and not leases.held(mine):
            raise LeaseLost

    def _settle(self, leases: Leases, mine: Claim) -> None:
        """Only whoever died is to be followed up; what failed is known, and what was stopped runs again."""
        try:
            # Whoever has taken over has a note of its own there.
            if leases.held(mine):
                self._store.remove(evaluation_path(self._dataset.name))
            leases.release(mine)
        except (OSError, StoreError) as error:
            # The evaluation itself has ended as it has; that it will look dead costs one more.
            log.error("The lease on an evaluation could not be given back (%s).", type(error).__name__)


def _told(pair: Pair, trouble: str) -> None:
    log.info("pair %d %s", pair.ordinal, trouble or "measured")
