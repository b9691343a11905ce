"""What a run over a dataset will take, before it is begun."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        clips: Inputs to convert.
        unchanged: Inputs with a verdict of an earlier run that still holds.
        hours: Of video.
        work_hours: Of one worker.
        wall_hours: With as many workers as planned.
        basis: Where the rate comes from.
        shards: Into how many the run will be cut.
        identities: People found by earlier runs, None when there were none.
        unreadable: Inputs whose headers state no length, which will mostly fail.
        unsupported: Files that no input is made of, by suffix.
        source_bytes: Size of the inputs.
        result_bytes: Size of the results.
        cost: Work hours at the given price, None without a price.
    """

    clips: int
    unchanged: int
    hours: float
    work_hours: float
    wall_hours: float
    basis: str
    shards: int
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
        work = seconds * used / sum(row.duration_s for row in measured)
        basis = f"{len(measured)} videos of earlier runs at this destination"
    else:
        work = len(jobs) * PER_CLIP_S[profile] + seconds * PER_SECOND_S[profile]
        basis = "the paper's figures on one A100" if profile == "diffusion" else _OURS
    shards = cut(jobs, [length.seconds for length in found])
    longest = max((length.seconds for length in found), default=0.0)
    wall = max(work / workers, work * longest / seconds if seconds else 0.0)
    source = sum(job.size for job in jobs)
    outputs = [row for row in measured if row.output_bytes]
    rate = sum(row.output_bytes for row in outputs) / sum(row.duration_s for row in outputs) if outputs else 0.0
    return Estimate(
        clips=len(jobs),
        unchanged=unchanged,
        hours=seconds / 3600,
        work_hours=work / 3600,
        wall_hours=wall / 3600,
        basis=basis,
        shards=len(shards),
        identities=sum(row.identities for row in known) if known else None,
        unreadable=sum(not length.measured for length in found),
        unsupported=dict(unsupported),
        source_bytes=source,
        result_bytes=round(rate * seconds) if outputs else source,
        cost=None if price is None else price * work / 3600,
    )
