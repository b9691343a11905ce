"""The closed lids of a twin whose picture has its eyes open."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.landmarks import topology
from models.motion.mesh.eyes import EYES, Eye
from models.motion.mesh.lids import Lids, _membrane
from models.motion.mesh.raster import Region
from tests.models.motion.mesh.test_eyes import LOWER, UPPER, face

SIDE = 400
WHOLE = Region(0, 0, SIDE, SIDE)
SKIN = (120, 150, 190)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A flat face with white eyeballs, black irises and dark upper rims."""
    mesh = face()
    image = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    for ring, iris in EYES:
        rim = np.round(mesh[list(ring), :2]).astype(np.int32)
        cv2.fillPoly(image, [rim], (245, 245, 245))
        cv2.circle(image, tuple(int(v) for v in mesh[iris[0], :2]), 5, (0, 0, 0), -1)
        cv2.polylines(image, [np.round(mesh[[ring[0], *reversed(ring[8:])], :2]).astype(np.int32)], False, (20,) * 3, 2)
    return image


def drawn(picture: np.ndarray, lids: float) -> np.ndarray:
    """The picture itself as the painted region, its lids closed to a share."""
    image = picture.copy()
    Lids.of(picture, face()).draw(image, WHOLE, face(lids=lids), 1.0)
    return image


def eye_patch(image: np.ndarray, which: int = 0) -> np.ndarray:
    ring = face()[list(EYES[which][0]), :2]
    (x0, y0), (x1, y1) = ring.min(axis=0).astype(int), ring.max(axis=0).astype(int)
    return image[y0 - 2 : y1 + 3, x0 : x1 + 1]


def test_open_eyes_are_left_alone(picture: np.ndarray) -> None:
    assert np.array_equal(drawn(picture, 1.0), picture)
    assert np.array_equal(drawn(picture, 1.3), picture)


@pytest.mark.parametrize("which", [0, 1])
def test_a_closed_eye_shows_skin_and_one_dark_line(picture: np.ndarray, which: int) -> None:
    patch = cv2.cvtColor(eye_patch(drawn(picture, 0.0), which), cv2.COLOR_BGR2GRAY).astype(int)
    skin = int(cv2.cvtColor(np.uint8([[SKIN]]), cv2.COLOR_BGR2GRAY)[0, 0])
    assert patch.max() <= 1.1 * skin + 12, "white of the eye shows"
    middle = patch[:, patch.shape[1] // 4 : -patch.shape[1] // 4]
    assert (middle.min(axis=0) < 0.8 * skin).all(), "no lashes"
    assert ((middle < 0.8 * skin).sum(axis=0) <= 5).all(), "more than a line is dark"


def test_only_the_eyes_change(picture: np.ndarray) -> None:
    changed = np.abs(drawn(picture, 0.0).astype(int) - picture).max(axis=2) > 0
    ys, xs = np.nonzero(changed)
    places = np.stack([xs, ys], axis=-1).astype(np.float32)
    near = [np.abs(Eye.of(face(), *eye).place(places) - np.float32([0.5, 0])).max(axis=1) < 0.8 for eye in EYES]
    assert changed.any() and np.any(near, axis=0).all()


def test_the_eyeball_disappears_little_by_little(picture: np.ndarray) -> None:
    bright = [int((eye_patch(drawn(picture, lids)) > 230).all(axis=2).sum()) for lids in (1.0, 0.7, 0.5, 0.3, 0.0)]
    assert bright == sorted(bright, reverse=True) and bright[0] > 0 and bright[-1] == 0


def test_one_eye_can_close_alone(picture: np.ndarray) -> None:
    target = face()
    closed = face(lids=0.0)
    left = [i for i in LOWER + UPPER if i in topology.LEFT_EYE]
    target[left] = closed[left]
    image = picture.copy()
    Lids.of(picture, face()).draw(image, WHOLE, target, 1.0)
    assert not np.array_equal(eye_patch(image, 0), eye_patch(picture, 0))
    assert np.array_equal(eye_patch(image, 1), eye_patch(picture, 1))


@pytest.mark.parametrize("region", [Region(150, 100, 60, 80), Region(0, 0, 60, 60), Region(180, 150, 220, 250)])
def test_a_region_shows_what_the_whole_frame_shows_there(picture: np.ndarray, region: Region) -> None:
    """Also where the region cuts an eye, or holds none."""
    part = region.cut(picture).copy()
    Lids.of(picture, face()).draw(part, region, face(lids=0.0), 1.0)
    assert np.abs(part.astype(int) - region.cut(drawn(picture, 0.0))).max() <= 8


def test_a_gradient_goes_on_over_a_hole() -> None:
    ramp = np.broadcast_to(np.linspace(50, 200, 96, dtype=np.float32)[None, :, None], (64, 96, 3))
    hole = np.zeros((64, 96), np.uint8)
    hole[16:48, 24:72] = 255
    broken = np.where(hole[..., None] > 0, 0, ramp).astype(np.float32)
    filled = _membrane(broken, hole)
    assert np.abs(filled - ramp)[hole > 0].max() < 12
    assert np.array_equal(filled[hole == 0], broken[hole == 0])


def test_a_closed_lid_is_brightest_over_the_eyeball_and_folds_above() -> None:
    mesh = face()
    shut = cv2.cvtColor(Lids.of(np.full((SIDE, SIDE, 3), 128, np.uint8), mesh).levels[0], cv2.COLOR_BGR2GRAY)
    for ring, iris in EYES:
        eye = Eye.of(mesh, ring, iris)
        column = np.stack([np.full(200, 0.5), np.linspace(-0.45, 0.35, 200)], axis=-1).astype(np.float32)
        x, y = np.round(eye.back(column)).astype(int).T
        values = shut[y, x].astype(int)
        assert values.max() > 134 and values.min() < 118 and values.argmin() < values.argmax()
    assert (shut[:20] == 128).all()


def test_a_picture_smaller_than_an_eye_is_no_error() -> None:
    mesh = face() / 100
    Lids.of(np.full((4, 4, 3), 90, np.uint8), mesh)
