"""A run over a whole dataset: what is left to do is cut into shards, which workers convert; this waits and concludes.

The rows of the manifest alone say what is done. The scheduler's states only say whether to wait or to submit again, so
it may forget, repeat or lose anything. One coordinator at a time works on a dataset; when it dies, the next one finds
the rows of its workers and goes on from there.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flows.dataset import definition, shards
from flows.dataset.definition import Dataset
from flows.dataset.durations import lengths
from flows.dataset.run_progress import Board, RunProgress
from flows.dataset.scheduler import Scheduler
from flows.dataset.shard_watch import ShardWatch
from flows.dataset.shards import Shard
from flows.dataset.store_layout import RunRecord, folder_of, lease_of, present_path, save_record, shard_lease
from flows.dataset.under_way import note
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.run import sources
from flows.run.cancelled import Cancelled, Stop
from flows.run.convert import dataset_id, forget
from flows.run.fingerprint import fingerprint
from flows.run.sources import Job
from infra.errors import UnderWay
from infra.settings import Settings
from infra.storage.lease import TTL_S, Leases, boottime
from infra.storage.store import Store
from infra.storage.upkeep import remove_for_good
from tasks.generation.gallery import Gallery
from tasks.records import Verdict

log = logging.getLogger("anonflow")


@dataclass(frozen=True)
class Policy:
    """How a run is cut and watched.

    Attributes:
        shard_s: Seconds of video in a shard, see `flows.dataset.shards.cut`.
        most: Jobs in a shard, see `flows.dataset.shards.cut`.
        poll_s: Seconds between two looks.
        silence_s: Seconds without a sign of life after which a worker counts as dead.
        only_failed: Convert only what an earlier run failed to, and forget why.
    """

    shard_s: float = shards.SHARD_S
    most: int = shards.MOST
    poll_s: float = 5.0
    silence_s: float = 1.5 * TTL_S
    only_failed: bool = False


@dataclass(frozen=True)
class Concluded:
    """A run that has ended: its record, and the rows of all inputs of the dataset."""

    record: RunRecord
    rows: list[VideoRow] = field(repr=False)


@dataclass(frozen=True)
class Takeover:
    """What a coordinator that takes over from this one must know.

    Attributes:
        handle: By which the scheduler knows this one.
        parameters: With which its run was begun.
    """

    handle: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


class Coordinator:
    """One run of one dataset."""

    def __init__(
        self,
        dataset: Dataset,
        store: Store,
        key: bytes,
        scheduler: Scheduler,
        board: Board,
        policy: Policy | None = None,
        stop: Stop | None = None,
        takeover: Takeover | None = None,
    ) -> None:
        """Args:
        dataset: The dataset.
        store: Private store.
        key: Makes keyed ids.
        scheduler: Hands shards to workers.
        board: Shows how far the run is.
        policy: How the run is cut and watched, as usual when None.
        stop: Ends the run when set.
        takeover: What a coordinator that takes over from this one must know.
        """
        self._dataset, self._store, self._key = dataset, store, key
        self._scheduler, self._board, self._policy = scheduler, board, policy or Policy()
        self._stop = stop or Stop()
        mine = takeover or Takeover()
        self._handle, self._parameters = mine.handle, mine.parameters
        self._before, self._leases_before = "", list[str]()
        self._settings: Settings = dataset.with_settings()
        self._manifest = Manifest(Store(dataset.destination, private=False))
        self._progress, self._noted = RunProgress(0, 0), dict[str, Any]()
        self.run_id = secrets.token_hex(6)

    def run(self) -> Concluded:
        """Bring every input of the dataset to its verdict.

        Returns:
            The run that has ended.

        Raises:
            UnderWay: When another coordinator is at work.
            UsageError: When nothing is found.
            Cancelled: When its process ends; another coordinator goes on. What a person cancelled ends in order, as
                the record says.
        """
        self._store.check_exclusive()
        with Leases(self._store) as leases, self._alone(leases):
            started = _now()
            self._take_over()
            jobs = sources.find(self._dataset.source, sources.VIDEO_SUFFIXES, self._dataset.destination)
            ids = {job.ordinal: job.input_id(self._key) for job in jobs}
            left, unchanged = self._left(jobs, leases)
            pieces = self._cut(left)
            folder = folder_of(self.run_id)
            definition.save_snapshot(self._store, folder, self._dataset)
            for piece in pieces:
                shards.save(self._store, folder, piece)
            self._progress = RunProgress(len(jobs), unchanged, shards=len(pieces))
            name, silence_s = self._dataset.name, self._policy.silence_s
            watches = [
                ShardWatch(
                    name, self.run_id, p, frozenset(ids[job.ordinal] for job in p.jobs), self._scheduler, silence_s
                )
                for p in pieces
            ]
            try:
                self._watch(watches, leases)
            except Cancelled:
                if not self._stop.cancelled:
                    raise
                self._cancel_shards(watches, leases)
            for name in [*self._leases_before, *(watch.lease for watch in watches)]:
                if leases.dead(name):
                    leases.forget(name)
            return self._conclude(started, jobs)

    @contextlib.contextmanager
    def _alone(self, leases: Leases) -> Iterator[None]:
        lease = lease_of(self._dataset.name)
        with leases.holding(lease, self._stop) as mine, leases.holding(f"run-{self.run_id}") as run:
            if self._stop.is_set():
                raise Cancelled
            if mine is None or run is None:
                raise UnderWay("Another run of this dataset is under way, and goes on; see `anonflow status`.")
            yield

    def _take_over(self) -> None:
        """End what a coordinator left behind that died; this run finds the rows that its workers wrote."""
        before = self._store.read_json(present_path(self._dataset.name))
        if before is not None:
            log.warning("The last run of %s did not end in order; going on from its rows.", self._dataset.name)
            # A coordinator that was stopped in order is run again under its own handle.
            if before["handle"] not in ("", self._handle):
                self._scheduler.abandon(before["handle"])
            self._scheduler.drop(before["run"])
            self._before = before["run"]
            self._leases_before = [f"run-{self._before}"]
            listed = self._store.list_tree(folder_of(self._before))
            self._leases_before += [shard_lease(self._before, n) for n in range(1, len(listed))]
            remove_for_good(self._store, folder_of(before["run"]))
        self._note()

    def _left(self, jobs: Sequence[Job], leases: Leases) -> tuple[list[Job], int]:
        """Jobs that need work, and the number of those that need none."""
        if self._policy.only_failed:
            failed = {row.input_id: row.public_id for row in self._rows(jobs) if row.verdict is Verdict.FAILED}
            left = [job for job in jobs if job.input_id(self._key) in failed]
            for job in left:
                leases.forget(failed[job.input_id(self._key)])
            return left, len(jobs) - len(left)
        known = self._manifest.current_results(fingerprint(self._settings))
        left = [job for job in jobs if (job.input_id(self._key), job.stamp_id(self._key)) not in known]
        return left, len(jobs) - len(left)

    def _cut(self, left: list[Job]) -> list[Shard]:
        seconds = [length.seconds for length in lengths(left)] if left else []
        return shards.cut(left, seconds, self._policy.shard_s, self._policy.most)

    def _watch(self, waiting: list[ShardWatch], leases: Leases) -> None:
        """Submit all shards and wait for their rows."""
        self._told()
        for watch in waiting:
            watch.submit()
        while waiting:
            self._pause()
            self._sweep(leases)
            rows = [row for row in self._manifest.rows() if row.run == self.run_id]
            done, lost, still = {row.input_id for row in rows}, self._progress.lost, []
            for watch in waiting:
                if watch.inputs <= done:
                    continue
                if watch.ended(leases) and not watch.submit_again(len(watch.inputs & done)):
                    lost += len(watch.inputs - done)
                    continue
                still.append(watch)
            waiting = still
            self._told(rows=rows, over=self._progress.shards - len(waiting), lost=lost)

    def _told(self, **changes: Any) -> None:
        """Show how far the run is, and note it for `anonflow status`."""
        self._progress = replace(self._progress, **changes)
        self._board.show(self._progress)
        now = self._progress
        counts = {"inputs": now.total, "todo": now.todo, "done": now.done, "verdicts": now.verdicts}
        if counts != self._noted:
            self._note(**counts)
            self._noted = counts

    def _note(self, **counts: Any) -> None:
        path = present_path(self._dataset.name)
        note(self._store, path, self._handle, self._parameters, run=self.run_id, **counts)

    def _cancel_shards(self, watches: Sequence[ShardWatch], leases: Leases) -> None:
        """End the shards, and wait until none is worked on: each ends at its next step."""
        until = boottime() + self._policy.silence_s
        while boottime() < until:
            heard = self._scheduler.cancel(self.run_id)
            # Silence is noticed only of those that are asked for, so all are.
            if heard and not any([leases.alive(watch.lease) for watch in watches]):  # noqa: C419
                return
            time.sleep(min(self._policy.poll_s, 1.0))

    def _sweep(self, leases: Leases) -> None:
        """Let no shard of the run before this one seem to run when its worker is dead."""
        if not self._before:
            return
        seeming = self._scheduler.running(self._before)
        dead = [handle for handle, number in seeming if not leases.alive(shard_lease(self._before, number))]
        for handle in dead:
            self._scheduler.abandon(handle)
        self._before = self._before if len(dead) < len(seeming) else ""

    def _pause(self) -> None:
        if self._stop.wait(self._policy.poll_s):
            raise Cancelled

    def _rows(self, jobs: Sequence[Job]) -> list[VideoRow]:
        """One row for each input that has any: the manifest also keeps those of what a file held before it changed."""
        stamps = {job.input_id(self._key): job.stamp_id(self._key) for job in jobs}
        rows = [row for row in self._manifest.rows() if row.input_id in stamps]
        rows.sort(key=lambda row: (row.source_stamp == stamps[row.input_id], row.run == self.run_id, row.finished_at))
        return sorted({row.input_id: row for row in rows}.values(), key=lambda row: row.place)

    def _conclude(self, started: str, jobs: Sequence[Job]) -> Concluded:
        self._manifest.flush()
        rows = self._rows(jobs)
        progress, cancelled = self._progress, self._stop.cancelled
        verdicts = dict(Counter(row.verdict.value for row in rows))
        mine = [row for row in rows if row.run == self.run_id]
        left = progress.todo - len(mine) if cancelled else progress.lost
        record = RunRecord(
            self._dataset.name, self.run_id, started, _now(), len(jobs), progress.unchanged, progress.shards, verdicts,
            left, cancelled,
        )  # fmt: skip
        # One that was paused has not ended.
        if not self._stop.suspended:
            save_record(self._store, record)
        self._board.show(replace(progress, rows=mine, over=progress.shards, lost=left))
        # What a run knows about people goes when it has ended; what was lost will be looked for anew.
        remove_for_good(self._store, folder_of(self.run_id))
        self._store.remove(present_path(self._dataset.name))
        # Who has which twin is needed by whoever goes on.
        if not (self._settings.keep_intermediates or cancelled):
            dataset = dataset_id(self._key, self._dataset.destination, self._settings)
            forget(Gallery(self._store, self._settings.identity_scope, dataset))
        return Concluded(record, rows)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
