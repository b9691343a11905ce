"""The sampler of people: what the same numbers give, and that its people are of their cell."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.interfaces.people import Person, Sampler
from models.people import maps, sampler
from models.people.cells import KIND
from models.people.sampler import candidate_of, parts_of
from tests.contracts import support
from tests.contracts.test_inpainter import job

PEOPLE = 6


@pytest.fixture(scope="module")
def made() -> Any:
    return support.load("sampler", "linear-people")


def first(made: Sampler, cell: int, seed: int, count: int) -> list[int]:
    return [candidate for candidate, _ in itertools.islice(made.propose(cell, seed), count)]


@given(st.integers(0, 500), st.integers(0, 2**32 - 1), st.integers(0, 2 * sampler.MOVED - 1))
def test_a_number_holds_cell_key_and_draw(cell: int, key: int, number: int) -> None:
    candidate = candidate_of(cell, key, number)
    assert parts_of(candidate) == (cell, key, number) and 0 < candidate < 2**63


def test_one_cell_and_one_seed_give_the_same_people_whoever_asks(made: Any) -> None:
    """To the byte, also in another process, which knows nothing but the number."""
    assert isinstance(made, Sampler)
    (candidate,) = first(made, 3, 77, 1)
    again = sampler.LinearSampler()
    assert first(again, 3, 77, 1) == [candidate]
    one, other = made.person(candidate), again.person(candidate)
    assert np.array_equal(one.picture, other.picture) and np.array_equal(one.embedding, other.embedding)
    assert np.array_equal(made.latent(candidate), again.latent(candidate))
    assert len({*first(made, 3, 77, 1), *first(made, 3, 78, 1), *first(made, 4, 77, 1)}) == 3


def test_people_are_measured_against_their_cell_and_most_of_the_promising_are_fit(made: Any) -> None:
    cells = maps.load().cells
    wanted = {
        int(np.argmin(cells.centres[:, KIND.index("age")])),
        int(np.argmax(cells.centres[:, KIND.index("African")])),
    }
    found: list[tuple[int, Person]] = []
    for cell in wanted:
        found += [(cell, one) for n in first(made, cell, 5, PEOPLE) if (one := made.person(n)) is not None]
    fit = [(cell, one) for cell, one in found if not one.fault]
    assert len(fit) >= 0.25 * len(wanted) * PEOPLE
    age = support.load("age_gender", "dlib-age-gender")
    for cell, one in fit:
        face = support.load("detector", "retinaface-mobilenet").detect([one.picture])[0][0]
        years, female = age.estimate([one.picture], [face])[0]
        assert abs(years - cells.centres[cell, KIND.index("age")]) < 8
        assert (female > 0.5) == bool(cells.centres[cell, KIND.index("female")]) or years < 16
        assert one.picture.flags.writeable is False


def test_people_of_one_cell_are_different_people(made: Any) -> None:
    """As pictures, measured: pictures of one person lie within about .2 of one another. Children look more alike."""
    near = []
    adults = np.flatnonzero(maps.load().cells.centres[:, KIND.index("age")] > 20)
    for cell in (int(adults[len(adults) // 4]), int(adults[3 * len(adults) // 4])):
        some = [one for n in first(made, cell, 9, PEOPLE) if (one := made.person(n)) is not None]
        away = 1 - np.array([one.embedding for one in some]) @ np.array([one.embedding for one in some]).T
        near += list(away[np.triu_indices(len(some), 1)])
    assert np.median(near) > 0.45 and np.quantile(near, 0.1) > 0.3


def test_who_is_off_is_moved_nearer_the_same_in_every_process(made: Any) -> None:
    """Measured: most of what is off is less so of the person moved, who stays nearly who it was."""
    same, moved = [], 0
    known = [
        (one, made.person(one.moved))
        for n in first(made, 12, 5, 2 * PEOPLE)
        if (one := made.person(n)) and one.moved >= 0
    ]
    for one, other in known:
        moved += 1
        assert parts_of(one.moved) == (12, parts_of(one.candidate)[1], parts_of(one.candidate)[2] + sampler.MOVED)
        assert not np.array_equal(made.latent(one.candidate), made.latent(one.moved))
        if other is not None:
            assert other.moved == -1, "nobody is moved twice"
            same.append(float(1 - one.embedding @ other.embedding))
    one, other = known[0]
    assert np.array_equal(sampler.LinearSampler().latent(one.moved), made.latent(one.moved))
    fit = np.mean([other is not None and not other.fault for _, other in known])
    assert moved >= 3 and fit >= 0.3 and np.median(same) < 0.4


def test_a_moved_person_whose_first_picture_shows_nobody_is_none(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (candidate,) = first(made, 3, 123, 1)
    monkeypatch.setattr(made._meter, "measure", lambda picture: None)
    monkeypatch.setattr(made._generator, "picture", lambda latent: np.zeros((8, 8, 3), np.uint8))
    assert made.person(candidate + sampler.MOVED) is None
    with pytest.raises(ValueError, match="Nobody"):
        made.latent(candidate + sampler.MOVED)


def test_a_cell_of_which_few_are_promising_does_not_run_dry(made: Any) -> None:
    """Bearded men with dark skin and glasses: of those who are predicted to be off, the least off come first."""
    centres = maps.load().cells.centres
    beard, african = (centres[:, KIND.index(name)] for name in ("beard", "African"))
    rare = np.flatnonzero((beard > 0.5) & (african > 0.5) & (centres[:, KIND.index("female")] == 0))
    assert len(rare) >= 2
    for cell in rare[:2]:
        found = [one.of_kind for n in first(made, int(cell), 9, 2 * PEOPLE) if (one := made.person(n)) is not None]
        assert sum(found) >= 2, int(cell)


def test_children_are_nearer_to_each_other_than_grown_up_people(made: Any) -> None:
    age = maps.load().cells.centres[:, KIND.index("age")]
    child, adult = (
        np.mean([made.pair_distance(int(cell), 0.5) for cell in np.flatnonzero(which)])
        for which in (age < 10, age > 30)
    )
    assert 0.3 < child < adult - 0.1 < 0.7
    assert made.pair_distance(5, 0.01) < made.pair_distance(5, 0.03) < made.pair_distance(5, 0.05)


def test_hundreds_can_be_asked_for(made: Any) -> None:
    numbers = [candidate for candidate, _ in made.propose(1, 1)]
    assert len(numbers) == len(set(numbers)) == sampler.MOST_DRAWS


def test_a_control_stranger_who_becomes_the_twin_is_made_once(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inpainter = support.load("inpainter", "mobilestylegan")
    first, second = [one for one in inpainter.strangers(job(), 8) if not made.person(one.candidate).fault][:2]
    monkeypatch.setattr(made._generator, "picture", lambda latent: pytest.fail("made again"))
    assert inpainter.inpaint(job(kindred=(second.candidate,))).picture is second.picture
    with pytest.raises(ValueError, match="read-only"):
        first.picture[0, 0] = 0
