"""What lies behind a generated face is never painted as a part of it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.landmarks import pose, topology
from models.motion import backdrop
from tests.contracts import support as contracts

SIDE = 512
SKIN, WALL, HAIR = (110, 140, 190), (250, 250, 250), (20, 30, 40)


def face() -> NDArray[np.float32]:
    flat = pose.mean_face()
    return (flat * 240 / float(np.ptp(flat[:, 0])) + (SIDE / 2, SIDE / 2, 0)).astype(np.float32)


def scene(narrower: float, hair: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """(picture, labels, mesh): a face whose skin ends `narrower` pixels inside the mesh's outline, before a wall."""
    labels_of = contracts.load("parser", "bisenet").labels
    mesh = face()
    outline = mesh[list(topology.OVAL), :2]
    centre = outline.mean(axis=0)
    wide = np.ptp(outline[:, 0]) / 2
    skin = np.zeros((SIDE, SIDE), np.uint8)
    shrunk = centre + (outline - centre) * (1 - narrower / wide)
    cv2.fillPoly(skin, [np.round(shrunk).astype(np.int32)], 1)
    picture = np.where(skin[..., None] > 0, np.array(SKIN), np.array(WALL)).astype(np.uint8)
    labels = np.where(skin > 0, labels_of.index("skin"), labels_of.index("background")).astype(np.uint8)
    if hair:
        picture[: SIDE // 3], labels[: SIDE // 3] = HAIR, labels_of.index("hair")
    return picture, labels, mesh


def inside(mesh: NDArray[np.float32]) -> NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(mesh[list(topology.OVAL), :2]).astype(np.int32)], 1)
    return mask > 0


def test_a_wall_inside_the_outline_becomes_skin() -> None:
    picture, labels, mesh = scene(14)
    parser = contracts.load("parser", "bisenet")
    assert (picture[inside(mesh)] == WALL).all(axis=1).mean() > 0.1
    result = backdrop.without_backdrop(picture, mesh, labels, parser)
    assert np.abs(result[inside(mesh)].astype(int) - SKIN).max() <= 12
    eyes = int(mesh[[33, 263], 1].max())
    beside = cv2.dilate(inside(mesh).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
    assert np.abs(result[eyes + 2 :][beside[eyes + 2 :]].astype(int) - SKIN).max() <= 12, "a turned head shows that"
    above = eyes - 8
    assert np.array_equal(result[:above][~beside[:above]], picture[:above][~beside[:above]])
    far = cv2.dilate(inside(mesh).astype(np.uint8), np.ones((113, 113), np.uint8)) == 0
    assert np.array_equal(result[far], picture[far])


def test_hair_inside_the_outline_stays() -> None:
    picture, labels, mesh = scene(14, hair=True)
    result = backdrop.without_backdrop(picture, mesh, labels, contracts.load("parser", "bisenet"))
    deep = inside(mesh)
    deep[SIDE // 3 - 16 :] = False
    assert deep.any() and np.array_equal(result[deep], picture[deep])


def test_a_face_that_fills_its_outline_is_left_alone() -> None:
    picture, labels, mesh = scene(-40)
    assert backdrop.without_backdrop(picture, mesh, labels, contracts.load("parser", "bisenet")) is picture


def test_without_skin_nothing_is_made_up() -> None:
    picture, labels, mesh = scene(14)
    labels[:] = 0
    assert backdrop.without_backdrop(picture, mesh, labels, contracts.load("parser", "bisenet")) is picture
