"""Both rules by which people are chosen from the catalogue: far from the source, and of its kind."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import Withheld
from models.capabilities import Appearance
from models.inpainting import by_kind, catalogue, choosing
from models.inpainting.catalogue import Catalogue
from models.twins import TwinJob
from tests.models.inpainting.people import ADULT, PEOPLE, appearances, job, members

RULES = pytest.mark.parametrize("rule", [choosing, by_kind], ids=["far", "by kind"])


def chosen_of(rule: ModuleType, people: Catalogue, wanted: TwinJob) -> int:
    """Who is tried first."""
    return int(rule.candidates(people, wanted)[0])


@RULES
@settings(max_examples=80, deadline=None)
@given(appearances, st.integers(0, 2**62), st.integers(1, 5))
def test_age_group_glasses_and_gender_always_fit(rule: ModuleType, wanted: Appearance, seed: int, attempt: int) -> None:
    try:
        chosen = chosen_of(rule, PEOPLE, job(wanted, seed=seed, attempt=attempt))
    except Withheld as error:
        assert error.reason == "no_candidate"
        return
    for member in members(chosen):
        assert (PEOPLE.age[member] < catalogue.AGE_BOUNDS[0]) == (wanted.age < catalogue.AGE_BOUNDS[0])
        assert bool(PEOPLE.glasses[member]) == (wanted.glasses >= 0.5)
        if abs(wanted.female - 0.5) > 0.15:
            assert (PEOPLE.female[member] >= 0.5) == (wanted.female >= 0.5)


@RULES
def test_the_choice_is_determined_by_seed_and_attempt_and_varies_with_both(rule: ModuleType) -> None:
    same = {chosen_of(rule, PEOPLE, job(ADULT)) for _ in range(5)}
    assert len(same) == 1
    assert len({chosen_of(rule, PEOPLE, job(ADULT, seed=seed)) for seed in range(40)}) > 4
    assert len({chosen_of(rule, PEOPLE, job(ADULT, attempt=attempt)) for attempt in range(1, 12)}) > 2


@RULES
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 60))
def test_nobody_who_is_taken_is_chosen_again(rule: ModuleType, seed: int, rounds: int) -> None:
    taken: tuple[int, ...] = ()
    for _ in range(min(rounds, 30)):
        try:
            chosen = chosen_of(rule, PEOPLE, job(ADULT, seed=seed, taken=taken))
        except Withheld:
            return
        assert chosen not in taken
        taken = (*taken, chosen)


@RULES
def test_a_preferred_candidate_is_kept(rule: ModuleType) -> None:
    assert chosen_of(rule, PEOPLE, job(ADULT, prefer=77)) == 77
