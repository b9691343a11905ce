"""The Fréchet distance by hand, and as an independent library works it out."""

from __future__ import annotations

import numpy as np
import pytest

from models.runtime import torchvision_ops
from tasks.evaluation.metrics.picture.frechet import LEAST, Frechet, distance

torchvision_ops.prepare()
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric  # noqa: E402


def drawn(n: int, d: int, seed: int = 0) -> np.ndarray:
    """(2, n, d): the second half moved and stretched."""
    random = np.random.default_rng(seed)
    mixing = random.normal(0, 1, (d, d)) / d**0.5
    before, after = random.normal(0, 1, (2, n, d)) @ mixing
    return np.stack([before, 0.3 + 1.4 * after]).astype(np.float32)


def test_round_gaussians() -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2."""
    means = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, -2.0]])
    spreads = np.array([np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 4.0, 0.0])])
    assert distance(means, spreads) == pytest.approx(9 + 16 + (1 + 0 + 9))
    assert distance(means[[0, 0]], spreads[[0, 0]]) == pytest.approx(0, abs=1e-9)


def test_as_the_library_works_it_out() -> None:
    values = drawn(4 * LEAST, 24).astype(np.float64)
    means = values.mean(axis=1)
    spreads = np.stack([np.cov(side, rowvar=False) for side in values])
    each = [{"mu": mean, "sigma": spread} for mean, spread in zip(means, spreads, strict=True)]
    expected = fid_statistics_to_metric(*each, verbose=False)[KEY_METRIC_FID]
    assert expected > 1 and distance(means, spreads) == pytest.approx(expected, rel=1e-6)
    collected = Frechet()
    for part in np.array_split(values, 7, axis=1):
        collected.add(part.astype(np.float32))
    figure = collected.figure()
    assert figure.value == pytest.approx(expected, rel=1e-4) and figure.samples == 4 * LEAST


def test_it_does_not_matter_which_side_is_which() -> None:
    values = drawn(LEAST, 6)
    one, other = Frechet(), Frechet()
    one.add(values)
    other.add(values[::-1])
    assert one.figure().value == pytest.approx(other.figure().value, rel=1e-6) and one.figure().value > 0


def test_too_few_faces_have_no_distance() -> None:
    few = Frechet()
    assert "there are 0" in few.figure().note
    few.add(np.zeros((2, 0, 0), np.float32))
    few.add(drawn(LEAST - 1, 3))
    assert not few.figure().known and "2,048 faces; there are 2,047" in few.figure().note
    few.add(drawn(1, 3))
    assert few.figure().known


def test_features_of_two_networks_do_not_mix() -> None:
    some = Frechet()
    some.add(drawn(5, 3))
    with pytest.raises(ValueError, match="broadcast"):
        some.add(drawn(5, 4))
