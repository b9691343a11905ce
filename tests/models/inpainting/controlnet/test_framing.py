"""The square that is painted: its place, its size, and that nothing of the face is left under the mask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.inpainting.controlnet import framing
from models.interfaces.capabilities import Floats
from models.landmarks import pose
from models.landmarks.topology import OVAL


def face(scale: float, x: float, y: float) -> Floats:
    """A mesh whose outer eye corners are `scale` pixels apart."""
    return (pose.mean_face() * scale + np.array([x, y, 0])).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.floats(8, 400), st.floats(-50, 500), st.floats(-50, 400), st.integers(40, 640), st.integers(40, 480))
def test_any_face_in_any_frame_gives_a_square_that_fits_the_network(
    scale: float, x: float, y: float, width: int, height: int
) -> None:
    square = framing.cut(np.zeros((height, width, 3), np.uint8), face(scale, x, y), None)
    assert square.picture.shape == (square.side, square.side, 3) and square.side % 8 == 0
    assert framing.LEAST <= square.side <= 616
    box = np.concatenate([square.mesh[:468, :2].min(axis=0), square.mesh[:468, :2].max(axis=0)])
    assert np.abs((box[:2] + box[2:]) / 2 - square.side / 2).max() < 0.05 * square.side
    assert (box[2:] - box[:2]).max() == pytest.approx(square.side / (1 + framing.MARGIN), rel=0.1)


def test_points_stay_on_their_pixels() -> None:
    frame = np.zeros((300, 400, 3), np.uint8)
    mesh = face(90, 200, 150)
    for index in (1, 33, 263):
        cv2.circle(frame, tuple(np.rint(mesh[index, :2]).astype(int).tolist()), 2, (255, 255, 255), -1)
    square = framing.cut(frame, mesh, None)
    for index in (1, 33, 263):
        x, y = np.rint(square.mesh[index, :2]).astype(int)
        around = square.picture[y - 12 : y + 13, x - 12 : x + 13, 0].astype(np.float64)
        rows, columns = np.indices(around.shape)
        middle = np.array([(around * columns).sum(), (around * rows).sum()]) / around.sum()
        assert np.abs(middle - 12).max() < 0.5 * square.side / 300 + 1


def test_the_mask_covers_the_mesh_and_the_new_pixels_all_of_the_face() -> None:
    square = framing.cut(np.zeros((480, 640, 3), np.uint8), face(120, 320, 240), None)
    outline = np.zeros_like(square.mask)
    cv2.fillPoly(outline, [np.rint(square.mesh[list(OVAL), :2]).astype(np.int32)], 255)
    assert (square.mask[outline > 0] == 255).all() and (square.alpha[outline > 0] == 1).all()
    assert (square.alpha[square.mask == 0] == 0).all()
    assert 0 < square.alpha[(square.mask > 0) & (outline == 0)].mean() < 1


class Labels:
    """A parser that calls everything skin."""

    name = "labels"
    labels = ("background", *framing.CLASSES)

    def parse(self, crops: list[framing.Image]) -> list[np.ndarray]:
        return [np.full(crop.shape[:2], 1, np.uint8) for crop in crops]


def test_parsed_skin_counts_on_the_forehead_but_not_on_the_neck() -> None:
    frame, mesh = np.zeros((480, 640, 3), np.uint8), face(120, 320, 240)
    plain, parsed = framing.cut(frame, mesh, None), framing.cut(frame, mesh, Labels())
    assert (parsed.mask[plain.mask > 0] == 255).all()
    grown = np.flatnonzero((parsed.mask > 0).any(axis=1))
    before = np.flatnonzero((plain.mask > 0).any(axis=1))
    assert grown[0] < before[0] - 10 and grown[-1] <= before[-1] + 1


def test_the_hollow_picture_and_the_result_keep_nothing_of_the_face() -> None:
    rng = np.random.default_rng(0)
    mesh = face(120, 320, 240)
    frame = np.full((480, 640, 3), 90, np.uint8)
    outline = np.rint(mesh[list(OVAL), :2]).astype(np.int32)
    cv2.fillPoly(frame, [outline], (0, 0, 255))
    square = framing.cut(frame, mesh, None)
    red = np.array([0, 0, 255])
    assert np.abs(square.picture.astype(int) - red).sum(axis=2).min() < 40
    hollow = square.hollow()
    assert np.abs(hollow.astype(int) - 90).max() <= 8
    painted = rng.integers(0, 60, square.picture.shape).astype(np.uint8)
    result = square.with_face(painted)
    assert np.array_equal(result[square.alpha == 1], painted[square.alpha == 1])
    assert np.array_equal(result[square.mask == 0], square.picture[square.mask == 0])
    assert (np.abs(result.astype(int) - red).sum(axis=2) > 150).all()
