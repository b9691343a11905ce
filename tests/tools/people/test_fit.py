"""Fitting what ships: planted relations are found again."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from models.people import maps
from models.people.cells import KIND
from models.people.meter import LOOKS, STATES, VALUES
from tools.people import fit, survey

SIDE = 512


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(latents, rows, embeddings, directions): each value moves the latent along a direction of its own."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1500, len(KIND) + len(STATES)))
    directions = np.linalg.qr(rng.standard_normal((SIDE, rows.shape[1])))[0].T
    latents = rows @ directions + 0.05 * rng.standard_normal((len(rows), SIDE))
    vectors = rng.standard_normal((len(rows), SIDE))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return latents.astype(np.float32), rows, vectors.astype(np.float32), directions


def test_the_slope_finds_planted_directions_and_the_spread_what_they_leave_open(
    planted: tuple[np.ndarray, ...],
) -> None:
    latents, rows, vectors, directions = planted
    found = fit.linear(latents, rows, vectors)
    for row, wanted in zip(found.slope, directions, strict=True):
        assert float(row @ wanted) / np.linalg.norm(row) > 0.98 and 0.9 < np.linalg.norm(row) < 1.1
    # The variance of what is left open, which was planted as .05 squared in every direction.
    assert (found.spread.astype(np.float64) ** 2).sum() == pytest.approx(SIDE * 0.05**2, rel=0.1)
    for state, wanted in zip(found.moves, directions[len(KIND) :], strict=True):
        assert float(state @ wanted) / np.linalg.norm(state) > 0.95


def test_a_survey_becomes_a_file_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four hundred planted people; the network is fitted for a moment only."""
    from tools.people import train_predictor

    monkeypatch.setattr(survey, "PACKED", tmp_path / "none.npz")
    monkeypatch.setattr(train_predictor, "EPOCHS", 2)
    monkeypatch.setattr(fit, "RANK", 20)
    rng = np.random.default_rng(1)
    shipped = maps.load()
    kinds = shipped.cells.centres[rng.integers(len(shipped.cells), size=400)]
    values = 0.01 * rng.standard_normal((400, len(VALUES))).astype(np.float32)
    for name in LOOKS:
        values[:, VALUES.index(name)] += kinds[:, KIND.index(name)]
    vectors = rng.standard_normal((400, SIDE)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values[:5, VALUES.index("hat")] = 1
    np.savez(
        tmp_path / "part-000000.npz",
        number=np.arange(400, dtype=np.float32),
        latent=rng.standard_normal((400, SIDE)).astype(np.float32),
        values=values,
        embedding=vectors,
    )
    fit.main(tmp_path, 30, tmp_path / "people.npz")
    again = maps.unpacked(dict(np.load(tmp_path / "people.npz")))
    assert again.cells.sizes.min() >= 30 and again.cells.sizes.sum() == 395, "of hats the looks are not believed"
    assert again.maps.spread.shape == (SIDE, 20)


def test_how_near_people_of_a_cell_are_is_counted_over_its_pairs() -> None:
    shipped, rng = maps.load(), np.random.default_rng(3)
    cell = np.repeat(np.arange(len(shipped.cells)), 8)
    vectors = rng.standard_normal((len(cell), SIDE))
    # The people of the first cell are one person.
    vectors[cell == 0] = vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Not every centre, a median, lies in its own cell.
    at_home = [n for n, centre in enumerate(shipped.cells.centres) if shipped.cells.of(centre) == n]
    found = fit.pair_distances(shipped.cells, shipped.cells.centres[cell], vectors.astype(np.float32))
    assert found.shape == (len(shipped.cells), len(maps.QUANTILES)) and 0 in at_home
    assert np.abs(found[0]).max() < 1e-6 and (np.diff(found, axis=1) >= 0).all()
    one = at_home[1]
    away = sorted(float(1 - a @ b) for a, b in itertools.combinations(vectors[cell == one], 2))
    assert found[one, -1] == pytest.approx(np.median(away), abs=1e-6)


def test_what_latents_decide_is_predicted_of_people_who_were_left_out() -> None:
    from tools.people import train_predictor

    rng = np.random.default_rng(2)
    latents = rng.standard_normal((1200, 16)).astype(np.float32)
    values = (latents @ rng.standard_normal((16, 4)) + 7).astype(np.float32)
    vectors = np.tanh(latents @ rng.standard_normal((16, 32)).astype(np.float32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    out = np.arange(1200) % 6 == 0
    monkey = pytest.MonkeyPatch()
    with monkey.context() as short:
        short.setattr(train_predictor, "EPOCHS", 25)
        short.setattr(train_predictor, "HIDDEN", (64,))
        short.setattr("models.people.predictor.VALUES", ("a", "b", "c", "d"))
        fitted = train_predictor.fit(latents, values, vectors, 0, out)
    assert (fitted.values > 0.9).all() and fitted.embedding > 0.7
