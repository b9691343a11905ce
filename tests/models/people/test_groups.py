"""The apparent group: what the shipped model says of people it was not fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.people import groups
from tools.people import groups as fitting

FOLDS = 5


def test_of_people_it_was_not_fitted_to_it_says_what_the_eye_says() -> None:
    embeddings, ita, group = fitting.sorted_people()
    known = groups.features(embeddings, ita, embeddings.mean(axis=0))
    fold = np.random.default_rng(0).permutation(len(group)) % FOLDS
    guessed = np.zeros(len(group), np.int64)
    for one in range(FOLDS):
        slope, level = fitting.fit(known[fold != one], group[fold != one])
        guessed[fold == one] = (known[fold == one] @ slope + level).argmax(axis=1)
    right = guessed == group
    assert right.mean() > 0.78
    for name in ("European", "African", "East Asian"):
        assert right[group == groups.GROUPS.index(name)].mean() > 0.78, name
    african, european = groups.GROUPS.index("African"), groups.GROUPS.index("European")
    assert (guessed[group == african] == european).mean() < 0.05


def test_the_shipped_model_is_what_the_sorted_people_give(tmp_path: Path) -> None:
    fitting.write(tmp_path / "again.npz")
    again, shipped = np.load(tmp_path / "again.npz"), groups._stored()
    embeddings, ita, _ = fitting.sorted_people()
    known = groups.features(embeddings, ita, shipped["mean"])
    found = [groups.shares(known @ one["slope"] + one["level"]) for one in (again, shipped)]
    # The optimizer's last steps differ between processors.
    assert found[0] == pytest.approx(found[1], abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.floats(-90, 90))
def test_it_always_says_something(seed: int, count: int, ita: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = groups.likely(vectors, ita)
    assert found.shape == (4,) and (found >= 0).all() and found.sum() == pytest.approx(1.0)
    assert groups.likely(vectors[::-1], ita) == pytest.approx(found)


def test_a_dim_or_bright_picture_says_no_more_than_a_dark_or_pale_one() -> None:
    vector = fitting.sorted_people()[0][:1]
    assert groups.likely(vector, -60.0) == pytest.approx(groups.likely(vector, groups.TONES[0]))
    assert groups.likely(vector, 90.0) == pytest.approx(groups.likely(vector, groups.TONES[1]))
