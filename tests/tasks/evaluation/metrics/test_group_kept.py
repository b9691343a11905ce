"""Apparent group kept, where both sides were labelled by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip, reduce
from tasks.evaluation.metrics.group_kept import GROUP, of
from tests.tasks.evaluation.metrics.support import measured


def files(*people: int) -> list[Clip]:
    return [replace(reduce(measured(1), index, {0: person}), person=person) for index, person in enumerate(people)]


def test_a_result_keeps_the_group_of_its_person() -> None:
    found = of(files(0, 0, 1, 2), Groups({0: "a", 1: "b"}, {0: "a", 1: "b", 2: "b", 3: "a"}))[GROUP, ""]
    assert found.value == pytest.approx(2 / 3) and found.samples == 3 and found.people == 2
    assert found.note.startswith("1 labelled results are left out")


def test_nothing_is_said_where_no_result_is_labelled() -> None:
    assert of(files(0, 1), Groups({0: "a", 1: "b"})) == {}
    alone = of(files(0, 1), Groups({}, {0: "a"}))[GROUP, ""]
    assert not alone.known and alone.note
