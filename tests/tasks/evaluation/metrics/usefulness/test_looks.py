"""Age, gender and skin before and after; every person counts once."""

from __future__ import annotations

import pytest

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.usefulness.looks import (
    AGE,
    AGE_SECOND,
    AGE_SIZE,
    AGE_SIZE_SECOND,
    GENDER,
    GENDER_SECOND,
    SKIN,
    of,
)
from tests.tasks.evaluation.metrics.support import measured, rows


def test_every_person_counts_by_their_medians() -> None:
    # Person 0: medians 30 and 25. Person 1: 40 and 48.
    ages = rows([30, 20, 31, 40, None], [25, 25, 60, 48, 99])
    found = of(measured(5, [0, 0, 0, 1, 1], age=ages))
    assert found[AGE, ""].value == pytest.approx((-5 + 8) / 2) and found[AGE, ""].samples == 2
    assert found[AGE_SIZE, ""].value == pytest.approx((5 + 8) / 2)


def test_rows_known_on_one_side_only_do_not_count() -> None:
    ages = rows([30, 90, 50, 60], [33, None, None, 64])
    found = of(measured(4, [0, 0, 1, 2], age=ages))[AGE, ""]
    assert found.value == pytest.approx(3.5) and found.samples == 2, "nothing is known of person 1"


def test_gender_is_the_more_likely_one() -> None:
    female = rows([0.9, 0.1, 0.5, 0.4, 0.9], [0.6, 0.2, 0.49, 0.3, None])
    found = of(measured(5, [0, 1, 2, 3, 4], female=female))[GENDER, ""]
    assert found.value == 0.75 and found.samples == 4, "who is not known after agrees with nobody"


def test_skin_is_compared_by_its_size() -> None:
    skin = rows([20, -30, 10], [35, -50, None])
    found = of(measured(3, [0, 1, 2], skin=skin))[SKIN, ""]
    assert found.value == pytest.approx((15 + 20) / 2) and found.samples == 2


def test_the_second_reader_has_figures_of_its_own() -> None:
    # The first reader, by which twins are chosen, finds everything kept.
    first = {"age": rows([30, 50], [30, 50]), "female": rows([0.9, 0.1], [0.9, 0.1])}
    second = {"age_second": rows([30, 50], [38, 46]), "female_second": rows([0.9, 0.1], [0.2, 0.1])}
    found = of(measured(2, [0, 1], **first, **second))
    assert (found[AGE, ""].value, found[AGE_SIZE, ""].value, found[GENDER, ""].value) == (0, 0, 1)
    assert found[AGE_SECOND, ""].value == pytest.approx(2) and found[AGE_SIZE_SECOND, ""].value == pytest.approx(6)
    assert found[GENDER_SECOND, ""].value == 0.5 and found[GENDER_SECOND, ""].samples == 2


@pytest.mark.parametrize("file", [measured(3), measured(0), Measured.empty(), measured(1, female=rows([0.9], [None]))])
def test_nothing_known_is_said_and_is_not_good(file: Measured) -> None:
    assert len(of(file)) == 7 and all(not figure.known and figure.note for figure in of(file).values())
