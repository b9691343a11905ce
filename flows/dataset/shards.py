"""Portions of a dataset that one worker takes at a time, cut by seconds of video, not by number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from flows.run.sources import Job
from infra.errors import StoreError
from infra.storage.store import Store

SHARD_S = 900.0
"""Seconds of video in a shard: hours of work on a processor, about a quarter of an hour on a card."""
LEAST_S = 5.0
"""Seconds of video below which a shard is not cut smaller: what it costs by itself would show."""
PORTIONS = 48
"""Into about so many shards a dataset is cut if they are not too small then, so that all workers have work to the end.
"""
MOST = 200
"""Videos in a shard at most, since even the shortest has a cost of its own."""


@dataclass(frozen=True)
class Shard:
    """The number-th of `of` shards of a run, counted from 1."""

    number: int
    of: int
    jobs: tuple[Job, ...]


def cut(jobs: Sequence[Job], seconds: Sequence[float], shard_s: float = SHARD_S, most: int = MOST) -> list[Shard]:
    """Cut jobs into shards, in order; a job that is longer has a shard of its own.

    A small dataset is cut finer, into about PORTIONS of them. The longest shards come first, so that none begins when
    all others have ended.

    Args:
        jobs: The jobs.
        seconds: Length of each.
        shard_s: Seconds of video in a shard at most.
        most: Jobs in a shard at most.

    Returns:
        The shards, numbered from 1.
    """
    shard_s = min(shard_s, max(LEAST_S, sum(seconds) / PORTIONS))
    portions: list[tuple[float, list[Job]]] = []
    for job, length in zip(jobs, seconds, strict=True):
        if portions and portions[-1][0] + length <= shard_s and len(portions[-1][1]) < most:
            portions[-1] = (portions[-1][0] + length, [*portions[-1][1], job])
        else:
            portions.append((length, [job]))
    portions.sort(key=lambda portion: -portion[0])
    return [Shard(n, len(portions), tuple(part)) for n, (_, part) in enumerate(portions, start=1)]


def save(store: Store, folder: str, shard: Shard) -> None:
    """Store a shard for the worker that will take it.

    Args:
        store: Private store.
        folder: Of the run; an identifying one, since a shard names sources.
        shard: The shard.
    """
    value = {"number": shard.number, "of": shard.of, "jobs": [asdict(job) for job in shard.jobs]}
    store.write_named(_path(folder, shard.number), json.dumps(value).encode())


def load(store: Store, folder: str, number: int) -> Shard:
    """Return a stored shard.

    Args:
        store: Private store.
        folder: Of the run.
        number: Of the shard.

    Returns:
        The shard.

    Raises:
        StoreError: When it is missing or damaged.
    """
    value = store.read_json(_path(folder, number))
    if value is None:
        raise StoreError("The shard is no longer in the store: its run was ended, or the store purged.")
    try:
        return Shard(value["number"], value["of"], tuple(Job(**job) for job in value["jobs"]))
    except (KeyError, TypeError):
        raise StoreError("The shard's description in the store is damaged; trigger the dataset again.") from None


def _path(folder: str, number: int) -> str:
    return f"{folder}/shard-{number:06d}.json"
