"""Every detector keeps the contract of models.interfaces.capabilities.Detector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.interfaces.capabilities import Detector
from tests.contracts import support

GROUP, NOBODY, ONE, CROWD = "people/012_4", "people/017_0", "people/009_C", "people/016_8"
SHAPES = ((1, 1), (3, 5), (17, 301), (301, 17), (33, 31))


@pytest.fixture(params=support.names("detector"))
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each backend; with random weights where the released ones are not in place."""
    return support.either("detector", request.param, tmp_path_factory)


@pytest.fixture(params=support.names("detector"))
def learnt(request: pytest.FixtureRequest) -> Any:
    """Each backend that has learnt to see faces."""
    return support.learnt("detector", request.param)


def test_satisfies_the_protocol(detector: Any) -> None:
    assert isinstance(detector, Detector)
    assert detector.name in support.names("detector")


def test_finds_the_four_of_a_group_and_nobody_in_a_landscape(learnt: Any) -> None:
    found = learnt.detect([support.still(name) for name in (ONE, NOBODY, GROUP)])
    assert [len(faces) for faces in found] == [1, 0, 4]


def test_keeps_the_order_of_a_batch_and_equals_one_by_one(detector: Any) -> None:
    pictures = [support.still(name) for name in (ONE, NOBODY, GROUP, ONE)]
    pictures[-1] = np.ascontiguousarray(pictures[-1][:, ::-1])
    batch = detector.detect(pictures)
    assert len(batch) == len(pictures) and batch[0] and batch[2]
    assert support.same(batch, [detector.detect([picture])[0] for picture in pictures])
    assert not support.same(batch[0], batch[2]) and not support.same(batch[0], batch[3])


def test_an_empty_batch_gives_an_empty_list(detector: Any) -> None:
    assert detector.detect([]) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_accepts_any_size(detector: Any, shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 127, np.uint8)
    picture[: shape[0] // 2] = 20
    for face in detector.detect([picture])[0]:
        assert np.isfinite(face.box).all() and np.isfinite(face.points).all() and 0 <= face.score <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_sees_nobody_in_a_plain_picture(learnt: Any, shape: tuple[int, int]) -> None:
    assert learnt.detect([np.full((*shape, 3), 127, np.uint8)]) == [[]]


def test_finds_a_face_without_colour_and_at_an_odd_size(learnt: Any) -> None:
    picture = support.still(ONE)[:501, :347]
    grey = np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    for variant in (picture, grey):
        assert len(learnt.detect([variant])[0]) == 1


def test_fields_have_their_types_and_best_comes_first(detector: Any) -> None:
    faces = detector.detect([support.still(GROUP)])[0]
    assert faces
    for face in faces:
        assert face.box.shape == (4,) and face.box.dtype == np.float32
        assert face.points.shape == (5, 2) and face.points.dtype == np.float32
        assert 0 <= face.score <= 1 and face.size > 1
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


def test_points_lie_within_the_box(learnt: Any) -> None:
    for face in learnt.detect([support.still(GROUP)])[0]:
        assert face.size > 10
        assert face.box[0] < face.points[:, 0].min() and face.points[:, 0].max() < face.box[2]
        assert face.box[1] < face.points[:, 1].min() and face.points[:, 1].max() < face.box[3]


def test_points_are_named_by_the_side_of_the_image(learnt: Any) -> None:
    picture = support.still(ONE)
    width = picture.shape[1]
    for variant in (picture, np.ascontiguousarray(picture[:, ::-1])):
        left_eye, right_eye, nose, left_mouth, right_mouth = learnt.detect([variant])[0][0].points
        assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    straight = learnt.detect([picture])[0][0]
    turned = learnt.detect([np.ascontiguousarray(picture[:, ::-1])])[0][0]
    expected = np.array([width - 1 - straight.points[k, 0] for k in (1, 0, 2, 4, 3)])
    assert np.abs(turned.points[:, 0] - expected).max() < 0.06 * straight.size


def test_coordinates_follow_the_picture_when_it_grows_or_moves(learnt: Any) -> None:
    picture = support.still(ONE)
    before = learnt.detect([picture])[0][0]
    doubled = learnt.detect([picture.repeat(2, axis=0).repeat(2, axis=1)])[0][0]
    assert np.abs(doubled.box / 2 - before.box).max() < 0.08 * before.size
    moved = learnt.detect([np.pad(picture, ((64, 0), (96, 0), (0, 0)))])[0][0]
    assert np.abs(moved.box - before.box - np.array([96, 64, 96, 64])).max() < 0.08 * before.size


def test_is_deterministic_and_safe_on_two_threads(detector: Any) -> None:
    picture = support.still(GROUP)
    expected = detector.detect([picture])
    assert all(support.same(result, expected) for result in support.on_two_threads(lambda: detector.detect([picture])))


def test_leaves_the_frame_alone(detector: Any) -> None:
    picture = support.still(ONE)
    before = picture.copy()
    detector.detect([picture])
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("bad", [np.zeros((0, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3))])
def test_refuses_what_is_no_frame(detector: Any, bad: Any) -> None:
    with pytest.raises(ValueError, match="uint8 image"):
        detector.detect([bad])


@pytest.mark.parametrize("name", support.names("detector"))
def test_a_lower_score_only_adds_faces(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    picture = support.still(CROWD)
    usual = support.either("detector", name, tmp_path_factory).detect([picture])[0]
    eager = support.either("detector", name, tmp_path_factory, min_score=0.1).detect([picture])[0]
    assert len(eager) >= len(usual) > 0
    assert min(face.score for face in eager) >= 0.1
    for face in usual:
        assert any(np.abs(face.box - other.box).max() < 0.5 for other in eager)


def test_finds_the_eight_of_a_crowd(learnt: Any) -> None:
    assert len(learnt.detect([support.still(CROWD)])[0]) == 8
