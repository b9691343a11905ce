"""Who is chosen from the catalogue."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import Withheld
from models.inpainting import catalogue, choosing
from models.inpainting.catalogue import Catalogue
from models.interfaces.capabilities import FaceAttributes, Floats
from models.interfaces.twins import TwinJob
from tests.models.inpainting.people import ADULT, DIMENSION, PEOPLE, appearances, job, members, women


def chosen_of(people: Catalogue, wanted: TwinJob) -> int:
    """Who is tried first."""
    return choosing.candidates(people, wanted)[0]


@settings(max_examples=80, deadline=None)
@given(appearances, st.integers(0, 2**62), st.integers(1, 5))
def test_age_group_and_gender_always_fit_and_glasses_are_never_put_on(
    wanted: FaceAttributes, seed: int, attempt: int
) -> None:
    try:
        chosen = chosen_of(PEOPLE, job(wanted, seed=seed, attempt=attempt))
    except Withheld as error:
        assert error.reason == "no_candidate"
        return
    assert len({bool(PEOPLE.glasses[member]) for member in members(chosen)}) == 1, "half of a pair of glasses"
    for member in members(chosen):
        assert (PEOPLE.age[member] < catalogue.AGE_BOUNDS[0]) == (wanted.age < catalogue.AGE_BOUNDS[0])
        assert not PEOPLE.glasses[member] or wanted.glasses >= 0.5
        if abs(wanted.female - 0.5) > 0.15:
            assert (PEOPLE.female[member] >= 0.5) == (wanted.female >= 0.5)


def test_the_choice_is_determined_by_seed_and_attempt_and_varies_with_both() -> None:
    same = {chosen_of(PEOPLE, job(ADULT)) for _ in range(5)}
    assert len(same) == 1
    assert len({chosen_of(PEOPLE, job(ADULT, seed=seed)) for seed in range(40)}) > 4
    assert len({chosen_of(PEOPLE, job(ADULT, attempt=attempt)) for attempt in range(1, 12)}) > 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 60))
def test_nobody_who_is_taken_is_chosen_again(seed: int, rounds: int) -> None:
    taken: tuple[int, ...] = ()
    for _ in range(min(rounds, 30)):
        try:
            chosen = chosen_of(PEOPLE, job(ADULT, seed=seed, taken=taken))
        except Withheld:
            return
        assert chosen not in taken
        taken = (*taken, chosen)


def test_a_preferred_candidate_is_kept() -> None:
    assert chosen_of(PEOPLE, job(ADULT, prefer=77)) == 77


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5))
def test_everybody_chosen_is_far_from_source_and_others(seed: int, attempt: int) -> None:
    others = PEOPLE.embeddings[[1, 4, 7]]
    wanted = job(ADULT, seed=seed, attempt=attempt, others=others)
    vectors = PEOPLE.embeddings[members(chosen_of(PEOPLE, wanted))].sum(axis=0)
    vector = vectors / np.linalg.norm(vectors)
    assert 1 - float(vector @ wanted.source[0]) >= choosing.FAR + 0.02 * (attempt - 1) - 1e-5
    assert float((1 - others @ vector).min()) >= choosing.APART - 1e-5


def test_nobody_is_left_when_everybody_is_the_source() -> None:
    with pytest.raises(Withheld) as raised:
        chosen_of(PEOPLE, job(ADULT, source=PEOPLE.embeddings))
    assert raised.value.reason == "no_candidate"


@given(st.integers(1, 500), st.data())
def test_the_number_of_a_blend_names_its_parents(count: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    assert choosing.parents(count + a * count + b, count) == (a, b)
    assert choosing.parents(a, count) == (a, -1)


@pytest.mark.parametrize("count", [0, choosing.POOL - 1])
def test_where_few_are_likely_the_farther_of_the_fitting_serve(count: int) -> None:
    """Not the best fitting, who look most like the source."""
    size = 200
    near = np.linspace(0.42, 0.3, size, dtype=np.float32)
    near[100 : 100 + count] = 0.05
    people = women(near, ages=(40, 48))
    source, wanted = np.eye(1, DIMENSION, dtype=np.float32), replace(ADULT, age=40.0)
    chosen = {chosen_of(people, job(wanted, source=source, seed=seed)) for seed in range(80)}
    away = 1.0 - people.embeddings[:, 0]
    best = np.argsort(catalogue.mismatch(people, wanted, source, 1), kind="stable")[: choosing.FEW_LIKELY]
    assert len(chosen) == choosing.POOL
    assert set(chosen) <= set(best.tolist())
    assert away[sorted(chosen)].min() >= np.sort(away[best])[-choosing.POOL] - 1e-6


def crowd(likely: int, size: int = choosing.PARENTS) -> tuple[Catalogue, TwinJob]:
    """People who fit alike, so many of them far enough from the source; the others are barely acceptable."""
    near = np.full(size, 0.42, np.float32)
    near[:likely] = np.linspace(-0.4, 0.1, likely, dtype=np.float32)
    return women(near, ages=(33, 37)), job(ADULT)


def middle_of(people: Catalogue, candidate: int) -> Floats:
    """Embedding by which a candidate is judged."""
    vector = people.embeddings[[m for m in choosing.parents(candidate, len(people)) if m >= 0]].sum(axis=0)
    return vector / np.linalg.norm(vector)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5), st.integers(20, 60), st.integers(0, choosing.POOL - 1))
def test_where_likely_ones_are_taken_their_blends_serve_and_not_the_sources_lookalikes(
    seed: int, attempt: int, likely: int, left: int
) -> None:
    people, wanted = crowd(likely)
    taken = tuple(range(left, likely))
    found = choosing.candidates(people, replace(wanted, taken=taken, seed=seed, attempt=attempt))
    assert not set(found) & set(taken) and len(found) <= choosing.POOL
    assert min(1 - middle_of(people, number)[0] for number in found) >= choosing.LIKELY - 1e-5
    assert {number for number in found if number < len(people)} == set(range(left))
    pairs = [choosing.parents(number, len(people)) for number in found if number >= len(people)]
    assert all(a < b for a, b in pairs), "a face has one number"
    assert (left >= choosing.POOL // 2) == all(number < len(people) for number in found)
    again = choosing.candidates(people, replace(wanted, taken=(*taken, *found), seed=seed, attempt=attempt))
    assert not set(found) & set(again)


def test_who_looks_like_the_source_serves_only_where_it_must_be_anybody() -> None:
    people, wanted = crowd(likely=choosing.POOL)
    alone = replace(wanted, others=people.embeddings[: choosing.POOL])
    with pytest.raises(Withheld) as raised:
        choosing.candidates(people, alone)
    assert raised.value.reason == "no_candidate"
    found = choosing.candidates(people, replace(alone, allow_any_candidate=True))
    assert len(found) == choosing.POOL and min(found) >= choosing.POOL


def test_where_it_must_be_anybody_they_come_behind_the_blends() -> None:
    people, wanted = crowd(likely=30)
    taken = replace(wanted, taken=tuple(range(30)))
    blends = choosing.candidates(people, taken)
    found = choosing.candidates(people, replace(taken, allow_any_candidate=True))
    assert found[: len(blends)] == blends and min(blends) >= len(people)
    last = found[len(blends) :]
    assert len(last) == choosing.POOL and 30 <= min(last) <= max(last) < len(people)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5))
def test_ones_own_rejected_make_no_crowd(seed: int, attempt: int) -> None:
    """A person alone is offered plain entries at every attempt, and those alone."""
    people, wanted = crowd(likely=choosing.POOL + 2)
    rejected: tuple[int, ...] = ()
    for number in range(1, attempt + 1):
        found = choosing.candidates(people, replace(wanted, taken=rejected, seed=seed, attempt=number))
        assert len(found) >= choosing.POOL // 2 and max(found) < len(people)
        rejected = (*rejected, found[0])


def test_many_others_are_compared_piece_by_piece() -> None:
    people, wanted = crowd(likely=60)
    others = -np.repeat(wanted.source, 20_000, axis=0)
    tracemalloc.start()
    choosing.candidates(people, replace(wanted, taken=tuple(range(60)), others=others))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6, "all pairs at once would be 360 MB"
