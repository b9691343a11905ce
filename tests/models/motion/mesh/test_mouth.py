"""The inside of the mouth: lips go dark, teeth and everything outside stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.landmarks import pose, topology
from models.motion.mesh import geometry, mouth

LIP, SKIN, TOOTH, DARK = (110, 100, 190), (130, 160, 210), (205, 215, 225), (25, 20, 35)


def mesh_of(gap: float, side: float = 260.0) -> np.ndarray:
    shape = pose.mean_face().copy()
    shape[geometry.LIP_COLUMNS[:, 0]] -= np.float32([0, gap / 2, 0])
    shape[geometry.LIP_COLUMNS[:, 1]] += np.float32([0, gap / 2, 0])
    return (shape * side + np.float32([200, 160, 0])).astype(np.float32)


def drawn(mesh: np.ndarray, inside: tuple[int, int, int]) -> np.ndarray:
    """A face of plain skin and lips whose opening is filled up to three quarters of its height, the rest is lip."""
    frame = np.full((400, 400, 3), SKIN, np.uint8)
    cv2.fillPoly(frame, [mesh[list(topology.OUTER_LIPS), :2].round().astype(np.int32)], LIP)
    rim = mesh[list(topology.INNER_LIPS), :2]
    real = rim + np.float32([0, 1]) * 0.25 * (rim[:, 1].mean() - rim[:, 1:])
    cv2.fillPoly(frame, [real.round().astype(np.int32)], inside)
    return frame


def middle(mesh: np.ndarray, share: float) -> tuple[int, int]:
    """Row and column of a point on the face's axis: 0 at the upper inner rim, 1 at the lower one."""
    x, y = mesh[13, :2] + share * (mesh[14, :2] - mesh[13, :2])
    return round(float(y)), round(float(x))


@pytest.mark.parametrize("inside", [TOOTH, DARK])
def test_lips_inside_the_rim_go_dark_and_what_is_between_them_stays(inside: tuple[int, int, int]) -> None:
    mesh = mesh_of(0.2)
    frame = drawn(mesh, inside)
    untouched = frame.copy()
    result = mouth.without_lips(frame, mesh)
    assert np.array_equal(frame, untouched)
    for share in (0.05, 0.95):
        assert tuple(frame[middle(mesh, share)]) == LIP
        assert int(result[middle(mesh, share)].max()) < 0.55 * max(LIP)
    assert np.abs(result[middle(mesh, 0.5)].astype(int) - inside).max() <= 12


def test_nothing_outside_the_mouth_changes() -> None:
    mesh = mesh_of(0.2)
    frame = drawn(mesh, TOOTH)
    changed = (mouth.without_lips(frame, mesh) != frame).any(axis=2)
    rows, columns = np.nonzero(changed)
    rim = mesh[list(topology.INNER_LIPS), :2]
    assert changed.any()
    assert columns.min() >= rim[:, 0].min() - 4 and columns.max() <= rim[:, 0].max() + 4
    assert rows.min() >= rim[:, 1].min() - 4 and rows.max() <= rim[:, 1].max() + 4


@pytest.mark.parametrize("place", [(5000.0, 0.0), (-5000.0, -5000.0), (0.0, 262.0)])
def test_a_mouth_outside_the_frame_is_left_alone(place: tuple[float, float]) -> None:
    frame = drawn(mesh_of(0.2), DARK)
    away = mesh_of(0.2) + np.float32([*place, 0])
    assert np.array_equal(mouth.without_lips(frame, away), frame)


def test_a_mouth_of_a_few_pixels_is_left_alone() -> None:
    frame = drawn(mesh_of(0.2), DARK)
    assert mouth.without_lips(frame, mesh_of(0.2, side=8.0)) is frame
