"""What a reader is warned of."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.metrics.adversary.notes import FEW, few, joined, unvaried


def test_few_people_are_named_as_such() -> None:
    assert few(0) == "" == few(1) == few(FEW)
    assert few(2).startswith("2 people only") and few(FEW - 1)


@pytest.mark.parametrize(("values", "share"), [([0.0] * 10, "26%"), ([1.0, 1.0], "78%"), ([0.5] * 59, "5%")])
def test_people_who_are_all_alike_say_little_of_others(values: list[float], share: str) -> None:
    assert share in unvaried(np.array(values))


def test_values_that_differ_need_no_warning() -> None:
    assert unvaried(np.array([0.0, 0.1])) == "" == unvaried(np.array([0.3])) == unvaried(np.zeros(0))
    assert joined("", "One.", "", "Two.") == "One. Two." and joined() == ""
