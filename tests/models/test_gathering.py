"""Jobs of many threads share batches, and everybody gets the own result."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.gathering import Gathering


def test_threads_that_come_together_share_batches() -> None:
    batches: list[list[int]] = []
    together = threading.Barrier(12)

    def run(jobs: list[int]) -> list[int]:
        batches.append(jobs)
        return [job * job for job in jobs]

    gather = Gathering(run, lambda job: 0, most=5, wait=0.2)

    def call(job: int) -> int:
        together.wait(20)
        return gather(job)

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(call, range(12))) == [n * n for n in range(12)]
    assert sorted(job for batch in batches for job in batch) == list(range(12))
    assert max(map(len, batches)) == 5 and len(batches) == 3


def test_kinds_never_share_a_batch() -> None:
    batches: list[list[int]] = []
    together = threading.Barrier(6)

    def run(jobs: list[int]) -> list[int]:
        batches.append(jobs)
        return jobs

    gather = Gathering(run, lambda job: job % 2, most=8, wait=0.2)

    def call(job: int) -> int:
        together.wait(20)
        return gather(job)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(call, range(6))) == list(range(6))
    assert all(len({job % 2 for job in batch}) == 1 for batch in batches)


def test_alone_is_a_batch_of_one() -> None:
    gather = Gathering(lambda jobs: [len(jobs)], lambda job: job, most=4, wait=0)
    assert [gather(k) for k in range(3)] == [1, 1, 1]


def test_an_error_reaches_its_batch_and_the_next_goes_on() -> None:
    def run(jobs: list[int]) -> list[int]:
        if 7 in jobs:
            raise RuntimeError("no memory")
        return jobs

    gather = Gathering(run, lambda job: job, most=4, wait=0)
    with pytest.raises(RuntimeError, match="no memory"):
        gather(7)
    assert gather(8) == 8


def test_results_that_do_not_pair_are_refused() -> None:
    gather: Gathering[int, int] = Gathering(lambda jobs: [], lambda job: job, most=4, wait=0)
    with pytest.raises(ValueError, match="0 results"):
        gather(1)
