"""Change of identity between frames, at angles known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.identity.consistency import CONSECUTIVE, of
from tests.tasks.evaluation.metrics.support import directions, measured


def change(ours: list[float | None], theirs: list[float | None], **columns: object) -> object:
    vectors = {"fake": np.stack([directions(*ours), directions(*theirs)])}
    return of(measured(len(ours), vectors=vectors, **columns))[CONSECUTIVE, "fake"]  # type: ignore[arg-type]


def far(*angles: float) -> float:
    return sum(1 - math.cos(angle) for angle in angles) / len(angles)


def test_the_mean_over_consecutive_frames() -> None:
    found = change([0, 0.1, 0.3], [1, 1.5, 1.8])
    assert found.value == pytest.approx(far(0.5, 0.3), abs=1e-6)
    assert found.original == pytest.approx(far(0.1, 0.2), abs=1e-6) and found.samples == 2


def test_people_are_not_compared_with_each_other() -> None:
    # Rows as they come: two people on each frame.
    found = change([0, 2, 0.1, 2.2], [0, 2, 0.3, 2.4], person=[0, 1, 0, 1], frame=np.array([0, 0, 1, 1]))
    assert found.value == pytest.approx(far(0.3, 0.4), abs=1e-6) and found.samples == 2
    assert found.original == pytest.approx(far(0.1, 0.2), abs=1e-6)


def test_gaps_are_no_change() -> None:
    found = change([0, 0.1, 2.0, 2.2], [0, 0.2, 3.0, 3.3], frame=np.array([0, 1, 5, 6]))
    assert found.value == pytest.approx(far(0.2, 0.3), abs=1e-6)
    every_other = change([0, 0.1, 0.5], [0, 0.2, 0.9], frame=np.array([0, 2, 8]))
    assert every_other.value == pytest.approx(far(0.2), abs=1e-6), "the next frame looked at"


def test_both_sides_are_of_the_same_frames() -> None:
    found = change([0, 0.1, 0.3, 0.6], [0, 0.5, None, 0.6])
    assert found.samples == 1 and found.value == pytest.approx(far(0.5), abs=1e-6)
    assert found.original == pytest.approx(far(0.1), abs=1e-6)


def test_each_embedder_has_its_own() -> None:
    one, two = np.stack([directions(0, 0.1)] * 2), np.stack([directions(0, 0.7)] * 2)
    found = of(measured(2, vectors={"one": one, "two": two}))
    assert found[CONSECUTIVE, "one"].value < found[CONSECUTIVE, "two"].value


@pytest.mark.parametrize("n", [0, 1, 3])
def test_nothing_known_is_said(n: int) -> None:
    found = change([0.0] * n, [None] * n)
    assert not found.known and found.note and np.isnan(found.original)
    assert of(Measured.empty()) == {}
