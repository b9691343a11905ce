"""Six-point head pose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.landmarks import pose, topology
from tests.contracts import support


def projected(pitch: float, yaw: float, roll: float, far: float = 6.0) -> np.ndarray:
    """The mean face turned (degrees; roll first, so that pitch and yaw say where the nose points) and seen by the
    camera that is assumed for 640 x 480."""
    width, height = 640, 480
    p, y, r = np.deg2rad([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    placed = pose.mean_face() @ (about_x @ about_y @ about_z).T + (0.4, -0.2, far)
    focal = max(width, height)
    xy = placed[:, :2] / placed[:, 2:] * focal + (width / 2, height / 2)
    return np.concatenate([xy, placed[:, 2:] * focal / far], axis=1).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.floats(-70, 70))
def test_yaw_alone_is_recovered(yaw: float) -> None:
    assert pose.angles(projected(0, yaw, 0), 640, 480) == pytest.approx([0, yaw, 0], abs=0.5)


@settings(max_examples=60, deadline=None)
@given(st.floats(-35, 35), st.floats(-40, 40))
def test_pitch_and_roll_are_recovered(pitch: float, roll: float) -> None:
    found = pose.angles(projected(pitch, 0, roll), 640, 480)
    assert found[:2] == pytest.approx([pitch, 0], abs=0.5)
    # A nod foreshortens the line of the eyes, from which roll is read.
    seen = np.degrees(np.arctan(np.cos(np.deg2rad(pitch)) * np.tan(np.deg2rad(roll))))
    assert found[2] == pytest.approx(seen, abs=0.5)


def test_signs_are_those_of_the_documentation() -> None:
    right, down = projected(0, 30, 0), projected(25, 0, 0)
    middle = (right[33, 0] + right[263, 0]) / 2
    assert right[1, 0] > middle and pose.angles(right, 640, 480)[1] > 20
    still = projected(0, 0, 0)
    assert down[1, 1] > still[1, 1] and pose.angles(down, 640, 480)[0] > 15
    clockwise = projected(0, 0, 20)
    assert clockwise[263, 1] > clockwise[33, 1] and pose.angles(clockwise, 640, 480)[2] > 15


def test_mirroring_a_real_face_turns_yaw_and_roll_round() -> None:
    frame, face = support.still("people/009_C"), support.face("people/009_C")
    points = support.load("landmarker", "mesh").locate([frame], [face])[0].points
    height, width = frame.shape[:2]
    found = pose.angles(points, width, height)
    mirrored = points.copy()
    mirrored[:, 0] = width - points[:, 0]
    mirrored[[33, 263, 61, 291]] = mirrored[[263, 33, 291, 61]]
    assert pose.angles(mirrored, width, height) == pytest.approx(found * (1, -1, -1), abs=0.3)
    assert np.abs(found).max() < 40


def test_a_mesh_that_is_none_gives_no_pose() -> None:
    assert np.isnan(pose.angles(np.full((478, 3), np.nan, np.float32), 640, 480)).all()


def test_inside_share_counts_surface_points() -> None:
    points = np.full((478, 3), 5.0, np.float32)
    assert pose.inside_share(points, 20, 10) == 1.0
    points[:117, 0] = -1.0
    assert pose.inside_share(points, 20, 10) == pytest.approx(0.75)
    points[:, 1] = 9.5
    assert pose.inside_share(points, 20, 10) == 0.0


def test_the_mean_face_is_symmetric_and_has_its_unit() -> None:
    face = pose.mean_face()
    assert face.shape == (478, 3) and face.dtype == np.float32
    assert float(np.linalg.norm(face[33] - face[263])) == pytest.approx(1.0, abs=1e-4)
    assert face[[33, 1, 61], 0] == pytest.approx(-face[[263, 1, 291], 0], abs=1e-4)


def test_a_predictor_of_68_points_sees_the_same_pose() -> None:
    """The mesh reduced to six points, against the same six of the 68-point scheme as dlib's predictor places them."""
    stills = json.loads((Path(__file__).parents[2] / "reference" / "landmarks68.json").read_text("utf-8"))["stills"]
    apart = []
    for name, six in stills.items():
        frame = support.still(name)
        height, width = frame.shape[:2]
        mesh = support.load("landmarker", "mesh").locate([frame], [support.face(name)])[0].points
        other = np.full_like(mesh, np.nan)
        other[list(topology.PNP), :2] = six
        apart.append(np.abs(pose.angles(mesh, width, height) - pose.angles(other, width, height)))
    degrees = np.array(apart)
    assert len(degrees) == 23
    # A shift of a point by 1 % of the face is a degree or two of pitch, so a few pictures lie a little above.
    assert (degrees.mean(axis=0) < 1.5).all() and (degrees < 4).all()
    assert (degrees <= 3).all(axis=1).mean() > 0.85
