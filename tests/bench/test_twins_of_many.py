"""The bench of a dataset of many people, over twins that are told."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import twins_of_many
from tools.people import survey

SIDE = 512


@pytest.fixture(autouse=True)
def without_latents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The survey as it is packed: nobody's latent is asked for here, and making them anew takes twelve seconds."""
    packed = np.load(survey.PACKED)
    vectors = packed["embedding"].astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = {"values": packed["values"].astype(np.float32), "embedding": vectors}
    monkeypatch.setattr(survey, "read", lambda folder: found)


def test_alike_people_are_of_one_cell_and_others_of_many() -> None:
    alike, vectors = twins_of_many.sources(60, alike=True)
    assert len(set(alike.tolist())) == 1 and vectors.shape == (60, SIDE)
    assert len(set(twins_of_many.sources(60, alike=False)[0].tolist())) > 20


def test_one_person_twice_matches_and_strangers_do_not() -> None:
    assert twins_of_many.matching(np.eye(5, SIDE, dtype=np.float32)) == 0.0
    twice = np.eye(4, SIDE, dtype=np.float32)[[0, 1, 2, 0]]
    assert twins_of_many.matching(twice) == pytest.approx(1 / 6)


def test_every_person_is_kept_from_those_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[int, tuple[int, ...]]] = []

    def twin_of(cell: int, seed: int, source: np.ndarray, others: np.ndarray, taken: tuple[int, ...]) -> Any:
        asked.append((len(others), taken))
        number = len(asked)
        if number == 2:
            return None
        return SimpleNamespace(embedding=np.eye(1, SIDE, number, dtype=np.float32)[0], candidate=number)

    monkeypatch.setattr(twins_of_many, "twin_of", twin_of)
    monkeypatch.setattr(sys, "argv", ["twins_of_many.py", "--people", "4"])
    twins_of_many.main()
    assert asked == [(0, ()), (2, (1,)), (3, (1,)), (5, (1, 3))]
    shown = capsys.readouterr().out
    assert "3 faces, 1 without" in shown and "twins 0.00%" in shown
