"""Work on a whole dataset that one worker does at a time, and that another takes over when its worker died."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from flows.dataset.scheduler import Scheduler
from flows.dataset.under_way import note, noted
from flows.run.cancelled import Cancelled, LeaseLost
from infra.errors import StoreError, UnderWay
from infra.storage.lease import Claim, Leases
from infra.storage.store import Store

log = logging.getLogger("anonflow")

T = TypeVar("T")


class Exclusive:
    """One piece of such work."""

    def __init__(
        self, store: Store, scheduler: Scheduler, stop: threading.Event, handle: str, lease: str, path: str, busy: str
    ) -> None:
        """Args:
        store: Private store.
        scheduler: Abandons the flow run of a worker that died.
        stop: Ends the work at its next step when set.
        handle: By which the scheduler knows the work.
        lease: Its name among the leases.
        path: Where the store notes that it is under way.
        busy: What an UnderWay says while another worker has the lease.
        """
        self._store, self._scheduler, self._stop, self._handle = store, scheduler, stop, handle
        self._lease, self._path, self._busy = lease, path, busy

    def run(self, parameters: dict[str, Any], work: Callable[[Callable[[], None]], T]) -> T:
        """Do the work while no other worker does it.

        Args:
            parameters: The worker that takes over begins with these.
            work: Must call the function that it is given again and again.

        Returns:
            What `work` returns.

        Raises:
            UnderWay: While another worker has the lease.
            LeaseLost: When another worker has taken over.
            Cancelled: When stopped.
            Exception: What the work raises.
        """
        with Leases(self._store) as leases:
            mine = leases.claim_patiently(self._lease, self._stop)
            self._check_cancelled(leases, mine)
            if mine is None:
                raise UnderWay(self._busy)
            try:
                before, _ = noted(self._store, self._path)
                if before not in ("", self._handle):
                    self._scheduler.abandon(before)
                note(self._store, self._path, self._handle, parameters)
                return work(lambda: self._check_cancelled(leases, mine))
            finally:
                self._settle(leases, mine)

    def _check_cancelled(self, leases: Leases, mine: Claim | None) -> None:
        if self._stop.is_set():
            raise Cancelled
        if mine is not None and not leases.held(mine):
            raise LeaseLost

    def _settle(self, leases: Leases, mine: Claim) -> None:
        """Only work of a worker that died is followed up; what failed is known, and what was stopped runs again."""
        try:
            # A worker that has taken over has a note of its own there.
            if leases.held(mine):
                self._store.remove(self._path)
            leases.release(mine)
        except (OSError, StoreError) as error:
            # The work itself has ended as it has; that it will look dead costs one more.
            log.error("A lease on a dataset could not be given back (%s).", type(error).__name__)
