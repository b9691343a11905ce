"""Expression: the label, and the coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.usefulness.expression import LABEL, SHAPE, of
from tests.tasks.evaluation.metrics.support import measured


def emotions(ours: list[int | None], theirs: list[int | None]) -> np.ndarray:
    """(2, n, 7): 0.4 for the named one, 0.1 for the others."""
    result = np.full((2, len(ours), 7), 0.1, np.float32)
    for k, side in enumerate((ours, theirs)):
        for n, label in enumerate(side):
            result[k, n, slice(None) if label is None else label] = np.nan if label is None else 0.4
    return result


def test_the_share_of_equal_labels() -> None:
    found = of(measured(5, emotion=emotions([0, 6, 2, None, 3], [0, 5, 2, 3, None])))[LABEL, ""]
    assert found.value == pytest.approx(2 / 3) and found.samples == 3


def test_the_distance_of_coefficients_leaves_the_first_out() -> None:
    random = np.random.default_rng(2)
    shapes = random.uniform(0, 1, (2, 4, 52)).astype(np.float32)
    shapes[1, 3, 7] = np.nan
    found = of(measured(4, shapes=shapes))[SHAPE, ""]
    expected = np.mean([cosine(shapes[0, n, 1:], shapes[1, n, 1:]) for n in range(3)])
    assert found.value == pytest.approx(expected, abs=1e-6) and found.samples == 3
    shapes[:, :, 0] = 0
    assert of(measured(4, shapes=shapes))[SHAPE, ""].value == found.value


def test_by_hand() -> None:
    shapes = np.zeros((2, 1, 52), np.float32)
    shapes[0, 0, 5], shapes[1, 0, [5, 9]] = 0.5, (0.3, 0.4)
    assert of(measured(1, shapes=shapes))[SHAPE, ""].value == pytest.approx(1 - 0.6)


@pytest.mark.parametrize("file", [measured(3), measured(0), Measured.empty()])
def test_nothing_known_is_said_and_is_not_good(file: Measured) -> None:
    for figure in of(file).values():
        assert not figure.known and figure.note


def test_a_face_without_any_expression_is_not_like_one_with_none_known() -> None:
    assert of(measured(1, shapes=np.zeros((2, 1, 52), np.float32)))[SHAPE, ""].value == 1.0, "nothing to agree on"
