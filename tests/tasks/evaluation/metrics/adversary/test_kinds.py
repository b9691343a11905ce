"""Who is of one kind."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.metrics.adversary.kinds import Kinds, of
from tests.tasks.evaluation.metrics.adversary.support import MAN, WOMAN, clip

NAN = float("nan")


def alike(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    kinds = Kinds(np.array([3, 7]), np.array([one, other]))
    there = kinds.alike(np.array([3]), np.array([7]))
    assert there.shape == (1, 1) and there[0, 0] == kinds.alike(np.array([7]), np.array([3]))[0, 0]
    return bool(there[0, 0])


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((40.0, 0.1, 40.0), True),
        ((40.1, 0.1, 40.0), False),
        ((20.0, 0.49, 60.0), True),
        ((30.0, 0.5, 40.0), False),
        ((30.0, 0.1, 60.1), False),
        ((30.0, 0.1, NAN), True),
        ((NAN, 0.1, 40.0), False),
        ((30.0, NAN, 40.0), False),
    ],
)
def test_gender_age_and_tone_decide(other: tuple[float, float, float], same: bool) -> None:
    assert alike(MAN, other) is same


def test_nobody_is_a_stranger_to_themselves_or_of_the_kind_of_somebody_unknown() -> None:
    kinds = Kinds(np.array([3]), np.array([MAN]))
    assert not kinds.alike(np.array([3, 4]), np.array([3, 4])).any()
    nobody = of([])
    assert not nobody.alike(np.array([1]), np.array([2])).any()


def test_the_kind_is_the_median_over_the_files_of_whom_they_show() -> None:
    kinds = of(
        [clip(0, 5, kind=(20.0, 0.2, 10.0)), clip(1, 5, kind=(30.0, 0.8, NAN)), clip(2, 5, kind=(50.0, 0.9, 30.0))]
    )
    assert kinds.people.tolist() == [5] and kinds.looks[0] == pytest.approx([30.0, 0.8, 20.0])
    two = of([clip(0, 9, kind=WOMAN, bystanders=1), clip(1, 2, kind=(NAN, NAN, NAN))])
    assert two.people.tolist() == [2, 9], "bystanders are nobody who is named"
    assert np.isnan(two.looks[0]).all() and two.looks[1] == pytest.approx(WOMAN)
