"""Parting people into cells of at least K."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.people import rules
from models.people.cells import KIND
from tools.people import partition


def people(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kinds = rng.random((count, len(KIND)))
    kinds[:, KIND.index("age")] *= 80
    kinds[:, KIND.index("ita")] = kinds[:, KIND.index("ita")] * 120 - 40
    # Ties, as of people without glasses, must not tear a cell.
    kinds[:, KIND.index("glasses")] = np.round(kinds[:, KIND.index("glasses")])
    return kinds


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(5, 40))
def test_every_cell_holds_k_people_of_one_gender_and_says_how_many(seed: int, least: int) -> None:
    kinds = people(600, seed)
    cells = partition.part(kinds, least)
    found = cells.of_each(kinds)
    counted = np.bincount(found, minlength=len(cells))
    assert counted.min() >= least and (counted == cells.sizes).all()
    female = kinds[:, KIND.index("female")] >= 0.5
    for cell in range(len(cells)):
        members = kinds[found == cell]
        assert len(set(female[found == cell])) == 1
        assert cells.centres[cell, KIND.index("age")] == pytest.approx(
            np.median(members[:, KIND.index("age")]), abs=1e-3
        )


def test_more_people_or_smaller_cells_bring_the_centre_nearer() -> None:
    def off(count: int, least: int) -> float:
        kinds, others = people(count, 1), people(300, 2)
        cells = partition.part(kinds, least)
        centres = cells.centres[cells.of_each(others)]
        return float(np.abs(centres - others)[:, KIND.index("age")].mean())

    assert off(3000, 30) < off(3000, 200) < 25 and off(3000, 30) < off(600, 30)


def test_too_few_people_of_a_gender_are_refused() -> None:
    kinds = people(100, 0)
    kinds[:, KIND.index("female")] = 0.9
    with pytest.raises(ValueError, match="gender"):
        partition.part(kinds, 20)


def test_the_shade_of_a_womans_chin_parts_nobody_and_a_mans_beard_does() -> None:
    kinds = people(2000, 3)
    female, beard = kinds[:, KIND.index("female")] >= 0.5, KIND.index("beard")
    other = kinds.copy()
    other[female, beard] = 0.0
    for one, same in ((kinds[female], True), (kinds[~female], False)):
        found = [partition.part(some, 40) for some in (kinds, other)]
        cells = found[0].of_each(one).tolist()
        changed = one.copy()
        changed[:, beard] = 0.0
        assert (found[1].of_each(changed).tolist() == cells) is same


def test_no_cell_holds_children_and_adults() -> None:
    kinds = people(3000, 5)
    cells = partition.part(kinds, 40)
    found = cells.of_each(kinds)
    young = kinds[:, KIND.index("age")] < rules.ADULT
    for cell in range(len(cells)):
        assert len(set(young[found == cell])) == 1
        assert (cells.centres[cell, KIND.index("age")] < rules.ADULT) == young[found == cell][0]
