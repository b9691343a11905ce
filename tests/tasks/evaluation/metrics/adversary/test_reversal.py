"""A twin that is a function of its source is found by whoever learns the function from other people."""

from __future__ import annotations

import numpy as np
import pytest

from models.embedding.vectors import unit
from tasks.evaluation.metrics.adversary import reversal
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.faces import Faces

DIMENSION, PEOPLE = 16, 80
RANDOM = np.random.default_rng(4)
ROTATION = np.linalg.qr(RANDOM.normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)
SOURCES = unit(RANDOM.normal(size=(PEOPLE, DIMENSION)).astype(np.float32))


def faces(vectors: np.ndarray, person: np.ndarray | None = None, per_file: int = 3, noise: float = 0.02) -> Faces:
    """Some faces of each row, which is a file, scattered about it."""
    rows = np.repeat(vectors, per_file, axis=0)
    who = np.arange(len(vectors)) if person is None else person
    scattered = rows + np.random.default_rng(1).normal(0, noise, rows.shape)
    clip = np.repeat(np.arange(len(vectors)), per_file)
    return Faces(unit(scattered.astype(np.float32)), np.repeat(who, per_file), clip, np.arange(len(rows)))


def run(original: Faces, anonymized: Faces) -> dict[str, Figure]:
    found = reversal.numbers(original, anonymized, "fake")
    assert {variant for _, variant in found} == {"fake"}
    return {definition.name: figure for (definition, _), figure in found.items()}


@pytest.mark.parametrize(
    "twins",
    [SOURCES @ ROTATION, np.tanh(4 * SOURCES @ ROTATION), SOURCES @ ROTATION + 0.3],
    ids=["turned", "bent", "moved"],
)
def test_a_function_of_the_source_is_reversed_where_comparing_finds_nobody(twins: np.ndarray) -> None:
    found = run(faces(SOURCES), faces(unit(twins.astype(np.float32))))
    assert found["reversal_naive_at_1"].value < 0.15, "as it is, it looks like nobody"
    assert found["reversal_ridge_at_1"].value > 0.9 and found["reversal_network_at_1"].value > 0.9
    assert found["reversal_ridge_at_1"].low > found["reversal_naive_at_1"].high
    assert found["reversal_ridge_at_1"].people == PEOPLE and found["reversal_ridge_at_5"].value > 0.95


def test_what_does_not_depend_on_the_source_stays_at_guessing() -> None:
    twins = unit(RANDOM.normal(size=(PEOPLE, DIMENSION)).astype(np.float32))
    found = run(faces(SOURCES), faces(twins))
    for name, figure in found.items():
        assert figure.chance == pytest.approx((1 if name.endswith("_1") else 5) / 20), "20 people of a part"
        assert figure.value < figure.chance + 0.13, name


def test_one_twin_for_all_names_nobody() -> None:
    """The map then leads to the mean of the sources; who is learnt from would be found if they were in the gallery."""
    found = run(faces(SOURCES), faces(np.tile(SOURCES[:1], (PEOPLE, 1)), noise=0.0))
    # One point for all: the same person of each part comes first.
    assert found["reversal_ridge_at_1"].value == pytest.approx(1 / 20)


def test_people_without_a_result_are_to_choose_from_and_never_learnt_from() -> None:
    more = unit(RANDOM.normal(size=(20, DIMENSION)).astype(np.float32))
    found = run(faces(np.concatenate([SOURCES, more])), faces(SOURCES @ ROTATION))
    assert found["reversal_ridge_at_1"].chance == pytest.approx(1 / 40) and found["reversal_ridge_at_1"].value > 0.9
    assert "Among 40 people" in found["reversal_ridge_at_1"].note


def test_files_of_one_person_are_in_one_part_and_count_as_one() -> None:
    """Every person has two files with twins of their own that say nothing; a leak between files would name them."""
    person = np.repeat(np.arange(50), 2)
    sources = np.repeat(SOURCES[:50], 2, axis=0)
    twins = unit(np.repeat(RANDOM.normal(size=(50, DIMENSION)), 2, axis=0).astype(np.float32))
    found = run(faces(sources, person), faces(twins, person))
    assert found["reversal_ridge_at_1"].people == 50 and found["reversal_ridge_at_1"].samples == 100
    assert found["reversal_ridge_at_1"].value < 0.25 and found["reversal_network_at_1"].value < 0.25


@pytest.mark.parametrize("people", [0, 1, reversal.LEAST - 1])
def test_of_too_few_people_nothing_is_measured(people: int) -> None:
    found = run(faces(SOURCES), faces(SOURCES[:people] @ ROTATION))
    assert all(not figure.known and f"{reversal.LEAST} are needed" in figure.note for figure in found.values())


def test_the_same_faces_give_the_same_numbers() -> None:
    ours, theirs = faces(SOURCES), faces(SOURCES @ ROTATION + 0.1)
    assert repr(run(ours, theirs)) == repr(run(ours, theirs))
