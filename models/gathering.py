"""Many callers, one batch: jobs that threads bring at about the same time are worked on together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Gathering(Generic[Job, Result]):
    """Calls `run` with up to `most` jobs of one kind, one batch at a time; safe for any number of threads.

    run: gets jobs, oldest first, and returns as many results in the same order; what it raises, every caller of that
    batch gets. kind: jobs of different kinds never share a batch. wait: seconds that the first caller gives others to
    join; while a batch is running, everybody else gathers for the next.
    Not guaranteed: that two jobs share a batch, so a result must not depend on it.
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
        self._waiting: list[tuple[Job, Future[Result]]] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, job: Job) -> Result:
        """The result for one job; returns when its batch is done."""
        mine: Future[Result] = Future()
        with self._list:
            self._waiting.append((job, mine))
        while not mine.done():
            # Whoever holds the turn works for everybody in its batch; the others find their results done.
            with self._turn:
                if not mine.done():
                    self._work()
        return mine.result()

    def _work(self) -> None:
        if self._wait:
            time.sleep(self._wait)
        with self._list:
            wanted = self._kind(self._waiting[0][0])
            batch = [pair for pair in self._waiting if self._kind(pair[0]) == wanted][: self._most]
            taken = {id(future) for _, future in batch}
            self._waiting = [pair for pair in self._waiting if id(pair[1]) not in taken]
        try:
            results = self._run([job for job, _ in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(batch)} jobs came back as {len(results)} results")
        except BaseException as error:
            for _, future in batch:
                future.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
