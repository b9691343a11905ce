"""Who is chosen from the catalogue where the kind comes first."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import Withheld
from models.capabilities import Appearance
from models.inpainting import by_kind, catalogue, choosing
from models.inpainting.catalogue import Catalogue
from models.twins import TwinJob
from tests.models.inpainting.people import ADULT, PEOPLE, job, members, women


def chosen_of(people: Catalogue, wanted: TwinJob) -> int:
    """Who is tried first."""
    return by_kind.candidates(people, wanted)[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5))
def test_everybody_chosen_is_far_from_others(seed: int, attempt: int) -> None:
    others = PEOPLE.embeddings[[1, 4, 7]]
    wanted = job(ADULT, seed=seed, attempt=attempt, others=others)
    vectors = PEOPLE.embeddings[members(chosen_of(PEOPLE, wanted))].sum(axis=0)
    vector = vectors / np.linalg.norm(vectors)
    assert float((1 - others @ vector).min()) >= choosing.APART - 1e-5


def test_nobody_is_left_when_everybody_is_somebody_else() -> None:
    with pytest.raises(Withheld) as raised:
        people = women(np.zeros(60, np.float32), (33, 37))
        chosen_of(people, job(ADULT, others=people.embeddings))
    assert raised.value.reason == "no_candidate"


def best_of(people: Catalogue, wanted: TwinJob, count: int) -> set[int]:
    cost = catalogue.mismatch(people, wanted.appearance, wanted.source)
    return set(np.argsort(cost, kind="stable")[:count].tolist())


@pytest.mark.parametrize("near", [0.0, 0.4, 0.9])
def test_the_kind_decides_and_not_the_distance_from_the_source(near: float) -> None:
    people = women(np.full(200, near, np.float32), (33, 47))
    wanted = job(replace(ADULT, age=40.0))
    chosen = {chosen_of(people, replace(wanted, seed=seed)) for seed in range(120)}
    assert chosen == best_of(people, wanted, by_kind.POOL)


def test_who_is_too_old_or_of_another_tone_serves_only_where_hardly_anybody_else_does() -> None:
    people = women(np.zeros(40, np.float32), (35, 37))
    people.ita[:20] += 40
    assert min(chosen_of(people, job(ADULT, seed=seed)) for seed in range(60)) >= 20
    people.ita[: 40 - by_kind.POOL + 1] = 70
    assert min(chosen_of(people, job(ADULT, seed=seed)) for seed in range(60)) < 40 - by_kind.POOL + 1


def test_strangers_are_the_best_of_the_kind_whoever_has_them_and_however_near_they_are() -> None:
    people = women(np.full(60, 0.8, np.float32), (30, 40))
    wanted = job(ADULT, taken=tuple(range(60)), others=people.embeddings, seed=3)
    found = by_kind.strangers(people, wanted, 8)
    assert set(found) == best_of(people, wanted, 8) and len(found) == 8
    assert by_kind.strangers(people, replace(wanted, seed=9), 8) == found


def test_strangers_are_found_for_kinds_that_hardly_anybody_is_of() -> None:
    """A child with glasses, of whom the catalogue has none: others stand in, those of the kind first."""
    wanted = job(Appearance(age=9, female=0.1, skin_ita=30, glasses=1.0))
    people = catalogue.load()
    found = by_kind.strangers(people, wanted, 8)
    assert len(set(found)) == 8
    fits = np.isfinite(catalogue.mismatch(people, wanted.appearance, None))
    assert all(fits[found[: int(fits.sum())]])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5), st.integers(20, 60), st.integers(0, by_kind.POOL - 1))
def test_where_entries_are_taken_blends_of_the_kind_serve(seed: int, attempt: int, size: int, left: int) -> None:
    people = women(np.zeros(size, np.float32), (33, 37))
    wanted = job(ADULT, taken=tuple(range(left, size)), seed=seed, attempt=attempt)
    found = by_kind.candidates(people, wanted)
    assert not set(found) & set(wanted.taken) and len(found) <= by_kind.POOL
    assert {number for number in found if number < len(people)} == set(range(left))
    pairs = [choosing.parents(number, len(people)) for number in found if number >= len(people)]
    assert all(a < b for a, b in pairs), "a face has one number"
    assert (left >= by_kind.POOL // 2) == all(number < len(people) for number in found)
    again = by_kind.candidates(people, replace(wanted, taken=(*wanted.taken, *found)))
    assert not set(found) & set(again)


def test_who_is_of_another_kind_serves_only_where_it_must_be_anybody_and_last() -> None:
    people = women(np.zeros(30, np.float32), (33, 37))
    people.age[20:] = 60
    alone = job(ADULT, others=people.embeddings[:20])
    with pytest.raises(Withheld) as raised:
        by_kind.candidates(people, alone)
    assert raised.value.reason == "no_candidate"
    found = by_kind.candidates(people, replace(alone, anybody=True))
    assert min(found) >= 20
    taken = job(ADULT, taken=tuple(range(20)))
    blends = by_kind.candidates(people, taken)
    found = by_kind.candidates(people, replace(taken, anybody=True))
    assert found[: len(blends)] == blends and min(blends) >= len(people)
    last = found[len(blends) :]
    assert len(last) == by_kind.POOL and 20 <= min(last) <= max(last) < len(people)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5))
def test_ones_own_rejected_make_no_crowd(seed: int, attempt: int) -> None:
    """A person alone is offered plain entries at every attempt, and those alone."""
    people = women(np.zeros(30, np.float32), (33, 37))
    rejected: tuple[int, ...] = ()
    for number in range(1, attempt + 1):
        found = by_kind.candidates(people, job(ADULT, taken=rejected, seed=seed, attempt=number))
        assert len(found) >= by_kind.POOL // 2 and max(found) < len(people)
        rejected = (*rejected, found[0])


def test_many_others_are_compared_piece_by_piece() -> None:
    people, wanted = women(np.zeros(choosing.PARENTS, np.float32), (33, 37)), job(ADULT)
    others = -np.repeat(wanted.source, 20_000, axis=0)
    taken = tuple(range(choosing.PARENTS))
    tracemalloc.start()
    by_kind.candidates(people, replace(wanted, taken=taken, others=others))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6, "all pairs at once would be 360 MB"
