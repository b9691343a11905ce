"""Many callers, one batch: jobs that threads bring at about the same time are worked on together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiting(Generic[Job, Result]):
    job: Job
    kind: Hashable
    result: Future[Result] = field(default_factory=Future)


class Gathering(Generic[Job, Result]):
    """Calls `run` with up to `most` jobs of one kind, one batch at a time; safe for any number of threads.

    run: gets jobs, oldest first, and returns as many results in the same order. When it raises for several jobs, each
    of them is run by itself, so that one job's error reaches no other job. kind: jobs of different kinds never share a
    batch. wait: seconds that are given to others to join before a batch that is not full; while one is running, all
    other callers gather for the next. Not guaranteed: that two jobs share a batch, so a result must not depend on it.
    """

    def __init__(
        self,
        run: Callable[[list[Job]], list[Result]],
        kind: Callable[[Job], Hashable],
        most: int,
        wait: float,
    ) -> None:
        self._run = run
        self._kind = kind
        self._most = most
        self._wait = wait
        self._waiting: list[_Waiting[Job, Result]] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, job: Job) -> Result:
        """The result for one job; returns when its batch is done. Raises what `run` raises for it."""
        mine: _Waiting[Job, Result] = _Waiting(job, self._kind(job))
        with self._list:
            self._waiting.append(mine)
        while not mine.result.done():
            # The thread that holds the turn works for all in its batch; the others find their results done.
            with self._turn:
                if not mine.result.done():
                    self._work()
        return mine.result.result()

    def _work(self) -> None:
        if self._wait and len(self._next()) < self._most:
            time.sleep(self._wait)
        with self._list:
            batch = self._next()
            self._waiting = [one for one in self._waiting if one not in batch]
        if not self._settle(batch, last=len(batch) == 1):
            for one in batch:
                self._settle([one], last=True)

    def _next(self) -> list[_Waiting[Job, Result]]:
        """The oldest job and those that can go with it; the caller has the turn, so there is one."""
        waiting = list(self._waiting)
        return [one for one in waiting if one.kind == waiting[0].kind][: self._most]

    def _settle(self, batch: list[_Waiting[Job, Result]], last: bool) -> bool:
        """Run a batch and hand out its results; False when it failed and the jobs are to be tried one by one."""
        try:
            results = self._run([one.job for one in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(batch)} jobs came back as {len(results)} results")
        except BaseException as error:
            if isinstance(error, Exception) and not last:
                return False
            for one in batch:
                one.result.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return True
        for one, result in zip(batch, results, strict=True):
            one.result.set_result(result)
        return True
