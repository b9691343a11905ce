"""What is measured of one mesh, on points whose figures are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.interfaces.capabilities import Mesh
from models.landmarks import pose, topology
from models.motion.mesh.geometry import Similarity
from tasks.evaluation.measure import figures
from tests.tasks import support

REST = pose.mean_face()


def points(**places: tuple[float, float]) -> np.ndarray:
    """(478, 3) zeros but for some points, named p33 and so on."""
    result = np.zeros((478, 3), np.float32)
    for name, place in places.items():
        result[int(name[1:]), :2] = place
    return result


def rotation(pitch: float = 0, yaw: float = 0, roll: float = 0) -> np.ndarray:
    return Rotation.from_euler("zyx", [roll, -yaw, pitch], degrees=True).as_matrix()


def turned(pitch: float = 0, yaw: float = 0, roll: float = 0) -> np.ndarray:
    matrix = rotation(pitch, yaw, roll).astype(np.float32)
    return Similarity(150.0, matrix, np.float32([320, 240, 0])).apply(REST)


def test_mouths_are_measured_in_widths_between_the_eyes() -> None:
    # The outer eye corners are 50 apart, the inner lips 5, the mouth's corners 30.
    face = points(p33=(0, 0), p263=(30, 40), p13=(10, 60), p14=(13, 64), p61=(0, 70), p291=(30, 70))
    assert figures.mouth_opening(face) == pytest.approx(0.1) and figures.mouth_width(face) == pytest.approx(0.6)


def test_eyes_are_measured_in_their_own_widths() -> None:
    face = points(p33=(0, 0), p133=(20, 0), p263=(90, 0), p362=(50, 0))
    # Lids 4 apart on an eye 20 wide and 6 apart on one 40 wide: 0.2 and 0.15.
    for ring, gap in ((topology.LEFT_EYE, 4), (topology.RIGHT_EYE, 6)):
        face[list(ring[9:16]), 1] = -gap
    assert figures.eye_opening(face) == pytest.approx(0.175)


def test_gaze_is_the_mean_of_both_eyes_along_their_own_axes() -> None:
    level = {"p33": (0, 0), "p133": (10, 0), "p362": (30, 0), "p263": (50, 0)}
    # (2, 1) off the middle of an eye 10 wide: 0.2 and 0.1; (2, 1) of one 20 wide: 0.1 and 0.05.
    assert figures.gaze(points(**level, p468=(7, 1), p473=(42, 1))) == pytest.approx((0.15, 0.075))
    # The head rolled a quarter turn clockwise: what was to the right is down, what was down is to the left.
    rolled = {name: (-y, x) for name, (x, y) in {**level, "p468": (7, 1), "p473": (42, 1)}.items()}
    assert figures.gaze(points(**rolled)) == pytest.approx((0.15, 0.075))


def test_a_face_of_no_width_is_no_division_by_zero() -> None:
    assert np.isfinite(figures.gaze(points())).all() and figures.mouth_width(points()) == 0


@given(st.floats(-40, 40), st.floats(-60, 60), st.floats(-80, 80))
def test_the_pose_that_was_put_in_comes_out(pitch: float, yaw: float, roll: float) -> None:
    found = figures.similarity_pose(turned(pitch, yaw, roll))
    assert found[:2] == pytest.approx([pitch, yaw], abs=0.05)
    # The line of the eyes, as the picture shows it.
    x, y, _ = rotation(pitch, yaw, roll) @ [1.0, 0.0, 0.0]
    assert found[2] == pytest.approx(np.degrees(np.arctan2(y, x)), abs=0.1)


@pytest.mark.parametrize("roll", [-150.0, -30.0, 30.0, 80.0])
def test_a_frontal_head_rolls_clockwise(roll: float) -> None:
    assert figures.similarity_pose(turned(roll=roll))[2] == pytest.approx(roll, abs=0.05)


@pytest.mark.parametrize("yaw", [-90.0, 90.0])
def test_a_full_profile_has_a_pose(yaw: float) -> None:
    # Rounding may take the sine beyond 1.
    assert figures.similarity_pose(turned(yaw=yaw))[1] == pytest.approx(yaw, abs=0.1)


def test_all_figures_stand_in_the_order_of_their_names() -> None:
    mesh = turned(yaw=20)
    found = figures.figures(Mesh(mesh, 1.0, np.zeros(52, np.float32)), 640, 480)
    names = [*figures.OPENINGS, *(f"{kind} {axis}" for kind in figures.POSES for axis in figures.AXES)]
    assert found.shape == (11,) == (len(names),)
    by_name = dict(zip(names, found, strict=True))
    assert by_name["mouth"] == figures.mouth_opening(mesh) and by_name["eyes"] == figures.eye_opening(mesh)
    assert (by_name["gaze_x"], by_name["gaze_y"]) == figures.gaze(mesh)
    assert by_name["mouth_width"] == figures.mouth_width(mesh)
    assert by_name["similarity yaw"] == pytest.approx(20, abs=0.05)
    assert found[5:8].tolist() == pytest.approx(pose.angles(mesh, 640, 480).tolist())


def test_an_aligned_crop_shows_the_face_in_the_middle_at_one_size() -> None:
    picture = support.noise(1, 320, 240)[0]
    mesh = points()
    # 96 pixels high around (150, 110): as large as the crop, so that pixels are copied.
    mesh[:468, :2] = (150, 110)
    mesh[0, 1], mesh[1, 1] = 62, 158
    crop, other = figures.aligned([picture, 255 - picture], Mesh(mesh, 1.0, np.zeros(52, np.float32)))
    assert np.array_equal(crop, picture[62:158, 102:198]) and np.array_equal(other, 255 - crop)
    assert crop.shape == (figures.ALIGNED, figures.ALIGNED, 3)


def test_unrest_is_the_mean_change_in_grey_levels() -> None:
    now, last = np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 100, np.uint8)
    last[0, 0] = 140
    last[1, 1] = 80
    assert figures.unrest(now, last) == pytest.approx(15.0) and figures.unrest(now, now) == 0
