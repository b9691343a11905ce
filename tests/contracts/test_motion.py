"""Every motion model keeps the contract of models.capabilities.MotionModel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from models.capabilities import Driving, MotionModel, Strength, Twin
from models.embedding.calibration import calibration
from models.landmarks import pose
from models.motion import geometry
from tests.contracts import support

SOURCE, TWIN = "people/009_C", "synthetic/02"


@pytest.fixture(params=support.names("motion"))
def motion(request: pytest.FixtureRequest) -> Any:
    return support.load("motion", request.param)


def located(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A still and the mesh of its face."""
    frame = support.still(name)
    return frame, support.load("landmarker", "mesh").locate([frame], [support.face(name)])[0].points


def twin() -> Twin:
    picture, mesh = located(TWIN)
    whole = np.full(picture.shape[:2], 255, np.uint8)
    return Twin(picture, mesh, 0, True, np.zeros(512, np.float32), whole)


def driving(*meshes: np.ndarray, usable: tuple[bool, ...] = ()) -> Driving:
    """The motion of these meshes; the first one is at rest."""
    series = np.stack(meshes)
    shapes, poses = geometry.canonical(series, pose.mean_face())
    return Driving(
        first=0,
        meshes=series,
        shapes=shapes,
        scale=np.float32([p.scale for p in poses]),
        rotation=np.stack([p.rotation for p in poses]),
        shift=np.stack([p.shift for p in poses]),
        rest=shapes[0],
        usable=np.array(usable or [True] * len(series)),
    )


def applied(frame: np.ndarray, patch: Any) -> np.ndarray:
    result = frame.copy()
    height, width = patch.pixels.shape[:2]
    result[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels
    return result


def test_paints_a_new_face_where_the_old_one_was(motion: Any) -> None:
    assert isinstance(motion, MotionModel)
    frame, mesh = located(SOURCE)
    untouched = frame.copy()
    (patch,) = motion.animate(twin(), driving(mesh), [frame], [0], Strength())
    assert np.array_equal(frame, untouched)
    assert patch.pixels.dtype == np.uint8 and patch.pixels.shape[2] == 3
    assert patch.x % 2 == 0 and patch.y % 2 == 0 and patch.x >= 0 and patch.y >= 0
    assert patch.y + patch.pixels.shape[0] <= frame.shape[0] and patch.x + patch.pixels.shape[1] <= frame.shape[1]
    assert patch.points.shape == (5, 2) and patch.box.shape == (4,)
    face = support.face(SOURCE)
    assert np.abs(patch.points - face.points).max() < 0.25 * face.size
    found = support.load("detector", "retinaface-mobilenet").detect([applied(frame, patch)])[0][0]
    assert found.score > 0.9 and np.abs(found.points - patch.points).max() < 0.12 * face.size


def test_the_new_face_is_farther_from_the_source_than_strangers_are(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    embedder = support.load("embedder", "facenet")
    (patch,) = motion.animate(twin(), driving(mesh), [frame], [0], Strength())
    face = support.face(SOURCE)
    before, after = embedder.embed([frame, applied(frame, patch)], [face, replace(face, points=patch.points)])
    assert 1 - float(before @ after) > calibration("facenet").far_1


def test_the_border_of_a_patch_meets_the_frame(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    (patch,) = motion.animate(twin(), driving(mesh), [frame], [0], Strength())
    result = applied(frame, patch).astype(int)
    height, width = patch.pixels.shape[:2]
    window = (slice(patch.y, patch.y + height), slice(patch.x, patch.x + width))
    edge = np.ones((height, width), bool)
    edge[1:-1, 1:-1] = False
    assert np.abs(result[window] - frame[window])[edge].max() <= 1


def test_a_face_that_is_not_usable_gets_no_patch_and_order_is_kept(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    moved = mesh + np.float32([6, 0, 0])
    track = driving(mesh, mesh, moved, usable=(True, False, True))
    shifted = cv2.warpAffine(frame, np.float32([[1, 0, 6], [0, 1, 0]]), frame.shape[1::-1])
    some = motion.animate(twin(), track, [shifted, frame, frame], [2, 1, 0], Strength())
    assert some[1] is None and some[0] is not None and some[2] is not None
    assert some[0].points - some[2].points == pytest.approx(np.tile([6, 0], (5, 1)), abs=0.2)
    (alone,) = motion.animate(twin(), track, [frame], [0], Strength())
    assert np.array_equal(alone.pixels, some[2].pixels)


def test_a_face_outside_the_frame_gets_no_patch_and_no_faces_no_patches(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    away = driving(mesh + np.float32([9000, 0, 0]))
    assert motion.animate(twin(), away, [frame], [0], Strength()) == [None]
    assert motion.animate(twin(), driving(mesh), [], [], Strength()) == []


def test_the_twin_opens_its_mouth_with_the_source(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    opened = mesh.copy()
    face = support.face(SOURCE)
    below = mesh[:, 1] > mesh[14, 1]
    opened[below, 1] += 0.12 * face.size
    track = driving(mesh, opened)
    landmarker = support.load("landmarker", "mesh")
    gaps = []
    for row in (0, 1):
        (patch,) = motion.animate(twin(), track, [frame], [row], Strength())
        seen = replace(face, points=patch.points, box=patch.box)
        gaps.append(geometry.mouth_gap(landmarker.locate([applied(frame, patch)], [seen])[0].points))
    assert gaps[1] > gaps[0] + 0.08


def test_two_threads_get_what_one_gets(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    some, track = twin(), driving(mesh)
    alone = motion.animate(some, track, [frame], [0], Strength())
    for result in support.on_two_threads(lambda: motion.animate(some, track, [frame], [0], Strength())):
        assert support.same(result, alone)


def test_strength_changes_the_shape(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    weak, strong = (
        motion.animate(twin(), driving(mesh), [frame], [0], Strength(change=change))[0] for change in (0.3, 1.6)
    )
    assert np.abs(weak.points - strong.points).max() > 0.5
