"""NIQE's parts against plain formulas and other libraries, and its numbers as they were once confirmed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import gamma

from models.quality import niqe
from tests.contracts import support


def test_the_shape_of_a_distribution_is_found_in_its_samples() -> None:
    random = np.random.default_rng(3)
    for shape in (0.6, 1.0, 2.0, 4.0):
        # A generalised Gaussian of width 1 is a signed power of a gamma variable.
        drawn = random.gamma(1 / shape, 1.0, 200_000) ** (1 / shape) * random.choice([-1, 1], 200_000)
        found, left, right = niqe._fitted(drawn.reshape(1, 400, 500))
        assert found[0] == pytest.approx(shape, rel=0.05)
        assert left[0] == pytest.approx(1.0, rel=0.05) and right[0] == pytest.approx(1.0, rel=0.05)


def test_both_sides_have_widths_of_their_own() -> None:
    sizes = np.abs(np.random.default_rng(4).normal(0, 1, 200_000))
    # The wider side of an asymmetric Gaussian is met as much more often.
    drawn = np.concatenate([-sizes[:50_000], 3 * sizes[50_000:]])
    shape, left, right = niqe._fitted(drawn.reshape(1, 400, 500))
    assert shape[0] == pytest.approx(2.0, rel=0.05)
    assert right[0] / left[0] == pytest.approx(3.0, rel=0.02) and left[0] == pytest.approx(2**0.5, rel=0.03)


def test_the_nearest_shape_of_the_table_is_taken() -> None:
    for ratio in (0.1, 0.2, 0.5, 0.61):
        exact = brentq(lambda a, r=ratio: gamma(2 / a) ** 2 / (gamma(1 / a) * gamma(3 / a)) - r, 0.2, 10.0)
        # Half the values are 0, so that the squared mean over the mean square is this share.
        block = np.zeros(10_000)
        count = round(ratio * 10_000)
        block[:count] = np.where(np.arange(count) % 2, 1.0, -1.0)
        found = niqe._fitted(block.reshape(1, 100, 100))[0][0]
        assert abs(found - exact) <= 0.00051


def test_halving_keeps_the_mean_and_straight_ramps() -> None:
    ramp = np.tile(np.arange(40.0), (40, 1))
    half = niqe._halved(ramp)
    assert half.shape == (20, 20)
    assert half[5, 4:-4] == pytest.approx(np.arange(20)[4:-4] * 2 + 0.5)
    assert niqe._halved(ramp.T) == pytest.approx(half.T)
    assert niqe._halved(np.full((8, 12), 7.0)) == pytest.approx(np.full((4, 6), 7.0))
    fine = np.indices((40, 40)).sum(axis=0) % 2 * 200.0
    assert np.ptp(niqe._halved(fine)[4:-4, 4:-4]) < 1, "what is finer than the result shows does not come through"


@pytest.mark.parametrize(
    ("name", "expected"), [("people/000_5", 3.49227), ("people/009_C", 5.48868), ("synthetic/05", 4.84915)]
)
def test_numbers_are_those_of_another_program(name: str, expected: float) -> None:
    """Those of basicsr 1.4.2 for the same grey levels."""
    assert support.load("quality", "niqe").rate([support.still(name)])[0] == pytest.approx(expected, abs=2e-3)
