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

DIMENSION = 512


def made(count: int = 120, seed: int = 0) -> Catalogue:
    """People at random: ages 4 to 80, every third with glasses, some near the first axis and some far from it."""
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(count, DIMENSION)) / np.sqrt(DIMENSION)).astype(np.float32)
    vectors[:, 0] += rng.uniform(-1.5, 1.5, count)
    return Catalogue(
        latents=np.zeros((count, 512), np.float32),
        age=rng.uniform(4, 80, count).astype(np.float32),
        female=rng.choice([0.05, 0.95], count).astype(np.float32),
        ita=rng.uniform(-30, 70, count).astype(np.float32),
        beard=rng.uniform(0, 0.5, count).astype(np.float32),
        glasses=np.arange(count) % 3 == 0,
        meshes=np.zeros((count, 478, 3), np.float32),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        embedder="facenet",
    )


PEOPLE = made()


def job(appearance: Appearance, **changes: object) -> TwinJob:
    source = np.eye(DIMENSION, dtype=np.float32)[:1]
    start = TwinJob(
        frame=np.zeros((8, 8, 3), np.uint8),
        mesh=np.zeros((478, 3), np.float32),
        appearance=appearance,
        source=source,
        others=np.zeros((0, DIMENSION), np.float32),
        embedder="facenet",
        taken=(),
        seed=11,
        attempt=1,
    )
    return replace(start, **changes)


appearances = st.builds(
    Appearance,
    age=st.floats(3, 90),
    female=st.floats(0, 1),
    skin_ita=st.floats(-40, 75),
    beard=st.floats(0, 1),
    glasses=st.sampled_from([0.0, 1.0]),
)


def chosen_of(people: Catalogue, wanted: TwinJob) -> int:
    """Who is tried first."""
    return by_kind.candidates(people, wanted)[0]


def _members(chosen: int) -> list[int]:
    return [member for member in choosing.parents(chosen, len(PEOPLE)) if member >= 0]


@settings(max_examples=80, deadline=None)
@given(appearances, st.integers(0, 2**62), st.integers(1, 5))
def test_age_group_glasses_and_gender_always_fit(wanted: Appearance, seed: int, attempt: int) -> None:
    try:
        chosen = chosen_of(PEOPLE, job(wanted, seed=seed, attempt=attempt))
    except Withheld as error:
        assert error.reason == "no_candidate"
        return
    for member in _members(chosen):
        assert (PEOPLE.age[member] < catalogue.AGE_BOUNDS[0]) == (wanted.age < catalogue.AGE_BOUNDS[0])
        assert bool(PEOPLE.glasses[member]) == (wanted.glasses >= 0.5)
        if abs(wanted.female - 0.5) > 0.15:
            assert (PEOPLE.female[member] >= 0.5) == (wanted.female >= 0.5)


ADULT = Appearance(age=35, female=0.9, skin_ita=30)


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


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5))
def test_everybody_chosen_is_far_from_others(seed: int, attempt: int) -> None:
    others = PEOPLE.embeddings[[1, 4, 7]]
    wanted = job(ADULT, seed=seed, attempt=attempt, others=others)
    vectors = PEOPLE.embeddings[_members(chosen_of(PEOPLE, wanted))].sum(axis=0)
    vector = vectors / np.linalg.norm(vectors)
    assert float((1 - others @ vector).min()) >= choosing.APART - 1e-5


def test_nobody_is_left_when_everybody_is_somebody_else() -> None:
    with pytest.raises(Withheld) as raised:
        people = women(60, (33, 37))
        chosen_of(people, job(ADULT, others=people.embeddings))
    assert raised.value.reason == "no_candidate"


def test_a_preferred_candidate_is_kept() -> None:
    assert chosen_of(PEOPLE, job(ADULT, prefer=77)) == 77


def women(size: int, ages: tuple[float, float], near: float = 0.0) -> Catalogue:
    """People who differ from `ADULT` in age alone. near: how much of the source is in each embedding."""
    rest = np.random.default_rng(5).normal(size=(size, DIMENSION - 1))
    rest *= np.sqrt(1 - near**2) / np.linalg.norm(rest, axis=1, keepdims=True)
    return replace(
        made(size),
        embeddings=np.concatenate([np.full((size, 1), near), rest], axis=1).astype(np.float32),
        age=np.linspace(*ages, size, dtype=np.float32),
        female=np.full(size, ADULT.female, np.float32),
        ita=np.full(size, ADULT.skin_ita, np.float32),
        beard=np.full(size, ADULT.beard, np.float32),
        glasses=np.zeros(size, bool),
    )


def best_of(people: Catalogue, wanted: TwinJob, count: int) -> set[int]:
    cost = catalogue.mismatch(people, wanted.appearance, wanted.source)
    return set(np.argsort(cost, kind="stable")[:count].tolist())


@pytest.mark.parametrize("near", [0.0, 0.4, 0.9])
def test_the_kind_decides_and_not_the_distance_from_the_source(near: float) -> None:
    people = women(200, (33, 47), near)
    wanted = job(replace(ADULT, age=40.0))
    chosen = {chosen_of(people, replace(wanted, seed=seed)) for seed in range(120)}
    assert chosen == best_of(people, wanted, by_kind.POOL)


def test_who_is_too_old_or_of_another_tone_serves_only_where_hardly_anybody_else_does() -> None:
    people = women(40, (35, 37))
    people.ita[:20] += 40
    assert min(chosen_of(people, job(ADULT, seed=seed)) for seed in range(60)) >= 20
    people.ita[: 40 - by_kind.POOL + 1] = 70
    assert min(chosen_of(people, job(ADULT, seed=seed)) for seed in range(60)) < 40 - by_kind.POOL + 1


def test_strangers_are_the_best_of_the_kind_whoever_has_them_and_however_near_they_are() -> None:
    people = women(60, (30, 40), near=0.8)
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
    people = women(size, (33, 37))
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
    people = women(30, (33, 37))
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
    people = women(30, (33, 37))
    rejected: tuple[int, ...] = ()
    for number in range(1, attempt + 1):
        found = by_kind.candidates(people, job(ADULT, taken=rejected, seed=seed, attempt=number))
        assert len(found) >= by_kind.POOL // 2 and max(found) < len(people)
        rejected = (*rejected, found[0])


def test_many_others_are_compared_piece_by_piece() -> None:
    people, wanted = women(choosing.PARENTS, (33, 37)), job(ADULT)
    others = -np.repeat(wanted.source, 20_000, axis=0)
    taken = tuple(range(choosing.PARENTS))
    tracemalloc.start()
    by_kind.candidates(people, replace(wanted, taken=taken, others=others))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6, "all pairs at once would be 360 MB"
