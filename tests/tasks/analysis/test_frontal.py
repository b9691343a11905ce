"""Which frame of a track is the most frontal."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.landmarks import topology
from tasks.analysis import frontal
from tasks.records import Track
from tests.tasks import support


def turned(yaw: list[float], pitch: list[float] | None = None) -> Track:
    angles = np.zeros((len(yaw), 3), np.float32)
    angles[:, 1] = yaw
    angles[:, 0] = pitch or 0
    return replace(support.track(n=len(yaw)), angles=angles)


def shut(mesh: np.ndarray) -> np.ndarray:
    result = mesh.copy()
    for ring in (topology.LEFT_EYE, topology.RIGHT_EYE):
        result[list(reversed(ring[9:16]))] = result[list(ring[1:8])]
    return result


def test_the_least_turned_frames_are_candidates() -> None:
    track = turned([30, 20, 4, 3, 12, 25])
    assert sorted(frontal.candidates(track, support.WIDTH, support.HEIGHT)) == [2, 3]


def test_pitch_counts_from_the_tracks_own_zero() -> None:
    track = turned([0, 0, 0, 0, 8], pitch=[8, 8, 8, 8, 0])
    assert frontal.turns(track)[0] == 0 and frontal.turns(track)[4] == 16
    steep = turned([0] * 5, pitch=[30] * 5)
    assert frontal.turns(steep).min() == 20


def test_frames_without_a_mesh_or_outside_the_picture_never_serve() -> None:
    track = turned([0, 5, 9])
    blind = replace(track, presence=np.float32([0, 1, 1]), mesh=track.mesh.copy())
    blind.mesh[0] = np.nan
    assert frontal.candidates(blind, support.WIDTH, support.HEIGHT) == [1]
    # Frame 1 has half of the face outside.
    blind.mesh[1, :, 0] -= blind.mesh[1, 1, 0]
    assert frontal.candidates(blind, support.WIDTH, support.HEIGHT) == [2]
    nothing = replace(track, presence=np.zeros(3, np.float32))
    assert frontal.candidates(nothing, support.WIDTH, support.HEIGHT) == []


def test_an_angle_that_is_no_number_never_serves() -> None:
    assert frontal.candidates(turned([np.nan, 9, np.nan]), support.WIDTH, support.HEIGHT) == [1]


def test_no_more_candidates_than_asked_and_open_eyes_first() -> None:
    track = turned([0.0] * 30)
    for row in range(0, 30, 2):
        track.mesh[row] = shut(track.mesh[row])
    chosen = frontal.candidates(track, support.WIDTH, support.HEIGHT, most=4)
    assert len(chosen) == 4 and all(row % 2 for row in chosen)


def test_ties_go_to_the_sharper_picture_and_then_to_open_eyes() -> None:
    sharp, mesh = support.noise(1)[0], support.mesh(160, 120, 90)
    soft = cv2.GaussianBlur(sharp, (0, 0), 3)
    assert frontal.sharpness(sharp, mesh) > 3 * frontal.sharpness(soft, mesh)
    assert frontal.choose([soft, sharp, soft], [mesh] * 3) == 1
    assert frontal.choose([sharp, sharp], [shut(mesh), mesh]) == 1
    assert frontal.sharpness(sharp, support.mesh(-500, -500, 90)) == 0.0
