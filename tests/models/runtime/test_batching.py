"""Jobs of many threads share batches, and everybody gets the own result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.runtime.batching import Gathering


def gathered(run: Callable[[list[int]], list[int]], jobs: int, kinds: int, most: int) -> list[int | Exception]:
    """What each of so many threads gets: a first job, of a kind of its own, holds the turn until all others wait."""
    begun, everybody = threading.Event(), threading.Event()

    def held(batch: list[int]) -> list[int]:
        if batch == [-1]:
            begun.set()
            assert everybody.wait(30)
            return batch
        return run(batch)

    gather = Gathering(held, lambda job: job % kinds if job >= 0 else -1, most, wait=0)

    def call(job: int) -> int | Exception:
        try:
            return gather(job)
        except Exception as error:
            return error

    with ThreadPoolExecutor(jobs + 1) as pool:
        first = pool.submit(call, -1)
        assert begun.wait(30)
        results = [pool.submit(call, job) for job in range(jobs)]
        while len(gather._waiting) < jobs:
            threading.Event().wait(0.01)
        everybody.set()
        assert first.result() == -1
        return [result.result() for result in results]


def test_jobs_that_wait_together_share_batches() -> None:
    batches: list[list[int]] = []

    def run(jobs: list[int]) -> list[int]:
        batches.append(jobs)
        return [job * job for job in jobs]

    assert gathered(run, 12, kinds=1, most=5) == [n * n for n in range(12)]
    assert sorted(map(len, batches)) == [2, 5, 5]
    assert sorted(job for batch in batches for job in batch) == list(range(12))


def test_kinds_never_share_a_batch() -> None:
    batches: list[list[int]] = []

    def run(jobs: list[int]) -> list[int]:
        batches.append(jobs)
        return jobs

    assert gathered(run, 6, kinds=2, most=8) == list(range(6))
    assert sorted(sorted(batch) for batch in batches) == [[0, 2, 4], [1, 3, 5]]


def test_one_jobs_error_is_nobody_elses() -> None:
    sizes: list[int] = []

    def run(jobs: list[int]) -> list[int]:
        sizes.append(len(jobs))
        if 3 in jobs:
            raise RuntimeError("a bad picture")
        return jobs

    results = gathered(run, 5, kinds=1, most=8)
    assert isinstance(results.pop(3), RuntimeError) and results == [0, 1, 2, 4]
    assert sizes == [5, 1, 1, 1, 1, 1]


def test_alone_is_a_batch_of_one_and_an_error_does_not_stay() -> None:
    def run(jobs: list[int]) -> list[int]:
        if jobs == [7]:
            raise RuntimeError("no memory")
        return [len(jobs)]

    gather = Gathering(run, lambda job: job, most=4, wait=0)
    assert [gather(k) for k in range(3)] == [1, 1, 1]
    with pytest.raises(RuntimeError, match="no memory"):
        gather(7)
    assert gather(8) == 1 and gather._waiting == []


def test_a_job_without_a_kind_leaves_nothing_behind() -> None:
    gather: Gathering[int, int] = Gathering(lambda jobs: jobs, lambda job: 1 // job, most=4, wait=0)
    with pytest.raises(ZeroDivisionError):
        gather(0)
    assert gather._waiting == [] and gather(1) == 1


def test_results_that_do_not_pair_are_refused() -> None:
    gather: Gathering[int, int] = Gathering(lambda jobs: [], lambda job: job, most=4, wait=0)
    with pytest.raises(ValueError, match="0 results"):
        gather(1)
