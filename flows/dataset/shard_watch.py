"""One shard of a run until it has ended: submitted again when it was lost, given up when that has been fruitless."""

from __future__ import annotations

import logging

from flows.dataset.scheduler import Scheduler, State
from flows.dataset.shards import Shard
from flows.dataset.store_layout import shard_lease
from infra.storage.lease import Leases, boottime

log = logging.getLogger("anonflow")

FRUITLESS = 4
"""So many times in a row a shard may end without a single new row before the run gives it up. A video that kills its
worker is given up by itself after two."""


class ShardWatch:
    """Watches one shard for a coordinator.

    Attributes:
        inputs: Keyed ids of the shard's inputs.
        lease: Name of the lease of the worker on the shard.
    """

    def __init__(
        self, dataset: str, run: str, shard: Shard, inputs: frozenset[str], scheduler: Scheduler, silence_s: float
    ) -> None:
        """Args:
        dataset: Its name.
        run: Id of the run.
        shard: The shard.
        inputs: Keyed ids of its inputs.
        scheduler: Hands it to workers.
        silence_s: Seconds without a sign of life after which a worker counts as dead.
        """
        self.inputs, self.lease = inputs, shard_lease(run, shard.number)
        self._dataset, self._run, self._shard = dataset, run, shard
        self._scheduler, self._silence_s = scheduler, silence_s
        self._handle, self._attempt, self._fruitless, self._done_before, self._deaths = "", 0, 0, 0, 0
        self._silent_since: float | None = None
        self._cancelled = False

    def submit(self) -> None:
        """Hand the shard to the scheduler."""
        self._attempt += 1
        number, of = self._shard.number, self._shard.of
        self._handle = self._scheduler.submit(self._dataset, self._run, number, of, self._attempt)

    def ended(self, leases: Leases) -> bool:
        """Say whether no worker works on the shard any more, nor will. To be asked repeatedly.

        Args:
            leases: Tell who is alive.

        Returns:
            Whether none does.
        """
        if leases.alive(self.lease):
            self._silent_since = None
            return False
        state = self._scheduler.state(self._handle)
        self._cancelled = state is State.CANCELLED
        if state is not State.RUNNING:
            self._silent_since = None
            return state is not State.WAITING
        # A worker that has not taken its lease yet may still be loading; one that left its lease behind is dead.
        if self._silent_since is None:
            self._silent_since = boottime()
        silent = boottime() - self._silent_since
        if silent < self._silence_s and leases.dead(self.lease) <= self._deaths:
            return False
        self._deaths = leases.dead(self.lease)
        log.warning("Shard %d: its worker gives no sign of life.", self._shard.number)
        self._scheduler.abandon(self._handle)
        return True

    def submit_again(self, done: int) -> bool:
        """Submit the shard again unless a person cancelled it, or that has been fruitless too often.

        Args:
            done: How many of its inputs have their verdict.

        Returns:
            Whether it was submitted.
        """
        if self._cancelled:
            log.warning("Shard %d was cancelled; what is left of it waits for the next run.", self._shard.number)
            return False
        self._fruitless = 0 if done > self._done_before else self._fruitless + 1
        self._done_before, self._silent_since = done, None
        if self._fruitless >= FRUITLESS:
            log.error("Shard %d is given up: %d ends without a new row.", self._shard.number, FRUITLESS)
            return False
        self.submit()
        return True
