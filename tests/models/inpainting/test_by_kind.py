"""Who of the catalogue is of a source's kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.inpainting import by_kind, catalogue, groups
from models.inpainting.catalogue import Catalogue
from models.interfaces.capabilities import FaceAttributes
from models.interfaces.twins import TwinJob
from tests.models.inpainting.people import ADULT, PEOPLE, appearances, job, women


def best_of(people: Catalogue, wanted: TwinJob, count: int) -> set[int]:
    cost = catalogue.mismatch(people, wanted.appearance, wanted.source)
    return set(np.argsort(cost, kind="stable")[:count].tolist())


def test_strangers_are_any_of_the_best_of_the_kind_whoever_has_them_and_however_near_they_are() -> None:
    people = women(np.full(60, 0.8, np.float32), (30, 40))
    wanted = job(ADULT, taken=tuple(range(60)), others=people.embeddings, seed=3)
    found = by_kind.strangers(people, wanted, 8)
    assert len(set(found)) == 8 and by_kind.strangers(people, wanted, 8) == found
    drawn = {one for seed in range(60) for one in by_kind.strangers(people, replace(wanted, seed=seed), 8)}
    assert drawn == best_of(people, wanted, by_kind.CELL)
    firsts = [by_kind.strangers(people, replace(wanted, seed=seed), 8)[0] for seed in range(400)]
    counts = np.bincount(firsts, minlength=60)
    assert (counts > 0).sum() == by_kind.CELL and counts.max() < 45, "each is as likely as the others: 20 of 400"


def test_who_is_too_old_or_of_another_tone_is_no_stranger_of_the_kind_while_there_are_others() -> None:
    people = women(np.zeros(40, np.float32), (35, 37))
    people.ita[:20] += 50
    people.age[20:24] = 60
    assert set(by_kind.strangers(people, job(ADULT), 16)) == set(range(24, 40))
    assert set(by_kind.strangers(people, job(ADULT), 17)) & set(range(24))


def test_strangers_are_found_for_kinds_that_hardly_anybody_is_of() -> None:
    """A child with glasses, of whom the catalogue has none: others stand in, those of the kind first."""
    wanted = job(FaceAttributes(age=9, female=0.1, skin_ita=30, glasses=1.0))
    people = catalogue.load()
    found = by_kind.strangers(people, wanted, 8)
    assert len(set(found)) == 8
    fits = np.isfinite(catalogue.mismatch(people, wanted.appearance, None))
    assert all(fits[found[: int(fits.sum())]])


def test_of_people_of_the_kind_those_are_tried_who_are_free_and_fit_first_those_seen_to_be_far() -> None:
    people = women(np.zeros(60, np.float32), (35, 37))
    wanted = job(ADULT, kindred=(7, 3, 5, 9, 11, 2), kind_first=True)
    first = by_kind.kindred(people, wanted)
    assert first[:6] == [7, 3, 5, 9, 11, 2] and len(set(first)) == len(first) >= by_kind.CELL
    people.age[3], people.ita[5], people.glasses[9] = 60, 90, True
    found = by_kind.kindred(people, wanted)
    assert found[:3] == [7, 11, 2] and not {3, 5, 9} & set(found)
    assert by_kind.kindred(people, replace(wanted, taken=(11,)))[:2] == [7, 2]
    assert by_kind.kindred(people, replace(wanted, others=people.embeddings[7:8]))[:2] == [11, 2]
    assert not {1, 4} & set(by_kind.kindred(people, replace(wanted, unfit=(1, 4))))
    assert 600 not in by_kind.kindred(people, replace(wanted, kindred=(600,)))
    assert by_kind.kindred(people, replace(wanted, prefer=4)) == [] == by_kind.kindred(people, job(ADULT, kindred=(7,)))


def test_others_of_the_kind_are_drawn_from_the_best_who_are_not_hopelessly_near() -> None:
    near = np.zeros(60, np.float32)
    near[:30] = 0.5
    people = women(near, (35, 37))
    wanted = job(ADULT, kind_first=True)
    drawn = [by_kind.kindred(people, replace(wanted, seed=seed)) for seed in range(60)]
    assert {len(one) for one in drawn} == {by_kind.CELL} and all(min(one) >= 30 for one in drawn)
    assert len({one[0] for one in drawn}) == by_kind.CELL
    cost = catalogue.mismatch(people, wanted.appearance, wanted.source)
    assert set(drawn[0]) == set([int(i) for i in np.argsort(cost, kind="stable") if near[i] == 0][: by_kind.CELL])


def test_nobody_of_another_group_is_tried_while_the_source_looks_like_one(monkeypatch: pytest.MonkeyPatch) -> None:
    people = replace(women(np.zeros(60, np.float32), (35, 37)), group=np.arange(60) % 3)
    wanted = job(ADULT, kind_first=True, kindred=(0, 1, 2, 4))
    for share, tried in (([0.7, 0.2, 0.1, 0.0], {0}), ([0.475, 0.05, 0.475, 0.0], {0, 2})):
        monkeypatch.setattr(groups, "likely", lambda *_, share=share: np.array(share))
        assert {one % 3 for one in by_kind.kindred(people, wanted)} == tried
        assert {one % 3 for one in by_kind.strangers(people, wanted, 8)} == tried


def test_of_two_groups_the_likelier_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    people = replace(women(np.zeros(60, np.float32), (35, 37)), group=np.arange(60) % 2)
    wanted = job(ADULT, kind_first=True, kindred=(1, 4, 3, 0))
    for share, order in (([0.55, 0.45, 0, 0], [4, 0, 1, 3]), ([0.45, 0.55, 0, 0], [1, 3, 4, 0])):
        monkeypatch.setattr(groups, "likely", lambda *_, share=share: np.array(share))
        found = by_kind.kindred(people, wanted)
        assert found[:4] == order
        later = [share[one % 2] for one in found[4:]]
        assert later == sorted(later, reverse=True) and len(later) > 4


def test_those_who_wear_glasses_and_a_beard_as_the_source_does_come_first() -> None:
    people = women(np.zeros(60, np.float32), (35, 37))
    people.glasses[: catalogue.FEW_ALIKE - 2] = True
    people.beard[:] = np.where(np.arange(60) % 2, 0.9, 0.1)
    wanted = job(replace(ADULT, glasses=1.0, beard=0.8), kind_first=True, kindred=(50, 4, 51, 5))
    assert by_kind.kindred(people, wanted)[:4] == [5, 4, 51, 50]
    shaven = by_kind.kindred(people, replace(wanted, appearance=replace(ADULT, glasses=1.0, beard=0.2)))
    assert shaven[:4] == [4, 50, 5, 51]


def test_where_few_are_of_the_group_those_of_the_age_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    people = replace(women(np.zeros(60, np.float32), (35, 37)), group=(np.arange(60) > 5).astype(np.int64))
    people.age[:3] = ADULT.age + 1.9 * catalogue.NEAR_AGE
    monkeypatch.setattr(groups, "likely", lambda *_: np.array([0.9, 0.1, 0, 0]))
    found = by_kind.kindred(people, job(ADULT, kind_first=True, kindred=(0, 4, 1, 3)))
    assert found[:4] == [4, 3, 0, 1] and set(found) == set(range(6))


@settings(max_examples=60, deadline=None)
@given(appearances, st.integers(0, 2**62))
def test_whoever_of_the_kind_is_tried_is_of_the_age_group_gender_and_glasses(wanted: FaceAttributes, seed: int) -> None:
    asked = job(wanted, seed=seed, kind_first=True)
    seen = tuple(by_kind.strangers(PEOPLE, asked, 8))
    for one in by_kind.kindred(PEOPLE, replace(asked, kindred=seen)):
        assert (PEOPLE.age[one] < catalogue.AGE_BOUNDS[0]) == (wanted.age < catalogue.AGE_BOUNDS[0])
        assert not PEOPLE.glasses[one] or wanted.glasses >= 0.5
        assert abs(PEOPLE.age[one] - wanted.age) <= 2 * catalogue.NEAR_AGE
        if abs(wanted.female - 0.5) > 0.15:
            assert (PEOPLE.female[one] >= 0.5) == (wanted.female >= 0.5)
