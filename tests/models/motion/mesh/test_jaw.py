"""The source's frame without the edge of its beard."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.landmarks import topology
from models.motion.mesh import jaw
from tests.models.motion.mesh.test_eyes import face

SIDE = 400
SKIN, BEARD, WALL = (120, 150, 190), (30, 35, 45), (200, 200, 200)
MESH = face()
OUTLINE = MESH[list(topology.OVAL), :2]


def mask(grow: float) -> np.ndarray:
    """The face's outline, grown by a share of its width."""
    centre = OUTLINE.mean(axis=0)
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(drawn, [np.round(centre + (1 + 2 * grow) * (OUTLINE - centre)).astype(np.int32)], 1)
    return drawn > 0


def picture(bearded: bool) -> np.ndarray:
    """A face before a wall; with a beard that reaches 3 % of the face's width beyond its outline."""
    image = np.full((SIDE, SIDE, 3), WALL, np.uint8)
    low = np.arange(SIDE)[:, None] > MESH[[132, 361], 1].mean() + 15
    image[mask(0.0)] = SKIN
    if bearded:
        image[mask(0.03) & ~mask(-0.12) & low] = BEARD
    return image


def edge() -> np.ndarray:
    """Where the beard lies outside the outline, the start of the jaw left out."""
    return mask(0.03) & ~mask(0.005) & (np.arange(SIDE)[:, None] > MESH[[132, 361], 1].mean() + 30)


def test_the_edge_of_a_beard_takes_the_colour_beyond_it() -> None:
    image = picture(bearded=True)
    result = jaw.without_beard(image, MESH)
    assert (image[edge()] == BEARD).all(axis=1).mean() > 0.95
    assert np.abs(result[edge()].astype(int) - WALL).max(axis=1).mean() < 25
    assert (result[edge()].mean(axis=1) > 120).mean() > 0.97


def test_nothing_but_a_band_along_the_jaw_changes() -> None:
    image = picture(bearded=True)
    before = image.copy()
    changed = (jaw.without_beard(image, MESH) != image).any(axis=2)
    assert changed.any() and np.array_equal(image, before)
    assert not (changed & ~mask(0.16)).any() and not (changed & mask(-0.08)).any()
    assert not changed[: int(MESH[[132, 361], 1].mean()) - 8].any()


def test_a_face_without_a_beard_is_left_alone() -> None:
    image = picture(bearded=False)
    assert jaw.without_beard(image, MESH) is image


@pytest.mark.parametrize("shift", [(-260, 0), (230, 0), (0, 260), (-900, 40), (0, -700)])
def test_a_face_cut_by_the_frame_is_no_error(shift: tuple[int, int]) -> None:
    mesh = (MESH + np.float32([*shift, 0])).astype(np.float32)
    assert jaw.without_beard(picture(bearded=True), mesh).shape == (SIDE, SIDE, 3)


def test_a_face_too_small_to_tell_is_left_alone() -> None:
    image = picture(bearded=True)
    assert jaw.without_beard(image, MESH * 0.05) is image
