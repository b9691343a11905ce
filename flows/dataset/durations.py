"""Seconds of video behind each input, before anything is converted."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from flows.run.sources import Job
from infra.errors import AnonflowError, MediaError
from infra.media.duration import HEAD, declared_seconds, partial_copy
from infra.process.scratch import scratch
from infra.storage.faults import patience, patiently
from infra.storage.filesystem import open_address

_BYTES_PER_SECOND = 200_000.0
"""Of a talking-head video, where not a single one can be read."""
_READERS = 8


@dataclass(frozen=True)
class Length:
    """Length of one input.

    Attributes:
        seconds: The length.
        measured: Its headers say so; otherwise it was guessed from its size.
    """

    seconds: float
    measured: bool


def lengths(jobs: Sequence[Job], progress: Callable[[int], None] = lambda done: None) -> list[Length]:
    """Return the length of every input, from its headers where they can be read.

    Of a remote file only both ends are fetched. Those that cannot be read are guessed from their size by the median
    rate of the others.

    Args:
        jobs: The inputs.
        progress: Called with the number of inputs that have been looked at.

    Returns:
        One length per input.
    """
    with scratch() as folder, ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="lengths") as pool:
        found: list[float | None] = []
        for seconds in pool.map(lambda job: _seconds(job, folder), jobs):
            found.append(seconds)
            progress(len(found))
    rates = [job.size / seconds for job, seconds in zip(jobs, found, strict=True) if seconds and job.size]
    rate = statistics.median(rates) if rates else _BYTES_PER_SECOND
    return [
        Length(seconds, True) if seconds else Length(job.size / rate, False)
        for job, seconds in zip(jobs, found, strict=True)
    ]


def _seconds(job: Job, folder: Path) -> float | None:
    try:
        fs, path = open_address(job.uri) if "://" in job.uri else (None, job.uri)
        if fs is None or isinstance(fs, LocalFileSystem):
            return declared_seconds(Path(path))
        if job.size == 0:
            return None
        ends = ((0, min(HEAD, job.size)), (max(job.size - HEAD, 0), job.size))
        head, tail = patiently(lambda: [fs.cat_file(path, start=a, end=b) for a, b in ends], patience())
        copy = folder / f"{job.ordinal}{job.suffix if job.suffix[1:].isalnum() else ''}"
        partial_copy(copy, job.size, head, tail)
        try:
            return declared_seconds(copy)
        finally:
            copy.unlink()
    except (MediaError, AnonflowError, OSError):
        return None
