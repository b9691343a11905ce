"""Cutting a dataset into shards, and keeping them for workers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.dataset import shards
from flows.run.sources import Job
from infra.errors import StoreError
from infra.storage.store import Store


def jobs(count: int) -> list[Job]:
    return [Job(n, f"/place/{n}.mp4", f"{n}.mp4", f"{n} 7", n) for n in range(1, count + 1)]


@given(
    seconds=st.lists(st.floats(0, 5000), max_size=60),
    limit=st.floats(1, 2000),
    most=st.integers(1, 20),
)
def test_every_job_is_in_exactly_one_shard_of_bounded_length(seconds: list[float], limit: float, most: int) -> None:
    cut = shards.cut(jobs(len(seconds)), seconds, limit, most)
    assert sorted(job.ordinal for shard in cut for job in shard.jobs) == list(range(1, len(seconds) + 1))
    assert [shard.number for shard in cut] == list(range(1, len(cut) + 1))
    lengths = [sum(seconds[job.ordinal - 1] for job in shard.jobs) for shard in cut]
    assert all(len(shard.jobs) == 1 or length <= limit * 1.0001 for shard, length in zip(cut, lengths, strict=True))
    assert all(1 <= len(shard.jobs) <= most and shard.of == len(cut) for shard in cut)
    assert all(one >= other - 1e-6 for one, other in pairwise(lengths)), "the longest first"


def test_a_long_video_does_not_hold_up_short_ones() -> None:
    cut = shards.cut(jobs(5), [10, 10, 5000, 10, 10], 100)
    assert [[job.ordinal for job in shard.jobs] for shard in cut] == [[3], [1, 2], [4, 5]]


def test_a_small_dataset_is_cut_finely_enough_for_all_workers_to_have_work_to_the_end() -> None:
    assert 40 <= len(shards.cut(jobs(1000), [0.5] * 1000)) <= 60
    assert [len(shard.jobs) for shard in shards.cut(jobs(40), [0.25] * 40)] == [20, 20], "but not into crumbs"
    assert max(len(shard.jobs) for shard in shards.cut(jobs(2000), [60.0] * 2000)) == 15, "and a large one as asked"


def test_a_shard_comes_back_whole_and_names_nobody_when_shown(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}")
    (shard,) = shards.cut(jobs(3), [1, 1, 1])
    shards.save(store, "identifying/run-x", shard)
    assert shards.load(store, "identifying/run-x", 1) == shard
    assert "place" not in repr(shard)


def test_a_shard_that_is_gone_or_damaged_says_so(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}")
    with pytest.raises(StoreError, match="no longer"):
        shards.load(store, "identifying/run-x", 1)
    store.write_named("identifying/run-x/shard-000001.json", b'{"number": 1, "of": 1, "jobs": [{"place": 3}]}')
    with pytest.raises(StoreError, match="damaged"):
        shards.load(store, "identifying/run-x", 1)
