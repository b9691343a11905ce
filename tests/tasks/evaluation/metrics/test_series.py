"""Two series of one figure, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr

from tasks.evaluation.metrics.series import LEAST, about_median, both_known, correlation, mean_size, turned
from tests.tasks.evaluation.metrics.support import rows

numbers = arrays(np.float64, 12, elements=st.floats(-100, 100, width=16))


def nobody(n: int) -> np.ndarray:
    return np.zeros(n, np.int64)


def test_a_row_is_known_when_both_sides_know_all_of_it() -> None:
    flat = rows([1, None, 3, np.inf], [1, 2, None, 4])
    assert both_known(flat).tolist() == [True, False, False, False]
    deep = np.ones((2, 3, 4), np.float32)
    deep[1, 2, 3] = np.nan
    assert both_known(deep).tolist() == [True, True, False]


@pytest.mark.parametrize("shape", [(2, 0), (2, 0, 3)])
def test_no_rows_are_no_error(shape: tuple[int, ...]) -> None:
    nothing = np.zeros(shape, np.float32)
    assert both_known(nothing).shape == (0,)
    if len(shape) == 2:
        assert np.isnan(correlation(nothing, nobody(0))) and np.isnan(mean_size(nothing))


@given(numbers, numbers)
def test_correlation_is_pearsons(one: np.ndarray, other: np.ndarray) -> None:
    assume(one.std() > 0.1 and other.std() > 0.1)
    found = correlation(np.stack([one, other]), nobody(12))
    assert found == pytest.approx(pearsonr(one, other).statistic, abs=1e-6)
    assert correlation(np.stack([other, one]), nobody(12)) == pytest.approx(found)
    assert correlation(np.stack([one, 3 * other + 7]), nobody(12)) == pytest.approx(found, abs=1e-6)


def test_that_people_differ_is_no_correlation() -> None:
    # Opposite motion of both, about levels that go together.
    person = np.array([0, 0, 0, 1, 1, 1])
    pair = rows([0, 1, 2, 100, 101, 102], [2, 1, 0, 202, 201, 200])
    assert correlation(pair, person) == pytest.approx(-1.0) and correlation(pair, nobody(6)) > 0.99
    centred = np.array([[-1, 0, 1, -1, 0, 1], [1, 0, -1, 2, 0, -2.0]])
    stretched = rows([0, 1, 2, 100, 101, 102], [2, 1, 0, 204, 202, 200])
    assert correlation(stretched, person) == pytest.approx(np.corrcoef(centred)[0, 1], abs=1e-6)


def test_what_is_unknown_on_one_side_is_left_out() -> None:
    ours, theirs = [1, 2, 3, 4, 5, 9, 9], [2, 1, 4, 3, 5, None, 0]
    ours[6] = None  # type: ignore[call-overload]
    assert correlation(rows(ours, theirs), nobody(7)) == pytest.approx(pearsonr(ours[:5], theirs[:5]).statistic)


def test_too_little_and_what_does_not_move_have_no_correlation() -> None:
    assert LEAST == 5
    assert np.isnan(correlation(rows([1, 2, 3, 4], [1, 2, 3, 4]), nobody(4)))
    assert np.isnan(correlation(rows([1, 2, 3, 4, 5], [7] * 5), nobody(5)))
    assert np.isnan(correlation(rows([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]), np.arange(5))), "one frame of each person"


def test_errors_lose_each_persons_own_median() -> None:
    person = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    found = about_median(np.array([10, 11, 18, -4, -2, 5, np.nan, 7]), person)
    assert np.array_equal(found[:5], [-1, 0, 7, -1, 1])
    assert np.isnan(found[5:]).all(), "a single error is its own median and would look perfect"


@given(arrays(np.float64, 9, elements=st.floats(-50, 50)), st.floats(-50, 50))
def test_a_constant_difference_makes_no_motion(errors: np.ndarray, constant: float) -> None:
    assert about_median(errors + constant, nobody(9)) == pytest.approx(about_median(errors, nobody(9)), abs=1e-9)


def test_angles_are_compared_around_the_circle() -> None:
    # From 179 to -179 it is 2 degrees, from -170 to 170 it is -20.
    assert turned(np.array([-358.0, 340.0, 90.0, -90.0, 0.0, 725.0])).tolist() == [2, -20, 90, -90, 0, 5]
    assert abs(turned(np.array([180.0]))[0]) == 180 and np.isnan(turned(np.array([np.nan]))[0])


@given(st.floats(-1000, 1000))
def test_turned_differs_by_whole_turns(angle: float) -> None:
    found = float(turned(np.array([angle]))[0])
    assert -180 <= found <= 180 and (angle - found) / 360 == pytest.approx(round((angle - found) / 360), abs=1e-9)


def test_the_mean_size_leaves_out_what_is_not_known() -> None:
    assert mean_size(np.array([-2.0, np.nan, 4.0, np.inf])) == 3.0
    assert np.isnan(mean_size(np.array([np.nan])))
