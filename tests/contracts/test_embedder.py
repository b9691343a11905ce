"""Every embedder keeps the contract of models.interfaces.capabilities.Embedder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.embedding.calibration import calibration
from models.embedding.vectors import distances
from models.interfaces.capabilities import Embedder, Face
from tests.contracts import support

# Persons A, B and C are different people; the letter after the number names the person.
A1, A2, B1, B2, C1 = "people/002_A", "people/004_A", "people/007_B", "people/008_B", "people/009_C"


@pytest.fixture(params=support.names("embedder"))
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each backend; with random weights where the released ones are not in place."""
    return support.either("embedder", request.param, tmp_path_factory)


@pytest.fixture(params=support.names("embedder"))
def learnt(request: pytest.FixtureRequest) -> Any:
    """Each backend that has learnt to recognise people."""
    return support.learnt("embedder", request.param)


def _one_person(name: str) -> float:
    """The distance under which an embedder takes two faces for one person. The published limits of one that could not
    be measured are two: under the smaller a twin leaks its source, under the larger two pictures show one person."""
    figures = calibration(name)
    return figures.far_1 if figures.measured else figures.eer_distance


def _embed(embedder: Any, *names: str) -> Any:
    return embedder.embed([support.still(name) for name in names], [support.face(name) for name in names])


def test_satisfies_the_protocol(embedder: Any) -> None:
    assert isinstance(embedder, Embedder)
    assert embedder.name in support.names("embedder")


def test_gives_unit_vectors_of_its_dimension(embedder: Any) -> None:
    vectors = _embed(embedder, A1, B1, C1)
    assert vectors.shape == (3, embedder.dimension) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_keeps_the_order_of_a_batch_and_equals_one_by_one(embedder: Any) -> None:
    order = (C1, A1, B1, A1)
    batch = _embed(embedder, *order)
    assert np.array_equal(batch, np.concatenate([_embed(embedder, name) for name in order]))
    assert np.array_equal(batch[1], batch[3]) and not np.array_equal(batch[0], batch[1])


def test_an_empty_batch_gives_no_rows(embedder: Any) -> None:
    vectors = embedder.embed([], [])
    assert vectors.shape == (0, embedder.dimension) and vectors.dtype == np.float32


def test_refuses_frames_and_faces_that_do_not_pair(embedder: Any) -> None:
    with pytest.raises(ValueError):
        embedder.embed([support.still(A1)], [])


def test_one_person_is_nearer_than_two(learnt: Any) -> None:
    table = distances(_embed(learnt, A1, A2, B1, B2, C1), _embed(learnt, A1, A2, B1, B2, C1))
    genuine = max(table[0, 1], table[2, 3])
    strangers = min(table[0, 2], table[0, 3], table[0, 4], table[1, 2], table[1, 4], table[2, 4], table[3, 4])
    assert genuine < strangers
    assert genuine < _one_person(learnt.name) and calibration(learnt.name).far_1 < strangers


def test_the_distance_does_not_depend_on_the_size_or_place_in_the_frame(embedder: Any) -> None:
    picture, face = support.still(A1), support.face(A1)
    expected = embedder.embed([picture], [face])
    doubled = Face(face.box * 2 + 0.5, face.score, face.points * 2 + 0.5)
    moved = Face(face.box + np.float32(40), face.score, face.points + np.float32(40))
    results = embedder.embed(
        [picture.repeat(2, axis=0).repeat(2, axis=1), np.pad(picture, ((40, 0), (40, 0), (0, 0)))], [doubled, moved]
    )
    assert distances(expected, results).max() < 0.1 * calibration(embedder.name).far_1


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (61, 47)])
def test_survives_any_frame_and_a_face_that_leaves_it(embedder: Any, shape: tuple[int, int]) -> None:
    frame = np.zeros((*shape, 3), np.uint8)
    points = np.array([[-9, 4], [30, 4], [10, 20], [0, 40], [22, 41]], np.float32)
    inside = Face(np.array([-20, -20, 50, 60], np.float32), 0.9, points)
    outside = Face(inside.box + np.float32(900), 0.9, points + np.float32(900))
    collapsed = Face(np.array([5, 5, 5, 5], np.float32), 0.9, np.full((5, 2), 5, np.float32))
    vectors = embedder.embed([frame] * 3, [inside, outside, collapsed])
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_recognises_a_person_without_colour(learnt: Any) -> None:
    picture, face = support.still(A1), support.face(A1)
    grey = np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    vectors = learnt.embed([picture, grey], [face, face])
    assert distances(vectors[:1], vectors[1:])[0, 0] < _one_person(learnt.name)


def test_is_deterministic_and_safe_on_two_threads(embedder: Any) -> None:
    expected = _embed(embedder, A1, C1)
    for result in support.on_two_threads(lambda: _embed(embedder, A1, C1)):
        assert np.array_equal(result, expected)


def test_leaves_the_frame_alone(embedder: Any) -> None:
    picture = support.still(A1)
    before = picture.copy()
    embedder.embed([picture], [support.face(A1)])
    assert np.array_equal(picture, before)
