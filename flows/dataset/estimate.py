"""What a run over a dataset will take, before it is begun."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flows.dataset.durations import Length
from flows.dataset.shards import cut
from flows.manifest.rows import VideoRow
from flows.run.sources import Job

PER_CLIP_S = {"embedded": 5.0, "diffusion": 13.3}
PER_SECOND_S = {"embedded": 17.0, "diffusion": 0.0}
"""Work per clip and per second of video. Embedded: seen on two processor cores, 640 x 480, one person. Diffusion: the
paper's 185 hours for 50,000 clips on one A100."""
_ENOUGH = 5
_PAPER, _OURS = "the paper's figures on one A100", "two processor cores, one person, 480 lines"
_UNITS = ((86400.0, 48 * 3600.0, "day"), (3600.0, 7200.0, "hour"), (60.0, 120.0, "minute"))
"""(seconds of the unit, seconds from which on it is used, name), the longest first."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        clips: Inputs to convert.
        unchanged: Inputs with a verdict of an earlier run that still holds.
        video_s: Seconds of video.
        work_s: Seconds of work of one worker.
        wall_s: Seconds until all is done, with as many workers as planned.
        basis: Where the rate comes from.
        shards: Into how many the run will be cut.
        useful: So many of the planned workers are enough to be done by then.
        identities: People found by earlier runs, None when there were none.
        unreadable: Inputs whose headers state no length, which will mostly fail.
        unsupported: Files that no input is made of, by suffix.
        source_bytes: Size of the inputs.
        result_bytes: Size of the results.
        cost: Work hours at the given price, None without a price.
    """

    clips: int
    unchanged: int
    video_s: float
    work_s: float
    wall_s: float
    basis: str
    shards: int
    useful: int
    identities: int | None
    unreadable: int
    unsupported: dict[str, int]
    source_bytes: int
    result_bytes: int
    cost: float | None


def estimate(
    jobs: Sequence[Job],
    found: Sequence[Length],
    unchanged: int,
    unsupported: Counter[str],
    known: Sequence[VideoRow],
    profile: str,
    workers: int,
    price: float | None,
) -> Estimate:
    """Estimate a run.

    Args:
        jobs: Inputs to convert.
        found: Length of each.
        unchanged: Inputs that need no work.
        unsupported: Files that no input is made of, by suffix.
        known: Rows of earlier runs at the destination, whose rate counts more than ours when there are a few.
        profile: Of the run.
        workers: How many are planned.
        price: Of an hour of a worker.

    Returns:
        The estimate.
    """
    seconds = sum(length.seconds for length in found)
    measured = [row for row in known if row.profile == profile and row.duration_s > 0 and row.stage_seconds]
    if len(measured) >= _ENOUGH:
        used = sum(sum(row.stage_seconds.values()) for row in measured)
        per_clip, per_second = 0.0, used / sum(row.duration_s for row in measured)
        basis = f"{len(measured)} videos of earlier runs at this destination"
    else:
        per_clip, per_second = PER_CLIP_S[profile], PER_SECOND_S[profile]
        basis = _PAPER if profile == "diffusion" else _OURS
    work = {job.ordinal: per_clip + per_second * length.seconds for job, length in zip(jobs, found, strict=True)}
    shards = cut(jobs, [length.seconds for length in found])
    portions = [sum(work[job.ordinal] for job in shard.jobs) for shard in shards]
    most = min(workers, len(shards))
    wall = _wall(portions, most)
    source = sum(job.size for job in jobs)
    outputs = [row for row in measured if row.output_bytes]
    rate = sum(row.output_bytes for row in outputs) / sum(row.duration_s for row in outputs) if outputs else 0.0
    return Estimate(
        clips=len(jobs),
        unchanged=unchanged,
        video_s=seconds,
        work_s=sum(portions),
        wall_s=wall,
        basis=basis,
        shards=len(shards),
        useful=next((n for n in range(1, most) if _wall(portions, n) <= wall), most),
        identities=sum(row.identities for row in known) if known else None,
        unreadable=sum(not length.measured for length in found),
        unsupported=dict(unsupported),
        source_bytes=source,
        result_bytes=round(rate * seconds) if outputs else source,
        cost=None if price is None else price * sum(portions) / 3600,
    )


def duration_text(seconds: float) -> str:
    """Say a duration in the unit that fits it.

    Args:
        seconds: The duration.

    Returns:
        As in `40 seconds`, `2.5 minutes`, `17 hours` or `3 days`.
    """
    size, unit = next(((size, name) for size, least, name in _UNITS if seconds >= least), (1.0, "second"))
    number = f"{seconds / size:.0f}" if seconds >= 10 * size else f"{seconds / size:.1f}".removesuffix(".0")
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def _wall(portions: Sequence[float], workers: int) -> float:
    """Seconds until all portions are done, when each worker takes the next one, in order, as soon as it is free."""
    free = [0.0] * workers
    for portion in portions:
        heapq.heapreplace(free, free[0] + portion)
    return max(free, default=0.0)
