"""The cells that ship: how many people each holds, and where a kind falls."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.people import maps
from models.people.cells import KIND

LEAST = 50
"""What README promises."""


def test_every_cell_that_ships_holds_enough_people() -> None:
    cells = maps.load().cells
    assert len(cells) >= 140 and cells.sizes.min() >= LEAST
    assert cells.sizes.sum() >= 9700


@given(arrays.arrays(np.float32, len(KIND), elements=st.floats(-100, 100, width=32)))
def test_everybody_falls_into_one_cell_of_their_gender(kind: np.ndarray) -> None:
    cells = maps.load().cells
    kind = kind.copy()
    kind[KIND.index("female")] = np.clip(abs(kind[KIND.index("female")]), 0, 1)
    found = cells.of(kind)
    assert 0 <= found < len(cells)
    assert cells.centres[found, KIND.index("female")] == float(kind[KIND.index("female")] > 0.5)


def test_the_centre_of_a_cell_is_nearly_always_of_that_cell() -> None:
    cells = maps.load().cells
    assert np.mean([cells.of(centre) == number for number, centre in enumerate(cells.centres)]) > 0.6


def test_people_are_asked_for_of_the_group_that_prevails_and_else_as_the_centre_is() -> None:
    cells = maps.load().cells
    targets = cells.targets
    assert np.array_equal(targets[:, :-3], cells.centres[:, :-3])
    for asked, centre in zip(targets[:, -3:], cells.centres[:, -3:], strict=True):
        now, then = ([*some, 1 - sum(some)] for some in (asked, centre))
        assert int(np.argmax(now)) == int(np.argmax(then)) and max(now) >= max(then) - 1e-6 and min(now) > -1e-6
        if max(then) > 0.7:
            assert max(now) > 0.8


def test_children_old_people_dark_skin_glasses_and_beards_have_cells_of_their_own() -> None:
    centres = maps.load().cells.centres
    column = {name: centres[:, KIND.index(name)] for name in KIND}
    assert (column["age"] < 12).sum() >= 4 and (column["age"] > 60).sum() >= 4
    for female in (False, True):
        of = column["female"] == female
        assert (of & (column["African"] > 0.5)).any() and (of & (column["East Asian"] > 0.5)).any()
        assert (of & (column["glasses"] > 0.5)).sum() >= 3
    assert ((column["beard"] > 0.5) & (column["female"] == 0)).any()
