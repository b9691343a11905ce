"""The measures of agreement: each knows its own quantity, its direction, and perfect agreement."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bench.agree import compare, faces, report
from models.interfaces.capabilities import Mesh
from models.landmarks import pose, topology
from models.motion.mesh.geometry import Similarity
from tasks.evaluation.measure import figures

REST = pose.mean_face()


def mesh(points: np.ndarray) -> Mesh:
    return Mesh(points, 1.0, np.zeros(52, np.float32))


def placed(shape: np.ndarray = REST, pitch: float = 0, yaw: float = 0, roll: float = 0) -> np.ndarray:
    """The face in a 640 x 480 frame; pitch down, yaw to the image's right, roll clockwise, degrees."""
    turned = Rotation.from_euler("zyx", [roll, -yaw, pitch], degrees=True).as_matrix().astype(np.float32)
    return Similarity(150.0, turned, np.float32([320, 240, 0])).apply(shape)


def moved(ids: list[int], x: float = 0.0, y: float = 0.0) -> np.ndarray:
    shape = REST.copy()
    shape[ids] += np.float32([x, y, 0])
    return shape


def test_mouth_and_eye_openings_and_width_grow_in_their_direction() -> None:
    assert figures.mouth_opening(moved([14], y=0.1)) == pytest.approx(figures.mouth_opening(REST) + 0.1, abs=2e-3)
    wide = figures.mouth_width(moved([61], x=-0.1))
    assert wide == pytest.approx(figures.mouth_width(REST) + 0.1, abs=2e-3)
    upper = [i for ring in (topology.LEFT_EYE, topology.RIGHT_EYE) for i in ring[9:16]]
    assert figures.eye_opening(moved(upper, y=-0.05)) > figures.eye_opening(REST) + 0.1


def test_gaze_points_to_the_right_and_down_of_the_image_on_a_rolled_head_too() -> None:
    irises = [*topology.LEFT_IRIS, *topology.RIGHT_IRIS]
    for roll in (0, 30):
        x0, y0 = figures.gaze(placed(roll=roll))
        x1, y1 = figures.gaze(placed(moved(irises, x=0.03, y=0.02), roll=roll))
        assert x1 - x0 == pytest.approx(0.03 / 0.31, rel=0.25) and y1 - y0 == pytest.approx(0.02 / 0.31, rel=0.25)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_both_poses_know_each_axis_and_its_sign(axis: int) -> None:
    turn = dict(zip(figures.AXES, np.eye(3)[axis] * 12.0, strict=True))
    points = placed(**turn)
    # The made face has no perspective, which the six points read as some degrees of pitch.
    for found, exact in ((figures.six_point_pose(points, 640, 480), 4.5), (figures.similarity_pose(points), 0.1)):
        assert found[axis] == pytest.approx(12.0, abs=exact)
        assert np.abs(np.delete(found, axis)).max() < exact


def test_correlation_slope_and_error_of_a_damped_and_shifted_copy() -> None:
    source = np.sin(np.arange(40) / 3)
    pair = np.stack([source, 0.5 * source + 0.2], axis=1)
    assert compare.correlation([pair, pair + 3]) == pytest.approx(1.0)
    assert compare.slope([pair, pair + 3]) == pytest.approx(0.5)
    errors = [pair[:, 1] - pair[:, 0]]
    assert compare.mean_error(errors) == pytest.approx(0.2 - 0.5 * source.mean())
    assert compare.mean_size([np.array([-2.0, np.nan, 4.0])]) == 3.0


def test_what_does_not_move_or_is_too_short_has_no_correlation() -> None:
    for pairs in ([np.ones((9, 2))], [np.random.default_rng(0).random((4, 2))], []):
        assert np.isnan(compare.correlation(pairs)) and np.isnan(compare.slope(pairs))


def test_unrest_ignores_where_the_face_is_and_sees_flicker() -> None:
    rng = np.random.default_rng(1)
    frame = cv2.GaussianBlur(rng.integers(0, 255, (480, 640, 3)).astype(np.uint8), (0, 0), 6)
    shifted = cv2.warpAffine(frame, np.float32([[1, 0, 20], [0, 1, 8]]), (640, 480))
    still = mesh(placed())
    away = mesh(placed() + np.float32([20, 8, 0]))
    first, second = figures.aligned([frame], still)[0], figures.aligned([shifted], away)[0]
    assert figures.unrest(first, second) < 0.6
    assert figures.unrest(first, cv2.convertScaleAbs(first, alpha=1.0, beta=9)) > 5


def test_a_perfect_copy_is_reported_as_one() -> None:
    person = faces.Person(np.zeros(4, np.float32), 9)
    for k in range(12):
        row = figures.figures(mesh(placed(moved([14], y=0.1 * abs(np.sin(k))), yaw=k)), 640, 480)
        person.rows.append(np.stack([row, row]))
    found = report.summary(dataclasses.replace(faces.Tally(), people=[person], unrest=[(2.0, 2.0)], faces=12))
    assert found["mouth_correlation"] == pytest.approx(1.0) and found["mouth_slope"] == pytest.approx(1.0)
    assert found["mouth_error"] == 0 and found["similarity_yaw_error_degrees"] == 0
    assert found["flicker_result_over_source"] == 1.0 and found["faces"] == 12
    assert "mouth_correlation" in report.table(found)
