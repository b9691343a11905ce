"""Who may stand for a cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.people import maps, rules
from models.people.cells import KIND
from models.people.maps import REST
from models.people.meter import LOOKS, VALUES

CELLS = maps.load().cells
CLEAN = {"covered": 0.0, "hat": 0.0, "uneven": 0.05, "eye_light": 0.9}


def at_centre(cell: int, **changes: float) -> tuple[np.ndarray, np.ndarray]:
    centre = dict(zip(KIND, (float(v) for v in CELLS.centres[cell]), strict=True))
    glasses = float(centre["glasses"] >= 0.5)
    seen = {**REST, **{name: centre[name] for name in LOOKS}, "glasses": glasses, **CLEAN, **changes}
    shares = [centre[name] for name in ("European", "African", "East Asian")]
    return np.array([[seen[name] for name in VALUES]]), np.array([[*shares, max(1 - sum(shares), 0)]])


def fault(cell: int, predicted: bool = False, **changes: float) -> str:
    slack = rules.SLACK if predicted else 1.0
    return rules.faults(*at_centre(cell, **changes), CELLS.centres[cell], slack, predicted)[0]


@given(st.integers(0, len(CELLS) - 1), st.booleans())
def test_who_is_like_the_centre_and_at_rest_may_stand_for_a_cell(cell: int, predicted: bool) -> None:
    assert fault(cell, predicted) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("yaw", 9.0), ("pitch", 9.0), ("mouth", 0.1), ("smile", 0.5), ("eyes", 0.05), ("light", 0.25), ("frown", 0.9),
        ("raised", 0.7), ("aside", 0.8), ("hat", 0.1), ("uneven", 0.3), ("covered", 0.9),
    ],
)  # fmt: skip
def test_a_face_that_is_not_at_rest_or_not_bare_may_not(name: str, value: float) -> None:
    for cell in range(0, len(CELLS), 7):
        assert fault(cell, **{name: value}) == name


def test_nobody_of_another_kind_may() -> None:
    centres = CELLS.centres
    man = int(np.flatnonzero((centres[:, KIND.index("female")] == 0) & (centres[:, KIND.index("age")] > 30))[0])
    woman = int(np.flatnonzero((centres[:, KIND.index("female")] == 1) & (centres[:, KIND.index("age")] > 30))[0])
    child = int(np.argmin(centres[:, KIND.index("age")]))
    assert fault(man, age=float(centres[man, KIND.index("age")]) + rules.AGE + 1) == "age"
    assert fault(man, female=0.9) == fault(woman, female=0.1) == fault(man, female=0.4) == "female"
    assert fault(child, age=rules.ADULT + 1) == "age"
    bare = int(np.flatnonzero(centres[:, KIND.index("glasses")] < 0.2)[0])
    wearing = int(np.argmax(centres[:, KIND.index("glasses")]))
    assert fault(bare, glasses=0.9) == fault(wearing, glasses=0.0) == fault(bare, glasses=0.2) == "glasses"
    assert fault(wearing, eye_light=0.3) == "eye_light" and fault(bare, eye_light=0.3) == ""
    values, shares = at_centre(bare)
    assert rules.faults(values, np.roll(np.round(shares), 1, axis=1), centres[bare]) == ["group"]


def test_of_women_and_children_no_beard_is_measured() -> None:
    centres = CELLS.centres
    female, age, beard = (centres[:, KIND.index(name)] for name in ("female", "age", "beard"))
    man = int(np.flatnonzero((female == 0) & (age > 30) & (beard < 0.4))[0])
    for cell in (int(np.argmin(age)), int(np.flatnonzero((female == 1) & (age > 30))[0])):
        assert fault(cell, beard=float(beard[cell]) + 0.5) == ""
    assert fault(man, beard=float(beard[man]) + 0.5) == "beard"


def test_light_beyond_what_skin_has_tells_nothing() -> None:
    pale = int(np.argmax(CELLS.centres[:, KIND.index("ita")]))
    assert fault(pale, ita=88.0) == ""
    assert fault(pale, ita=10.0) == "ita"


def test_a_fringe_that_is_wanted_may_cover_the_face() -> None:
    fringe = int(np.argmax(CELLS.centres[:, KIND.index("fringe")]))
    bare = int(np.argmin(CELLS.centres[:, KIND.index("fringe")]))
    covered = rules.COVERED + 0.2 * float(CELLS.centres[fringe, KIND.index("fringe")])
    assert fault(fringe, covered=covered) == "" and fault(bare, covered=covered) == "covered"


def test_what_is_predicted_may_be_off_less() -> None:
    centre = float(CELLS.centres[0, KIND.index("age")])
    assert fault(0, age=centre + rules.AGE * 0.9) == "" and fault(0, True, age=centre + rules.AGE * 0.9) == "age"
    assert fault(0, True, age=centre + rules.AGE * 0.5) == "" and fault(0, age=centre + rules.AGE * 1.1) == "age"


@given(st.integers(0, len(CELLS) - 1), st.floats(-3, 3), st.sampled_from(VALUES))
def test_whoever_is_predicted_to_be_off_is_so_by_more_than_nothing(cell: int, off: float, name: str) -> None:
    values, shares = at_centre(cell)
    values[0, VALUES.index(name)] += off * (20.0 if name in ("age", "ita", "yaw", "pitch") else 0.3)
    (fault_,) = rules.faults(values, shares, CELLS.centres[cell], rules.SLACK, predicted=True)
    (excess,) = rules.excess(values, shares, CELLS.centres[cell], rules.SLACK)
    assert (excess > 0) == bool(fault_)


def test_whoever_is_farther_off_comes_later_and_what_is_no_number_last() -> None:
    age = float(CELLS.centres[0, KIND.index("age")])
    rows = [at_centre(0, age=age + more) for more in (5.0, 9.0, float("nan"))]
    values, shares = (np.concatenate([row[k] for row in rows]) for k in (0, 1))
    near, far, unknown = rules.excess(values, shares, CELLS.centres[0], rules.SLACK)
    assert 0 < near < far < unknown == np.inf
    assert near == pytest.approx(5.0 / rules.AGE - rules.SLACK)


def test_a_control_stranger_may_be_off_more_but_is_of_the_kind() -> None:
    def of_kind(cell: int, **changes: float) -> str:
        return rules.faults(*at_centre(cell, **changes), CELLS.centres[cell], rules.OF_KIND)[0]

    man = int(np.flatnonzero((CELLS.centres[:, KIND.index("female")] == 0) & (CELLS.centres[:, 0] > 30))[0])
    age = float(CELLS.centres[man, KIND.index("age")])
    for name, more in (("age", age + 7.9), ("light", 0.16), ("uneven", 0.15)):
        assert fault(man, **{name: more}) == name and of_kind(man, **{name: more}) == ""
    for name, wrong in (("age", age + 9.0), ("female", 0.6), ("hat", 0.1), ("glasses", 0.2), ("covered", 0.5)):
        assert of_kind(man, **{name: wrong}) == name


@given(st.sampled_from([name for name in VALUES if name not in ("beard", "eye_light", "warmth")]))
def test_a_value_that_is_no_number_is_a_fault(name: str) -> None:
    man = int(np.flatnonzero(CELLS.centres[:, KIND.index("female")] == 0)[0])
    assert fault(man, **{name: float("nan")}) == name


def test_what_is_missing_is_said_in_words() -> None:
    known = {rules.in_words(name) for name in (*VALUES, "group")}
    assert {"age", "skin tone", "glasses", "a face at rest", "apparent group", "no hat"} <= known
    assert not any("_" in words for words in known) and rules.in_words("") == ""
