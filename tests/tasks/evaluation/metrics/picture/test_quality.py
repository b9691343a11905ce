"""How good the faces look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better
from tasks.evaluation.metrics.picture.quality import QUALITY, of
from tests.tasks.evaluation.metrics.support import measured, rows


def test_the_mean_of_what_is_known_on_both_sides_beside_that_of_the_original() -> None:
    found = of(measured(5, quality=rows([4, 5, None, 9, 6], [6, 7, 8, None, 5])))[QUALITY, ""]
    assert (found.value, found.original, found.samples, found.note) == (6.0, 5.0, 3, "")


def test_it_should_be_as_it_was() -> None:
    assert QUALITY.better is Better.LIKE_ORIGINAL


@pytest.mark.parametrize("quality", [np.zeros((2, 0), np.float32), rows([4, None], [None, 4])])
def test_without_a_rated_face_it_is_unknown_with_a_reason(quality: np.ndarray) -> None:
    file = measured(2, quality=quality)
    assert not of(file)[QUALITY, ""].known and "large enough" in of(file)[QUALITY, ""].note
    assert "differ in size" in of(replace(file, same_size=False))[QUALITY, ""].note
    assert "large enough" in of(replace(file, same_size=False, shared=0))[QUALITY, ""].note
    assert not of(Measured.empty())[QUALITY, ""].known
