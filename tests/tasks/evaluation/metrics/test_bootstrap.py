"""Intervals over people."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.evaluation.metrics import bootstrap


def simulated(random: np.random.Generator, people: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Values about 5, of people who differ by 1 and frames that differ by 0.5."""
    own = random.normal(5, 1, people)
    values = own[:, None] + random.normal(0, 0.5, (people, each))
    return values.ravel(), np.repeat(np.arange(people), each)


@pytest.mark.parametrize("which", ["mean", "interval"])
def test_an_interval_covers_the_truth_as_often_as_it_says(which: str) -> None:
    random, trials, covered = np.random.default_rng(1), 200, 0
    for seed in range(trials):
        values, people = simulated(random, 40, 5)
        if which == "mean":
            found = bootstrap.mean(values, people, rounds=400, seed=seed)
        else:
            found = bootstrap.interval(lambda rows, v=values: float(v[rows].mean()), people, rounds=200, seed=seed)
        covered += found.low <= 5 <= found.high
    # Of 200 trials at .94 (percentiles of 40 people fall a little short of .95), 4 deviations either way.
    assert 0.87 < covered / trials < 0.995


def test_mean_and_interval_agree() -> None:
    values, people = simulated(np.random.default_rng(2), 30, 4)
    by_sums = bootstrap.mean(values, people)
    by_rows = bootstrap.interval(lambda rows: float(values[rows].mean()), people)
    assert by_sums.value == pytest.approx(values.mean()) and by_rows.value == pytest.approx(values.mean())
    assert by_rows.low == pytest.approx(by_sums.low, abs=0.06) and by_rows.high == pytest.approx(by_sums.high, abs=0.06)
    # Percentiles of a mean of 30 people whose own means have this deviation.
    error = np.std(values.reshape(30, 4).mean(axis=1)) / math.sqrt(30)
    assert by_sums.high - by_sums.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_more_frames_of_the_same_people_do_not_narrow_it() -> None:
    values, people = simulated(np.random.default_rng(3), 20, 3)
    once = bootstrap.mean(values, people)
    often = bootstrap.mean(np.tile(values, 50), np.tile(people, 50))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert once.samples == 60 and often.samples == 3000 and once.people == often.people == 20
    more = bootstrap.mean(*simulated(np.random.default_rng(3), 2000, 3))
    assert more.high - more.low < 0.3 * (once.high - once.low)


def test_people_with_more_values_weigh_more() -> None:
    assert bootstrap.mean(np.array([1.0, 1.0, 1.0, 0.0]), np.array([7, 7, 7, 9])).value == 0.75
    # However many values those drawn have, the mean of equal ones is theirs.
    equal = bootstrap.mean(np.full(111, 2.0), np.repeat([1, 2, 3], [1, 10, 100]))
    assert (equal.value, equal.low, equal.high) == (2, 2, 2)


def test_what_is_no_number_is_left_out() -> None:
    values, people = simulated(np.random.default_rng(4), 10, 2)
    found = bootstrap.mean(np.append(values, [np.nan, np.inf]), np.append(people, [3, 99]))
    assert found == bootstrap.mean(values, people) and found.people == 10


def test_one_person_gives_no_interval() -> None:
    values, people = np.array([1.0, 2.0, 6.0]), np.zeros(3, np.int64)
    for found in (
        bootstrap.mean(values, people),
        bootstrap.interval(lambda rows: float(values[rows].mean()), people),
    ):
        assert found.value == 3 and found.people == 1 and found.samples == 3 and "no interval" in found.note
        assert math.isnan(found.low) and math.isnan(found.high)


def test_nothing_gives_nothing() -> None:
    empty = np.empty(0, np.int64)
    assert not bootstrap.mean(np.empty(0), empty).known and bootstrap.mean(np.empty(0), empty).note
    assert not bootstrap.interval(lambda rows: 1.0, empty).known
    assert not bootstrap.mean(np.array([np.nan]), np.array([1])).known


def test_rounds_that_answer_nothing_are_left_out() -> None:
    people = np.arange(4)

    def share(rows: np.ndarray) -> float:
        return 0.5 if 0 in rows else math.nan

    found = bootstrap.interval(share, people)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    drawn = []
    bootstrap.interval(lambda rows: drawn.append(rows.tolist()) or 1.0, np.array([5, 5, 8]), rounds=50)
    assert drawn[0] == [0, 1, 2] and {tuple(sorted(rows)) for rows in drawn[1:]} == {(0, 0, 1, 1), (0, 1, 2), (2, 2)}
