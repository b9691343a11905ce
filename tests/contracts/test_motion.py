"""Every motion model keeps the contract of models.interfaces.twins.MotionModel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from infra.errors import WeightsError
from models.embedding.calibration import calibration
from models.interfaces.twins import AT_REST, DrivingMotion, MotionModel, Strength, Twin
from models.motion.animate import animate
from models.motion.mesh import geometry, rows
from models.motion.mesh.backend import MeshMotion
from models.selection import profiles
from tests.contracts import support

SOURCE, TWIN = "people/009_C", "synthetic/02"


@pytest.fixture(scope="module", params=support.names("motion"))
def motion(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each backend; with small random weights where the released ones are not in place."""
    try:
        return profiles.load("motion", request.param)
    except WeightsError:
        return support.random_motion(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=support.names("motion"))
def learnt(request: pytest.FixtureRequest) -> Any:
    """Each backend that has learnt to draw faces."""
    return support.load("motion", request.param)


def located(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A still and the mesh of its face."""
    frame = support.still(name)
    return frame, support.load("landmarker", "mesh").locate([frame], [support.face(name)])[0].points


def twin() -> Twin:
    picture, mesh = located(TWIN)
    whole = np.full(picture.shape[:2], 255, np.uint8)
    return Twin(picture, mesh, 0, AT_REST, np.zeros(512, np.float32), whole)


def driving(*meshes: np.ndarray, usable: tuple[bool, ...] = ()) -> DrivingMotion:
    """The motion of these meshes; the first one is at rest."""
    return rows.of_meshes(np.stack(meshes), np.array(usable or [True] * len(meshes)), np.ones(len(meshes), np.float32))


def show(
    motion: MotionModel,
    some: Twin,
    track: DrivingMotion,
    frames: list[np.ndarray],
    rows: list[int],
    strength: Strength = Strength(),  # noqa: B008 - frozen
) -> list[Any]:
    """One patch per frame and row, as the pipeline gets them; the first row is the frontal one, on the source."""
    frame = located(SOURCE)[0]
    track = replace(
        track,
        template=motion.observe([frame] * len(track.usable), [track] * len(track.usable), range(len(track.usable))),
    )
    some = motion.prepare(some, track, 0, frame, strength)
    return animate(motion, some, track, frames, rows, strength)


def applied(frame: np.ndarray, patch: Any) -> np.ndarray:
    result = frame.copy()
    height, width = patch.pixels.shape[:2]
    result[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels
    return result


def test_paints_a_new_face_where_the_old_one_was(motion: Any) -> None:
    assert isinstance(motion, MotionModel)
    frame, mesh = located(SOURCE)
    untouched = frame.copy()
    (patch,) = show(motion, twin(), driving(mesh), [frame], [0])
    assert np.array_equal(frame, untouched)
    assert patch.pixels.dtype == np.uint8 and patch.pixels.shape[2] == 3
    assert patch.x % 2 == 0 and patch.y % 2 == 0 and patch.x >= 0 and patch.y >= 0
    assert patch.y + patch.pixels.shape[0] <= frame.shape[0] and patch.x + patch.pixels.shape[1] <= frame.shape[1]
    assert patch.points.shape == (5, 2) and patch.box.shape == (4,)
    face = support.face(SOURCE)
    assert np.abs(patch.points - face.points).max() < 0.25 * face.size
    inside = applied(frame, patch)[mesh[:468, 1].astype(int), mesh[:468, 0].astype(int)]
    assert (inside != frame[mesh[:468, 1].astype(int), mesh[:468, 0].astype(int)]).any(axis=1).mean() > 0.95


def test_what_is_painted_is_a_face_in_that_place(learnt: Any) -> None:
    frame, mesh = located(SOURCE)
    (patch,) = show(learnt, twin(), driving(mesh), [frame], [0])
    found = support.load("detector", "retinaface-mobilenet").detect([applied(frame, patch)])[0][0]
    assert found.score > 0.9 and np.abs(found.points - patch.points).max() < 0.12 * support.face(SOURCE).size


def test_the_new_face_is_farther_from_the_source_than_strangers_are(learnt: Any) -> None:
    frame, mesh = located(SOURCE)
    embedder = support.load("embedder", "facenet")
    (patch,) = show(learnt, twin(), driving(mesh), [frame], [0])
    face = support.face(SOURCE)
    before, after = embedder.embed([frame, applied(frame, patch)], [face, replace(face, points=patch.points)])
    assert 1 - float(before @ after) > calibration("facenet").far_1


def test_the_border_of_a_patch_meets_the_frame(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    (patch,) = show(motion, twin(), driving(mesh), [frame], [0])
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
    some = show(motion, twin(), track, [shifted, frame, frame], [2, 1, 0])
    assert some[1] is None and some[0] is not None and some[2] is not None
    assert some[0].points - some[2].points == pytest.approx(np.tile([6, 0], (5, 1)), abs=0.2)
    (alone,) = show(motion, twin(), track, [frame], [0])
    assert np.abs(alone.pixels.astype(int) - some[2].pixels).max() <= 2


def test_a_face_outside_the_frame_gets_no_patch_and_no_faces_no_patches(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    away = driving(mesh + np.float32([9000, 0, 0]))
    assert show(motion, twin(), away, [frame], [0]) == [None]
    assert show(motion, twin(), driving(mesh), [], []) == []


def test_the_twin_opens_its_mouth_with_the_source(learnt: Any) -> None:
    frame, mesh = located(SOURCE)
    opened = mesh.copy()
    face = support.face(SOURCE)
    below = mesh[:, 1] > mesh[14, 1]
    opened[below, 1] += 0.12 * face.size
    track = driving(mesh, opened)
    landmarker = support.load("landmarker", "mesh")
    gaps = []
    for row in (0, 1):
        (patch,) = show(learnt, twin(), track, [frame], [row])
        seen = replace(face, points=patch.points, box=patch.box)
        gaps.append(geometry.mouth_gap(landmarker.locate([applied(frame, patch)], [seen])[0].points))
    assert gaps[1] > gaps[0] + 0.08


@pytest.mark.parametrize("name", support.names("motion"))
def test_two_threads_get_what_one_gets_from_the_first_call_on(name: str, tmp_path: Path) -> None:
    model = MeshMotion() if name == "mesh" else support.random_motion(name, tmp_path)
    frame, mesh = located(SOURCE)
    some, track = twin(), driving(mesh)
    together = support.on_two_threads(lambda: show(model, some, track, [frame], [0]))
    (alone,) = show(model, some, track, [frame], [0])
    for (patch,) in together:
        assert support.same(patch.points, alone.points)
        assert np.abs(patch.pixels.astype(int) - alone.pixels).max() <= 1


def test_strength_changes_the_shape(motion: Any) -> None:
    frame, mesh = located(SOURCE)
    weak, strong = (
        show(motion, twin(), driving(mesh), [frame], [0], Strength(change=change))[0] for change in (0.3, 1.6)
    )
    assert np.abs(weak.points - strong.points).max() > 0.5
