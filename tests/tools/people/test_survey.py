"""The survey: real people, each the same in every run, and a stopped one goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.people import survey


def test_a_survey_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four people in two parts, the second of them steered."""
    done: list[int] = []

    def here(folder: Path, starts: range, workers: int) -> None:
        for start in starts:
            if start not in survey._packed_parts() and not (folder / survey._name(start)).exists():
                done.append(survey._part((folder, start)))

    monkeypatch.setattr(survey, "_run", here)
    monkeypatch.setattr(survey, "PACKED", tmp_path / "packed" / "survey.npz")
    monkeypatch.setattr(survey, "PART", 2)
    monkeypatch.setattr(survey, "RANDOM", 2)
    monkeypatch.setattr(survey, "MEAN_OF", 16)
    survey.mean_latent.cache_clear()
    survey.main(tmp_path, 4, 1)
    assert done == [0, 2]
    first = survey.read(tmp_path)
    (tmp_path / survey._name(2)).unlink()
    survey.main(tmp_path, 4, 1)
    assert done == [0, 2, 2]
    again = survey.read(tmp_path)
    assert set(again["number"]) <= {0, 1, 2, 3} and len(again["number"]) >= 2
    for name, rows in first.items():
        assert np.array_equal(rows, again[name])
    assert np.isfinite(again["values"]).all()
    assert np.linalg.norm(again["embedding"], axis=1) == pytest.approx(1, abs=1e-4)

    # Packed, nobody is measured again, and everybody is who they were.
    survey.PACKED.parent.mkdir()
    survey.pack(tmp_path)
    fresh = tmp_path / "fresh"
    survey.main(fresh, 4, 1)
    assert done == [0, 2, 2]
    packed = survey.read(None)
    assert len(survey.read(tmp_path)["number"]) == len(packed["number"]), "nobody counts twice"
    survey._archive.cache_clear()
    survey.mean_latent.cache_clear()
    assert np.array_equal(packed["number"], again["number"]) and np.array_equal(packed["latent"], again["latent"])
    assert packed["values"] == pytest.approx(again["values"], rel=1e-3, abs=1e-4)
    assert (packed["embedding"] * again["embedding"]).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_the_rarer_are_steered_beyond_the_others() -> None:
    """By one of three moves, drawn by the person's own number; who was measured before stays who it was."""
    rng = np.random.default_rng(0)
    moves = {
        name: rng.standard_normal(512).astype(np.float32) for name in ("female", "beard", "age", *survey.STEERED_GROUPS)
    }
    known = np.stack([moves[name] for name in sorted(moves)], axis=1)
    found = set()
    for number in range(60):
        more = survey._rarer(np.random.default_rng(number), moves)
        weights, rest, *_ = np.linalg.lstsq(known, more, rcond=None)
        assert rest.sum() < 1e-3
        found.add(tuple(name for name, weight in zip(sorted(moves), weights, strict=True) if abs(weight) > 1e-4))
    assert found == {("beard", "female"), ("African",), ("African", "age"), ("East Asian", "age")}
