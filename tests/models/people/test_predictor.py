"""The small network that predicts measures."""

from __future__ import annotations

import numpy as np
import pytest

from models.people import maps
from models.people.meter import VALUES
from models.people.predictor import EMBEDDING, Predictor


def test_layers_are_leaky_and_the_last_is_not() -> None:
    """Two latents by hand: the values are scaled, the vectors normed."""
    count = len(VALUES)
    first = np.zeros((512, 2), np.float32)
    first[0] = 1, -1
    last = np.zeros((2, count + EMBEDDING), np.float32)
    last[0, 0], last[1, 1] = 1, 1
    last[:, count] = 3
    network = Predictor(
        np.ones(512, np.float32),
        np.full(512, 2, np.float32),
        (first, last),
        (np.zeros(2, np.float32), np.zeros(count + EMBEDDING, np.float32)),
        np.full(count, 10, np.float32),
        np.full(count, 5, np.float32),
    )
    latents = np.ones((2, 512), np.float32)
    latents[:, 0] = 5, -3
    values, vectors = network.predict(latents)
    assert values[:, 0] == pytest.approx([20, 9]) and values[:, 1] == pytest.approx([9, 20])
    assert values[:, 2] == pytest.approx([10, 10])
    assert vectors[:, 0] == pytest.approx([1, 1]) and np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])


def test_people_are_predicted_each_by_itself() -> None:
    network = maps.load().predictor
    latents = (maps.load().maps.mean + np.random.default_rng(0).standard_normal((5, 512)) * 0.3).astype(np.float32)
    together = network.predict(latents)
    for k in range(5):
        alone = network.predict(latents[k : k + 1])
        assert alone[0][0] == pytest.approx(together[0][k], rel=1e-3, abs=1e-3)
        assert alone[1][0] == pytest.approx(together[1][k], abs=1e-4)
