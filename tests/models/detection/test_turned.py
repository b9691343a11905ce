"""Turned looks: nothing is cut off, and what is found is put back where it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detection.looks import looks
from models.detection.turned import (
    AS_IT_IS,
    DIAGONALS,
    QUARTERS,
    Look,
    TurnedDetector,
    look,
    merged,
    turned,
    turned_face,
    whole,
)
from models.interfaces.capabilities import Face
from tasks.audit.residual import FaceSearch
from tests.contracts import support as contracts
from tests.tasks import support

ANGLES = (*QUARTERS, *DIAGONALS)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ANGLES), st.integers(20, 90), st.integers(20, 90), st.data())
def test_the_map_leads_from_a_turned_pixel_back_to_where_it_was(
    angle: int, width: int, height: int, data: st.DataObject
) -> None:
    x = data.draw(st.integers(2, width - 3))
    y = data.draw(st.integers(2, height - 3))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    canvas, back = turned(picture, angle)
    found = np.argwhere(canvas[..., 0] > 120)
    assert len(found)
    place = back[:, :2] @ found.mean(axis=0)[::-1] + back[:, 2]
    assert np.abs(place - (x, y)).max() < 0.6


@pytest.mark.parametrize("angle", ANGLES)
def test_nothing_is_cut_off(angle: int) -> None:
    white = np.full((40, 70, 3), 255, np.uint8)
    canvas, _ = turned(white, angle)
    assert abs(float(canvas[..., 0].sum()) / 255 - 40 * 70) < 0.03 * 40 * 70


def test_other_angles_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 45"):
        turned(np.zeros((4, 4, 3), np.uint8), 30)


@pytest.mark.parametrize("angle", ANGLES)
def test_the_points_of_a_turned_face_keep_their_order_and_its_box_its_size(angle: int) -> None:
    face = support.face(80, 60, 40)
    picture = np.zeros((160, 200, 3), np.uint8)
    _, back = turned(picture, angle)
    placed = turned_face(face, back)
    across, down = placed.points[1] - placed.points[0], placed.points[3] - placed.points[0]
    rolled = float(np.degrees(np.arctan2(across[1], across[0]))) % 360
    assert min(abs(rolled - -angle % 360), 360 - abs(rolled - -angle % 360)) < 0.1
    assert across[0] * down[1] - across[1] * down[0] > 0
    assert placed.size == pytest.approx(face.size, rel=1e-4)


@pytest.mark.parametrize("angle", ANGLES)
def test_a_lying_face_is_found_where_it_lies(angle: int) -> None:
    """The truth is the box on the upright picture, carried through the turn."""
    still = contracts.still("people/010_2")
    still = cv2.resize(still, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    detector = contracts.load("detector", "yunet", long_side=1 << 14, min_score=0.5)
    upright = look(detector, still, [Look(0, 640)])
    assert len(upright) == 2
    canvas, back = turned(still, angle)
    found = look(detector, canvas, [Look(step, 640) for step in ANGLES])
    assert len(found) == 2
    placed = [turned_face(face, back) for face in found]
    for face in upright:
        gap = min(float(np.abs((face.box - one.box).reshape(2, 2).mean(axis=0)).max()) for one in placed)
        assert gap < 0.15 * face.size


def test_one_face_seen_in_several_looks_is_kept_once_as_it_scored_best() -> None:
    faces = [support.face(80, 60, 40, 0.6), support.face(83, 61, 42, 0.9), support.face(160, 60, 40, 0.5)]
    assert [face.score for face in merged(faces)] == [0.9, 0.5]
    assert merged([]) == []


def test_a_part_of_a_face_is_no_face_of_its_own_and_what_is_far_smaller_is() -> None:
    head, chin = support.face(200, 200, 200, 0.99), support.face(220, 250, 80, 0.9)
    beside, shirt = support.face(330, 200, 80, 0.9), support.face(200, 270, 40, 0.8)
    around = support.face(200, 200, 420, 0.7)
    assert whole([head, chin]) == [head]
    assert whole([head, beside, shirt, around]) == [head, beside, shirt, around]


def test_an_audit_keeps_a_face_within_a_larger_detection_that_scored_better() -> None:
    """The better one may be false."""
    shoulders, face = support.face(200, 200, 200, 0.9), support.face(200, 160, 90, 0.8)
    picture = np.zeros((400, 640, 3), np.uint8)
    found = support.Detector([shoulders, face])
    assert len(FaceSearch(found, (), support.Landmarker()).find(picture, False)) == 2
    assert len(TurnedDetector(found, lambda width, height: [Look(0, 640)]).detect([picture])[0]) == 1


def test_what_is_too_large_for_a_look_is_left_to_the_others() -> None:
    found = support.Detector([support.face(100, 100, 60), support.face(250, 100, 30)])
    seen = look(found, np.zeros((240, 320, 3), np.uint8), [Look(0, 320, 0.0, 50.0)])
    assert [round(face.size) for face in seen] == [30]


@pytest.mark.parametrize("name", ["synthetic/00", "synthetic/05", "synthetic/09"])
def test_a_face_that_fills_the_picture_is_one_face(name: str) -> None:
    still = contracts.still(name)
    face = contracts.face(name)
    x0, y0, x1, y1 = np.clip(face.box + face.size * np.float32([-0.4, -0.5, 0.4, 0.4]), 0, still.shape[0]).astype(int)
    close = cv2.resize(still[y0:y1, x0:x1], (640, 640), interpolation=cv2.INTER_AREA)
    detector = contracts.load("detector", "retinaface-mobilenet", long_side=AS_IT_IS, min_score=0.6)
    angles = looks(640, 640, thorough=True, still=True)
    (seen,) = TurnedDetector(detector, lambda width, height: angles).detect([close])
    assert len(seen) == 1


def test_faces_are_given_in_the_pixels_of_the_image() -> None:
    class Fixed:
        name, batch = "fixed", 1

        def detect(self, frames: list[np.ndarray]) -> list[list[Face]]:
            assert frames[0].shape[:2] == (320, 640)
            return [[support.face(320, 160, 64)]]

    (face,) = look(Fixed(), np.zeros((160, 320, 3), np.uint8), [Look(0, 640)])
    assert np.allclose(face.box, support.box(160, 80, 32), atol=0.5)
