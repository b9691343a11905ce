"""What a plan says."""

from __future__ import annotations

from collections import Counter

import pytest

from flows.dataset.durations import Length
from flows.dataset.estimate import PER_CLIP_S, PER_SECOND_S, Estimate, duration_text, estimate
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


def planned(lengths: list[float], workers: int) -> Estimate:
    """By earlier runs, which took five seconds for each of video."""
    jobs = [Job(n, f"{n}.mp4", f"{n}.mp4", "", 1000) for n in range(len(lengths))]
    found = [Length(seconds, True) for seconds in lengths]
    return estimate(jobs, found, 0, Counter(), [row(n) for n in range(5)], "embedded", workers, None)


def test_without_experience_our_own_figures_count() -> None:
    made = estimate(JOBS, LENGTHS, 3, Counter({".txt": 2}), [], "embedded", 1, 2.0)
    seconds = 2 * PER_CLIP_S["embedded"] + 120 * PER_SECOND_S["embedded"]
    assert made.work_s == made.wall_s == pytest.approx(seconds) and made.cost == pytest.approx(2 * seconds / 3600)
    assert (made.clips, made.unchanged, made.unreadable, made.unsupported) == (2, 3, 1, {".txt": 2})
    assert (made.source_bytes, made.result_bytes, made.identities, made.video_s) == (2000, 2000, None, 120.0)


def test_earlier_runs_of_the_profile_count_more() -> None:
    known = [*map(row, range(5)), row(9, "diffusion", 1.0)]
    made = estimate(JOBS, LENGTHS, 0, Counter(), known, "embedded", 4, None)
    assert made.work_s == pytest.approx(120 * 5)
    assert made.result_bytes == 120 * 200 and made.identities == 12 and made.cost is None
    # Four workers cannot share one long video.
    assert made.wall_s == pytest.approx(90 * 5) and (made.shards, made.useful) == (2, 2)


def test_one_shard_takes_as_long_with_two_workers() -> None:
    one, two = planned([1.0, 2.0], 1), planned([1.0, 2.0], 2)
    assert (one.shards, one.wall_s, one.useful) == (two.shards, two.wall_s, two.useful) == (1, 15.0, 1)


def test_workers_take_the_next_shard_when_they_are_free_the_longest_first() -> None:
    lengths = [50.0, 70.0, 60.0, 40.0, 30.0]
    # 70, 60, 50, 40, 30: two workers take 70+40+30 and 60+50; three take 70, 60+30 and 50+40.
    assert {n: planned(lengths, n).wall_s / 5 for n in (1, 2, 3, 5, 9)} == {1: 250, 2: 140, 3: 90, 5: 70, 9: 70}
    assert {n: planned(lengths, n).useful for n in (1, 2, 3, 5, 9)} == {1: 1, 2: 2, 3: 3, 5: 4, 9: 4}


def test_nothing_to_do_takes_no_time() -> None:
    made = estimate([], [], 7, Counter(), [], "embedded", 2, 1.0)
    assert (made.work_s, made.wall_s, made.cost, made.shards, made.useful) == (0.0, 0.0, 0.0, 0, 0)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 seconds"),
        (0.96, "1 second"),
        (7.25, "7.2 seconds"),
        (119.0, "119 seconds"),
        (150.0, "2.5 minutes"),
        (3600.0, "60 minutes"),
        (7200.0, "2 hours"),
        (40 * 3600.0, "40 hours"),
        (60 * 3600.0, "2.5 days"),
        (90 * 86400.0, "90 days"),
    ],
)
def test_durations_are_said_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said
