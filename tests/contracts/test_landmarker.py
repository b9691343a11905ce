"""Every landmarker keeps the contract of models.interfaces.capabilities.Landmarker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.interfaces.capabilities import Face, Landmarker
from tests.contracts import support

MAN, WOMAN, SMILING, SERIOUS = "people/009_C", "people/002_A", "synthetic/05", "synthetic/02"


@pytest.fixture(params=support.names("landmarker"))
def landmarker(request: pytest.FixtureRequest) -> Any:
    return support.load("landmarker", request.param)


def _locate(landmarker: Any, *names: str) -> Any:
    return landmarker.locate([support.still(name) for name in names], [support.face(name) for name in names])


def test_places_a_mesh_where_the_detector_saw_eyes_nose_and_mouth(landmarker: Any) -> None:
    assert isinstance(landmarker, Landmarker)
    for name in (MAN, WOMAN, SMILING):
        face, (mesh,) = support.face(name), _locate(landmarker, name)
        assert mesh.points.shape == (478, 3) and mesh.points.dtype == np.float32
        assert mesh.blendshapes.shape == (52,) and mesh.blendshapes.dtype == np.float32
        assert mesh.presence > 0.8
        # Iris centres, tip of the nose, corners of the mouth; left and right are those of the image.
        seen = mesh.points[[468, 473, 1, 61, 291], :2]
        assert np.abs(seen - face.points).max() < 0.12 * face.size


def test_keeps_the_order_of_a_batch_and_equals_one_by_one(landmarker: Any) -> None:
    order = (MAN, WOMAN, MAN)
    batch = _locate(landmarker, *order)
    assert support.same(batch, [_locate(landmarker, name)[0] for name in order])
    assert support.same(batch[0], batch[2]) and not support.same(batch[0], batch[1])


def test_an_empty_batch_gives_an_empty_list(landmarker: Any) -> None:
    assert landmarker.locate([], []) == []


def test_a_smile_opens_the_smile_blendshapes(landmarker: Any) -> None:
    smiling, serious = _locate(landmarker, SMILING, SERIOUS)
    # 44 and 45 are mouthSmileLeft and mouthSmileRight in MediaPipe's order.
    assert smiling.blendshapes[44:46].min() > 0.4 > serious.blendshapes[44:46].max()


def test_doubt_is_a_low_presence(landmarker: Any) -> None:
    landscape = support.still("people/017_0")
    box = np.array([200, 100, 320, 240], np.float32)
    points = np.array([[230, 150], [290, 150], [260, 175], [235, 205], [285, 205]], np.float32)
    (mesh,) = landmarker.locate([landscape], [Face(box, 0.9, points)])
    assert mesh.presence < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (61, 47)])
def test_survives_any_frame_and_a_face_that_leaves_it(landmarker: Any, shape: tuple[int, int]) -> None:
    points = np.array([[-9, 4], [30, 4], [10, 20], [0, 40], [22, 41]], np.float32)
    face = Face(np.array([-20, -20, 50, 60], np.float32), 0.9, points)
    outside = Face(face.box + np.float32(900), 0.9, points + np.float32(900))
    meshes = landmarker.locate([np.zeros((*shape, 3), np.uint8)] * 2, [face, outside])
    assert len(meshes) == 2
    assert all(np.isfinite(mesh.points).all() and 0 <= mesh.presence <= 1 for mesh in meshes)


def test_is_deterministic_and_safe_on_two_threads(landmarker: Any) -> None:
    expected = _locate(landmarker, MAN, WOMAN)
    assert all(
        support.same(result, expected) for result in support.on_two_threads(lambda: _locate(landmarker, MAN, WOMAN))
    )
