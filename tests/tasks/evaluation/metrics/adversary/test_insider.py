"""Insiders, who hold the footage itself."""

from __future__ import annotations

import math

import pytest

from tasks.evaluation.metrics.adversary import insider
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure
from tests.tasks.evaluation.metrics.adversary.support import NEAR, clip, nothing, person


def run(*clips: Clip) -> Figure:
    return insider.numbers(clips, "fake", NEAR)[insider.MATCHED, "fake"]


def test_results_are_compared_with_their_own_file_alone() -> None:
    # The second result shows the person of the first file.
    found = run(clip(0, 0, person(0)), clip(1, 1, person(0)), clip(2, 0))
    assert found.value == 0.5 and found.people == 2 and found.samples == 4 and found.original == 1
    assert "2 people only" in found.note


def test_every_file_and_every_person_counts_the_same() -> None:
    found = run(clip(0, 0, person(0), faces=9), clip(1, 0, nothing(0)), clip(2, 1, nothing(0), faces=1))
    assert found.value == pytest.approx(0.25)


def test_people_in_one_file_are_compared_with_themselves() -> None:
    # Both faces show the first person: the bystander's is far from the bystander.
    found = run(clip(0, 0, person(0), faces=2, bystanders=1))
    assert found.value == 0.5 and found.people == 2 and found.samples == 3


def test_what_cannot_be_compared_is_not_known() -> None:
    for files in ((), (clip(0, 0),), (clip(0, 0, person(0), unembedded=(0, 1)),)):
        found = run(*files)
        assert not found.known and found.note
    still = run(clip(0, 0, person(0), faces=1))
    assert still.value == 1 and math.isnan(still.original), "of a still there is no other frame"


def test_control_strangers_are_those_of_the_manifest() -> None:
    def told(values: list[float | None], people: list[int], manifest: bool = True) -> Figure:
        return insider.surroundings(values, people, manifest)[insider.SURROUNDINGS, ""]

    found = told([0.2, 0.4, 0.0, None], [0, 0, 1, 2])
    assert found.value == pytest.approx(0.15) and found.people == 2 and found.samples == 3
    assert "1 files are left out" in found.note
    assert not told([None], [0]).known and told([None], [0]).note == insider.NOT_MEASURED
    assert not told([], [], False).known and told([0.5], [0], False).note == insider.NO_MANIFEST
