"""Whom the embedded inpainter takes of those whom a sampler draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from infra.errors import Withheld
from models.inpainting import sampled_inpainter
from models.inpainting.sampled_inpainter import (
    APART,
    CHOICE,
    CROWDED,
    FARTHER,
    MOST,
    PATIENCE,
    PREDICTED,
    SampledInpainter,
)
from models.interfaces.capabilities import FaceAttributes, Floats
from models.interfaces.people import Person, Sampler
from models.interfaces.twins import Inpainter, Strangers, TwinJob
from models.selection import profiles

SIDE = 8
NEAR, LIKE = 0.55, 0.22
"""How far apart one in twenty, and one in a hundred, pairs of the cell's people are."""
MOVED = 1000
Over = Callable[["Drawn"], SampledInpainter]


def towards(away: float) -> Floats:
    """A unit vector at a cosine distance from the first axis."""
    vector = np.zeros(SIDE, np.float32)
    vector[0], vector[1] = 1 - away, np.sqrt(1 - (1 - away) ** 2)
    return vector


class Drawn:
    """A sampler whose people are told: number n lies `away[n]` from the source, and may have a fault.

    Number n + MOVED is the same person moved.
    """

    name, embedder = "drawn", "facenet"

    def __init__(self, away: list[float], faults: dict[int, str] | None = None, blind: tuple[int, ...] = ()) -> None:
        self.away, self.faults, self.blind = away, faults or {}, blind
        self.made: list[int] = []
        self.asked: list[tuple[int, int]] = []
        self.predicted: dict[int, float] = {}
        self.moved: dict[int, int] = {}
        self.strange: set[int] = set()

    def cell(self, appearance: FaceAttributes, embeddings: Floats | None) -> int:
        return int(appearance.age) if embeddings is not None else -1

    def pair_distance(self, cell: int, quantile: float) -> float:
        return {sampled_inpainter.NEAR: NEAR, CROWDED: LIKE}[quantile]

    def propose(self, cell: int, seed: int) -> Iterator[tuple[int, Floats]]:
        self.asked.append((cell, seed))
        for n, away in enumerate(self.away):
            yield n, towards(self.predicted.get(n, away))

    def person(self, candidate: int) -> Person | None:
        self.made.append(candidate)
        if candidate in self.blind:
            return None
        picture = np.full((4, 4, 3), candidate % 256, np.uint8)
        mesh, fault = np.zeros((478, 3), np.float32), self.faults.get(candidate, "")
        away, of_kind = self.away[candidate % MOVED], not fault or candidate not in self.strange
        return Person(candidate, picture, mesh, towards(away), {}, fault, of_kind, self.moved.get(candidate, -1))


def job(**changes: Any) -> TwinJob:
    start = TwinJob(
        frame=np.zeros((2, 2, 3), np.uint8),
        mesh=np.zeros((478, 3), np.float32),
        appearance=FaceAttributes(age=38, female=0.1),
        source=towards(0.0)[None],
        others=np.zeros((0, SIDE), np.float32),
        embedder="facenet",
        taken=(),
        seed=5,
        attempt=1,
    )
    return replace(start, **changes)


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> Over:
    def build(sampler: Drawn) -> SampledInpainter:
        assert isinstance(sampler, Sampler)
        monkeypatch.setattr(profiles, "load", lambda capability, name: sampler)
        made = SampledInpainter()
        assert isinstance(made, Inpainter) and isinstance(made, Strangers)
        return made

    return build


def test_the_first_who_is_fit_and_far_enough_is_taken(over: Over) -> None:
    drawn = Drawn([0.9, NEAR - 0.01, 0.9, 0.9, 0.5], {0: "age"}, blind=(2,))
    assert over(drawn).inpaint(job()).candidate == 3
    assert drawn.asked == [(38, 5)]


def test_later_attempts_ask_for_more_distance(over: Over) -> None:
    drawn = Drawn([NEAR + 0.01, NEAR + FARTHER + 0.01, 0.99])
    assert [over(drawn).inpaint(job(attempt=n)).candidate for n in (1, 2, 9)] == [0, 1, 2]


def test_who_is_predicted_too_near_is_not_made(over: Over) -> None:
    drawn = Drawn([0.1, 0.2, 0.9])
    assert over(drawn).inpaint(job()).candidate == 2
    assert drawn.made == [2]
    # What is predicted errs, so it alone does not refuse somebody a little nearer.
    drawn.predicted = {2: NEAR - 0.1}
    assert over(drawn).inpaint(job()).candidate == 2


def test_nobody_who_is_taken_unfit_or_like_somebody_else(over: Over) -> None:
    drawn = Drawn([0.9, 0.8, 0.7, 0.6])
    assert over(drawn).inpaint(job(taken=(0,), unfit=(1,))).candidate == 2
    assert 1 - float(towards(0.9) @ towards(0.6)) < LIKE
    with pytest.raises(Withheld, match="distance from other people"):
        over(drawn).inpaint(job(others=towards(0.9)[None]))
    with pytest.raises(Withheld, match="nobody is left"):
        over(drawn).inpaint(job(taken=(0, 1, 2, 3)))


def test_in_a_crowd_of_one_kind_the_farther_of_two_is_taken(over: Over) -> None:
    def like(away: float) -> float:
        return 1 - float(towards(1.45) @ towards(away))

    assert like(0.8) < LIKE < like(0.75) < APART - PREDICTED < like(0.65) < like(0.6) < APART < like(2.0)
    crowd = job(others=towards(1.45)[None])
    drawn = Drawn([0.8, 0.65, 0.6, 0.57])
    assert over(drawn).inpaint(crowd).candidate == 2
    assert drawn.made == [1, 2, 2], "after CHOICE of them nobody else is made"
    assert CHOICE == 2
    # Whoever is fit and keeps the usual distance is taken at once, and the unfit only after all of them.
    assert over(Drawn([0.6, 2.0])).inpaint(crowd).candidate == 1
    unfit = Drawn([0.6, 0.65, *[0.62] * 40], {0: "age"} | dict.fromkeys(range(2, 42), "age"))
    assert over(unfit).inpaint(crowd).candidate == 1
    # Where all are predicted to be near somebody, those who are least so are tried first.
    dense = Drawn([0.8, 0.76, 0.75, 0.72, 0.74])
    assert over(dense).inpaint(crowd).candidate == 3
    assert dense.made == [3, 4, 3]


def test_control_strangers_who_passed_in_place_come_first_however_near_their_pictures(over: Over) -> None:
    drawn = Drawn([0.9, 0.9, 0.2, 0.9], {1: "hat"})
    assert over(drawn).inpaint(job(kindred=(1, 2, 3))).candidate == 2
    assert over(drawn).inpaint(job(kindred=(1, 2, 3), taken=(2,))).candidate == 3


def test_who_is_unfit_is_moved_before_somebody_else_is_made(over: Over) -> None:
    drawn = Drawn([0.9, 0.9], {0: "age", 1: "age"})
    drawn.moved = {0: MOVED, 1: MOVED + 1}
    drawn.strange = {0, 1, MOVED}
    assert over(drawn).inpaint(job()).candidate == MOVED
    assert drawn.made == [0, MOVED]
    drawn.faults[MOVED] = "age"
    assert over(drawn).inpaint(job()).candidate == MOVED + 1
    # A moved one who was refused in place is not tried again, nor whoever was seen to be too near moved.
    assert over(drawn).inpaint(job(unfit=(MOVED,))).candidate == MOVED + 1
    with pytest.raises(Withheld):
        over(drawn).inpaint(job(unfit=(MOVED + 1,)))
    with pytest.raises(Withheld):
        over(drawn).inpaint(job(unfit=(0, 1)))


def test_moved_strangers_come_after_the_fit_ones_and_are_measured_anew(over: Over) -> None:
    drawn = Drawn([0.9, 0.9, 0.9], {0: "age"})
    drawn.moved = {0: MOVED}
    assert over(drawn).inpaint(job(kindred=(0, 2))).candidate == 2
    assert over(drawn).inpaint(job(kindred=(0, 2), taken=(2,))).candidate == MOVED
    near = Drawn([NEAR - 0.1, NEAR - 0.1, 0.9], {0: "age"})
    near.moved = {0: MOVED}
    assert over(near).inpaint(job(kindred=(0,))).candidate == 2
    assert MOVED in near.made


def test_a_kept_twin_is_made_again_whatever_it_is_like(over: Over) -> None:
    drawn = Drawn([0.0, 0.9], {0: "age"})
    assert over(drawn).inpaint(job(prefer=0)).candidate == 0
    with pytest.raises(Withheld):
        over(Drawn([0.0], blind=(0,))).inpaint(job(prefer=0))


def test_where_nobody_will_do_it_says_what_was_missing_and_stops(over: Over) -> None:
    drawn = Drawn([0.9] * 500, dict.fromkeys(range(500), "glasses") | {3: "age"})
    drawn.strange = set(range(500))
    with pytest.raises(Withheld) as raised:
        over(drawn).inpaint(job())
    assert raised.value.reason == "no_candidate" and "glasses (39), age (1)" in str(raised.value)
    assert len(drawn.made) == MOST
    with pytest.raises(Withheld, match=r"distance from the source \(20\)"):
        over(Drawn([0.0] * 20)).inpaint(job())


def test_where_nobody_is_fit_somebody_of_the_kind_will_do_but_nobody_near(over: Over) -> None:
    drawn = Drawn([0.9, NEAR - 0.01, 0.8, 0.9] + [0.9] * 500, dict.fromkeys(range(504), "age"))
    drawn.strange = {0}
    assert over(drawn).inpaint(job()).candidate == 2
    assert len(drawn.made) == PATIENCE + 1 and drawn.made[-1] == 2, "whose picture is made once more"
    # A control stranger was judged in place.
    assert over(drawn).inpaint(job(kindred=(1,))).candidate == 1
    fit = Drawn([0.9] * PATIENCE, dict.fromkeys(range(PATIENCE - 1), "age"))
    assert over(fit).inpaint(job()).candidate == PATIENCE - 1
    nobody = Drawn([NEAR - 0.01] * 9, dict.fromkeys(range(9), "age"))
    with pytest.raises(Withheld, match=r"distance from the source \(9\)"):
        over(nobody).inpaint(job())


def test_somebody_of_the_kind_who_is_too_near_ends_no_search(over: Over) -> None:
    strange = range(1, 21)
    drawn = Drawn([NEAR - 0.01] + [0.9] * 21, dict.fromkeys(range(21), "age"))
    drawn.strange = set(strange)
    assert over(drawn).inpaint(job()).candidate == 21


def test_what_was_forgotten_changes_nobodys_twin(over: Over, monkeypatch: pytest.MonkeyPatch) -> None:
    def twins() -> list[int]:
        drawn = Drawn([0.9] * 9, dict.fromkeys(range(9), "age"))
        drawn.moved = {n: MOVED + n for n in range(9)}
        drawn.strange = set(range(9))
        drawn.faults[MOVED] = "age"
        inpainter = over(drawn)
        return [inpainter.inpaint(job(kindred=kindred)).candidate for kindred in ((), (3, 4, 5), (0,))]

    before = twins()
    monkeypatch.setattr(sampled_inpainter, "_REMEMBERED", 1)
    assert twins() == before == [MOVED + 1, MOVED + 3, MOVED + 1]


def test_vectors_of_another_network_are_not_compared(over: Over) -> None:
    drawn = Drawn([0.0, 0.9])
    assert over(drawn).inpaint(job(embedder="vgg-face")).candidate == 0
    assert drawn.asked == [(-1, 5)], "nor do they name the group"


def test_strangers_are_drawn_whoever_has_them_and_however_near(over: Over) -> None:
    drawn = Drawn([0.0, 0.1, 0.9, 0.9, 0.3], {0: "light", 2: "light"}, blind=(3,))
    assert [one.candidate for one in over(drawn).strangers(job(taken=(0, 1)), 3)] == [0, 1, 2]
    drawn.strange = {0, 2}
    assert [one.candidate for one in over(drawn).strangers(job(), 2)] == [1, 4]
    assert [one.candidate for one in over(drawn).strangers(job(), 5)] == [1, 4, 0, 2], "the others fill up"


def test_strangers_are_looked_for_only_so_long(over: Over) -> None:
    drawn = Drawn([0.9] * 100, dict.fromkeys(range(100), "gender"))
    drawn.strange = set(range(100))
    assert len(over(drawn).strangers(job(), 8)) == 8
    assert len(drawn.made) == sampled_inpainter.STRANGERS_MOST


def test_who_lacks_something_is_not_made_again(over: Over) -> None:
    drawn = Drawn([0.9, 0.9, 0.9, 0.9], {0: "age"}, blind=(1,))
    inpainter = over(drawn)
    assert [one.candidate for one in inpainter.strangers(job(), 2)] == [0, 2]
    assert inpainter.inpaint(job(taken=(2,))).candidate == 3
    assert drawn.made == [0, 1, 2, 3]


def test_a_distance_that_is_no_number_proves_nothing(over: Over) -> None:
    nothing = np.full((1, SIDE), np.nan, np.float32)
    for changed in (job(source=nothing), job(others=nothing)):
        with pytest.raises(Withheld):
            over(Drawn([0.9] * 3)).inpaint(changed)
