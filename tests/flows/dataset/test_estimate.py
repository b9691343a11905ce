"""What a plan says."""

from __future__ import annotations

from collections import Counter

import pytest

from flows.dataset.durations import Length
from flows.dataset.estimate import PER_CLIP_S, PER_SECOND_S, estimate
from flows.manifest.rows import VideoRow
from flows.run.sources import Job
from tasks.records import Verdict


def row(n: int, profile: str = "embedded", seconds: float = 50.0) -> VideoRow:
    return VideoRow(
        public_id=f"v{n}",
        input_id=f"i{n}",
        ordinal=n,
        verdict=Verdict.PUBLISHED,
        profile=profile,
        duration_s=10.0,
        stage_seconds={"faces": seconds - 1, "audit": 1.0},
        output_bytes=2000,
        identities=2,
    )


JOBS = [Job(n, f"{n}.mp4", f"{n}.mp4", "", 1000) for n in (1, 2)]
LENGTHS = [Length(30.0, True), Length(90.0, False)]


def test_without_experience_our_own_figures_count() -> None:
    made = estimate(JOBS, LENGTHS, 3, Counter({".txt": 2}), [], "embedded", 1, 2.0)
    hours = (2 * PER_CLIP_S["embedded"] + 120 * PER_SECOND_S["embedded"]) / 3600
    assert made.work_hours == pytest.approx(hours) and made.cost == pytest.approx(2 * hours)
    assert (made.clips, made.unchanged, made.unreadable, made.unsupported) == (2, 3, 1, {".txt": 2})
    assert (made.source_bytes, made.result_bytes, made.identities) == (2000, 2000, None)


def test_earlier_runs_of_the_profile_count_more() -> None:
    known = [*map(row, range(5)), row(9, "diffusion", 1.0)]
    made = estimate(JOBS, LENGTHS, 0, Counter(), known, "embedded", 4, None)
    assert made.work_hours * 3600 == pytest.approx(120 * 5)
    assert made.result_bytes == 120 * 200 and made.identities == 12 and made.cost is None
    # Four workers cannot share one long video.
    assert made.wall_hours * 3600 == pytest.approx(600 * 90 / 120)


def test_nothing_to_do_takes_no_time() -> None:
    made = estimate([], [], 7, Counter(), [], "embedded", 2, 1.0)
    assert (made.work_hours, made.wall_hours, made.cost, made.shards) == (0.0, 0.0, 0.0, 0)
