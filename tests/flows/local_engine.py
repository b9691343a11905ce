"""An engine that converts shards on threads of this process, and can lose them like a real one."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from flows.dataset import definition
from flows.dataset.coordinator import Concluded, Coordinator, Policy, Takeover
from flows.dataset.definition import Dataset
from flows.dataset.run_progress import RunProgress
from flows.dataset.scheduler import State
from flows.dataset.shard_run import Machine, convert_shard
from flows.recipes.context import Stages
from flows.run.cancelled import Cancelled, Stop
from flows.run.convert import run_in_threads
from infra.privacy import key_path, load_key
from infra.settings import Settings
from infra.storage.store import Store
from tests.flows.support import grey_chain

QUICK = Policy(poll_s=0.05, silence_s=0.5)


class LocalEngine:
    """chain: between probe and publish. lose: (shard, attempt) -> whether that run vanishes, and how the engine then
    says it is (RUNNING looks alive for ever, as after a kill; CANCELLED as by a person)."""

    def __init__(
        self, chain: Stages = grey_chain, lose: Callable[[int, int], State | None] = lambda number, attempt: None
    ) -> None:
        self.chain, self.lose = chain, lose
        self.submitted: list[tuple[int, int]] = []
        self.abandoned: list[str] = []
        self.stop = threading.Event()
        self.dropped: list[str] = []
        self.cancelled_runs: list[str] = []
        self._threads: dict[str, threading.Thread] = {}
        self._lost: dict[str, State] = {}

    def submit(self, dataset: str, run: str, number: int, of: int, attempt: int) -> str:
        handle = f"{run}-{number}-{attempt}"
        self.submitted.append((number, attempt))
        lost = self.lose(number, attempt)
        if lost is not None:
            self._lost[handle] = lost
            return handle

        def work() -> None:
            machine, logger = Machine(), logging.getLogger("anonflow")
            # A shard that is cancelled ends without a word, as a flow run does.
            with contextlib.suppress(Cancelled):
                convert_shard(run, number, run_in_threads, machine, logger, self.stop, False, self.chain)

        self._threads[handle] = threading.Thread(target=work)
        self._threads[handle].start()
        return handle

    def state(self, handle: str) -> State:
        if handle in self._lost:
            return self._lost[handle]
        return State.RUNNING if self._threads[handle].is_alive() else State.OVER

    def abandon(self, handle: str) -> None:
        self.abandoned.append(handle)
        self._lost[handle] = State.OVER

    def drop(self, run: str) -> None:
        self.dropped.append(run)

    def cancel(self, run: str) -> bool:
        self.cancelled_runs.append(run)
        self.stop.set()
        return True

    def running(self, run: str) -> list[tuple[str, int]]:
        return [("zombie", 1)] if run in self.dropped and "zombie" not in self.abandoned else []


class Shown:
    """A board that remembers."""

    def __init__(self) -> None:
        self.said: list[RunProgress] = []

    def show(self, progress: RunProgress) -> None:
        self.said.append(progress)


def define(source: Path, destination: Path, name: str = "films", **settings: object) -> Dataset:
    """Define a dataset in the store of the environment."""
    dataset = definition.define(name, str(source), str(destination), Settings(**settings))  # type: ignore[arg-type]
    definition.save(Store(Settings().cache_url), dataset)
    return dataset


def coordinate(
    dataset: Dataset,
    scheduler: LocalEngine | None = None,
    policy: Policy = QUICK,
    board: Shown | None = None,
    takeover: Takeover | None = None,
    stop: Stop | None = None,
) -> Concluded:
    """Run a dataset to its end on threads."""
    store, key = Store(Settings().cache_url), load_key(key_path(Settings().cache_url))
    return Coordinator(dataset, store, key, scheduler or LocalEngine(), board or Shown(), policy, stop, takeover).run()
