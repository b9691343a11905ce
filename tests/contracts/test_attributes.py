"""Age and gender, emotion, ethnicity: every backend keeps the contracts of AgeGender, Emotion and Ethnicity."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from models.interfaces.capabilities import AgeGender, Emotion, Ethnicity, Face
from models.selection import profiles
from tests.contracts import support

MEN, WOMEN = ("people/009_C", "synthetic/10", "synthetic/06"), ("people/002_A", "synthetic/01", "synthetic/08")
YOUNG, OLD = ("synthetic/01", "synthetic/12"), ("synthetic/04", "synthetic/10")
SMILING, SERIOUS = ("synthetic/05", "synthetic/07"), ("synthetic/02", "synthetic/03")
# Where it was measured; of the others only the order is asked.
OLD_AT_LEAST = {"dlib-age-gender": 55.0}
PROTOCOLS: dict[str, Any] = {"age_gender": AgeGender, "emotion": Emotion, "ethnicity": Ethnicity}
ESTIMATORS = [(capability, name) for capability in PROTOCOLS for name in support.names(capability)]


@pytest.fixture(params=ESTIMATORS, ids=lambda pair: "-".join(pair))
def estimator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each backend; with random weights where the released ones are not in place."""
    return support.either(*request.param, tmp_path_factory)


@pytest.fixture(params=support.names("age_gender"))
def age_gender(request: pytest.FixtureRequest) -> Any:
    """Each backend that has learnt to tell age and gender."""
    return support.learnt("age_gender", request.param)


@pytest.fixture(params=support.names("emotion"))
def emotion(request: pytest.FixtureRequest) -> Any:
    """Each backend that has learnt to tell emotions."""
    return support.learnt("emotion", request.param)


def _estimate(estimator: Any, *names: str) -> Any:
    return estimator.estimate([support.still(name) for name in names], [support.face(name) for name in names])


def _width(estimator: Any) -> int:
    return len(estimator.labels) if hasattr(estimator, "labels") else 2


@pytest.mark.parametrize(("capability", "name"), ESTIMATORS)
def test_satisfies_the_protocol(capability: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    estimator = support.either(capability, name, tmp_path_factory)
    assert isinstance(estimator, PROTOCOLS[capability]) and estimator.name == name


def test_gives_shares_that_sum_to_one_or_an_age_and_a_probability(estimator: Any) -> None:
    rows = _estimate(estimator, *MEN, *WOMEN)
    assert rows.dtype == np.float32 and rows.min() >= 0
    if hasattr(estimator, "labels"):
        assert np.allclose(rows.sum(axis=1), 1, atol=1e-5)
    else:
        assert rows[:, 0].max() <= 100 and rows[:, 1].max() <= 1


@pytest.mark.skipif(find_spec("deepface") is None, reason="the extra diffusion is not installed")
def test_one_word_for_one_emotion() -> None:
    """A twin is asked for by the word, whichever backend said it."""
    words = []
    for name in support.names("emotion"):
        module, _, kind = profiles.backend("emotion", name).target.partition(":")
        words.append(getattr(importlib.import_module(module), kind).labels)
    assert len(words) > 1
    assert all(sorted(labels) == sorted(words[0]) and len(set(labels)) == 7 for labels in words)


def test_keeps_the_order_of_a_batch_and_equals_one_by_one(estimator: Any) -> None:
    order = (*MEN, *SMILING, MEN[0])
    batch = _estimate(estimator, *order)
    assert batch.shape == (len(order), _width(estimator)) and batch.dtype == np.float32
    assert np.array_equal(batch, np.concatenate([_estimate(estimator, name) for name in order]))
    assert not np.array_equal(batch[0], batch[1])


def test_an_empty_batch_gives_no_rows(estimator: Any) -> None:
    assert estimator.estimate([], []).shape == (0, _width(estimator))


def test_refuses_frames_and_faces_that_do_not_pair(estimator: Any) -> None:
    with pytest.raises(ValueError):
        estimator.estimate([support.still(MEN[0])], [])


@pytest.mark.parametrize("shape", [(1, 1), (61, 47)])
def test_survives_any_frame_and_a_face_that_leaves_it(estimator: Any, shape: tuple[int, int]) -> None:
    points = np.array([[-9, 4], [30, 4], [10, 20], [0, 40], [22, 41]], np.float32)
    face = Face(np.array([-20, -20, 50, 60], np.float32), 0.9, points)
    outside = Face(face.box + np.float32(900), 0.9, points + np.float32(900))
    assert np.isfinite(estimator.estimate([np.zeros((*shape, 3), np.uint8)] * 2, [face, outside])).all()


def test_is_deterministic_and_safe_on_two_threads(estimator: Any) -> None:
    expected = _estimate(estimator, MEN[0], WOMEN[0])
    for result in support.on_two_threads(lambda: _estimate(estimator, MEN[0], WOMEN[0])):
        assert np.array_equal(result, expected)


def test_tells_clear_cases_of_gender_and_age(age_gender: Any) -> None:
    rows = _estimate(age_gender, *MEN, *WOMEN)
    assert (rows[: len(MEN), 1] < 0.5).all() and (rows[len(MEN) :, 1] > 0.5).all()
    young, old = _estimate(age_gender, *YOUNG)[:, 0], _estimate(age_gender, *OLD)[:, 0]
    assert young.min() > 15 and young.max() < 40 and old.min() > OLD_AT_LEAST.get(age_gender.name, young.max())


def test_tells_a_smile_from_a_serious_face(emotion: Any) -> None:
    rows = _estimate(emotion, *SMILING, *SERIOUS)
    happy = rows[:, emotion.labels.index("happy")]
    assert happy[: len(SMILING)].min() > 0.5 > happy[len(SMILING) :].max()
