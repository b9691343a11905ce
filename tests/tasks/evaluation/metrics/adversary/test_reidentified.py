"""How much more often people are named than strangers of their kind."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.metrics.adversary import reidentified
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.privacy import gather
from tests.tasks.evaluation.metrics.adversary.support import MAN, NEAR, WOMAN, clip, nothing, original, person


def run(clips: list[Clip]) -> tuple[Figure, Figure]:
    found = reidentified.numbers(clips, gather(clips, "fake", False), gather(clips, "fake", True), "fake", NEAR)
    return found[reidentified.EXPLAINED, "fake"], found[reidentified.EXCESS, "fake"]


def test_who_was_left_alone_is_named_by_more_than_the_kind() -> None:
    explained, excess = run([clip(n, n, original(n, n)) for n in range(4)])
    assert (explained.value, excess.value) == (0, 1) and excess.people == 4 and excess.samples == 8
    assert explained.chance == 1 / 4 and excess.chance == 0
    assert excess.low > 0 and excess.high == 1


def test_a_result_that_gives_away_the_kind_alone_names_nobody_beyond_it() -> None:
    """All men look like the first man and all women like the first woman: a quarter is named, guessing an eighth."""
    clips = [clip(n, n, person(n // 4 * 4), WOMAN if n >= 4 else MAN) for n in range(8)]
    explained, excess = run(clips)
    # In each kind the one whom all look like is named, and for the three others a stranger, one of three.
    assert explained.value == pytest.approx(6 * (1 / 3) / 8) and excess.value == pytest.approx(0)
    assert excess.low < 0 < excess.high and explained.chance == 1 / 8


def test_people_without_a_stranger_of_their_kind_are_left_out_and_told() -> None:
    clips = [clip(n, n, original(n, n)) for n in range(3)] + [clip(3, 3, original(3, 3), WOMAN)]
    _, excess = run(clips)
    assert excess.people == 3 and excess.note.startswith("1 people are left out")
    alone, beyond = run([clip(0, 0, original(0, 0)), clip(1, 1, original(1, 1), WOMAN)])
    assert not alone.known and beyond.note == reidentified.NO_STRANGERS


def test_every_person_counts_the_same() -> None:
    clips = [clip(n, 0, original(0, n), faces=5) for n in range(3)] + [clip(4, 1, person(2)), clip(5, 2)]
    explained, excess = run(clips)
    # One is named on 15 faces; the other is not on 2, and one of two strangers is.
    assert excess.people == 2 and excess.samples == 17
    assert explained.value == pytest.approx((0 + 0.5) / 2) and excess.value == pytest.approx((1 - 0.5) / 2)


def test_of_equals_the_true_person_comes_first() -> None:
    explained, excess = run([clip(n, n, nothing(1)) for n in range(3)])
    assert (explained.value, excess.value) == (0, 1), "who is in the originals under two names hides behind nobody"


def test_bystanders_have_a_kind_and_are_named_too() -> None:
    clips = [clip(n, n, original(n, n), bystanders=1) for n in range(3)]
    _, excess = run(clips)
    assert excess.people == 6


def test_the_interval_is_that_of_bonett_and_price() -> None:
    # 30 people, 6 named who would not be as strangers, 1 the other way round: (7 - 2) / 32, and their formula.
    values = np.array([1.0] * 6 + [-1.0] + [0.0] * 23)
    up, down = 7 / 32, 2 / 32
    half = 1.959964 * np.sqrt((up + down - (up - down) ** 2) / 32)
    assert reidentified.interval(values) == pytest.approx((up - down - half, up - down + half))


@pytest.mark.parametrize(("people", "wide"), [(19, True), (20, True), (21, False)])
def test_of_few_people_it_is_wide_even_where_nobody_is_named(people: int, wide: bool) -> None:
    low, high = reidentified.interval(np.zeros(people))
    assert (high - low > 0.25) is wide and low == pytest.approx(-high)


@pytest.mark.parametrize(("people", "rate"), [(20, 0.02), (20, 0.3), (40, 0.1)])
def test_it_covers_the_truth_as_often_as_it_says(people: int, rate: float) -> None:
    random, covered, trials = np.random.default_rng(5), 0, 1000
    for _ in range(trials):
        named = (random.random(people) < rate).astype(float)
        low, high = reidentified.interval(named - rate / 2)
        covered += low <= rate / 2 <= high
    assert covered / trials > 0.93
