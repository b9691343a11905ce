"""Fitting, suppression, alignment, vectors and calibration: the arithmetic under the backends."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from infra.errors import WeightsError
from models.detection.geometry import fit, suppress
from models.embedding import calibration
from models.embedding.vectors import distances, unit
from models.interfaces.capabilities import Face
from models.runtime import align
from models.selection import profiles

RNG = np.random.default_rng(7)


def _slow_suppress(boxes: Any, scores: Any, overlap: float) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
        for other in kept:
            a, b = boxes[index], boxes[other]
            wide = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
            high = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
            union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
            if wide * high / union > overlap:
                break
        else:
            kept.append(index)
    return kept


@pytest.mark.parametrize("overlap", [0.1, 0.4, 0.7])
def test_suppression_equals_the_obvious_one(overlap: float) -> None:
    corners = RNG.uniform(0, 100, (80, 2))
    boxes = np.concatenate([corners, corners + RNG.uniform(5, 60, (80, 2))], axis=1).astype(np.float32)
    scores = RNG.uniform(size=80).astype(np.float32)
    assert suppress(boxes, scores, overlap).tolist() == _slow_suppress(boxes, scores, overlap)


def test_suppression_of_nothing_is_nothing() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.4).shape == (0,)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1080, 1920), (384, 640)), ((1920, 1080), (640, 384)), ((500, 600), (512, 608)), ((100, 200), (320, 640)),
     ((1, 1), (640, 640)), ((7, 3000), (32, 640))],
)  # fmt: skip
def test_frames_are_fitted_to_the_network(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 200, np.uint8)
    fitted = fit(frame, 640, 480)
    assert fitted.image.shape == (*expected, 3)
    assert fitted.image[0, 0].tolist() == [200, 200, 200]
    inner = round(shape[0] * fitted.scale_y), round(shape[1] * fitted.scale_x)
    assert not fitted.image[inner[0] :].any() and not fitted.image[:, inner[1] :].any()


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.8])
def test_similarity_finds_a_known_motion(angle: float) -> None:
    points = RNG.normal(size=(5, 2)) * 30
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = align.similarity(points, points @ turn.T + [5, -9], np.array([1, 2, 3, 1, 0.5], np.float32))
    assert np.allclose(matrix, np.concatenate([turn, [[5], [-9]]], axis=1), atol=1e-6)


def test_similarity_never_mirrors_and_survives_one_point() -> None:
    points = RNG.normal(size=(5, 2))
    matrix = align.similarity(points, points * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0
    assert np.allclose(align.similarity(np.ones((5, 2)), np.full((5, 2), 4.0)), [[1, 0, 3], [0, 1, 3]])


@pytest.mark.parametrize("scale", [1, 2, 5, 9])
def test_a_chip_shows_the_same_content_at_any_size(scale: int) -> None:
    y, x = np.mgrid[0 : 120 * scale, 0 : 120 * scale] / scale
    wave = (127 + 100 * np.sin(x / 9) * np.cos(y / 11)).astype(np.uint8)
    frame = np.repeat(wave[..., None], 3, axis=2)
    middle = (scale - 1) / 2
    matrix = np.array([[1 / scale, 0, -20 - middle / scale + middle / scale], [0, 1 / scale, -30]])
    matrix[:, 2] -= middle / scale
    chip = align.cut(frame, matrix, 64)
    yy, xx = np.mgrid[30:94, 20:84]
    expected = 127 + 100 * np.sin(xx / 9) * np.cos(yy / 11)
    assert np.abs(chip[2:-2, 2:-2, 0].astype(float) - expected[2:-2, 2:-2]).max() < 14


def test_a_square_takes_the_box_with_its_margin_and_black_beyond() -> None:
    frame = np.full((50, 50, 3), 255, np.uint8)
    face = Face(np.array([30, 10, 50, 30], np.float32), 1.0, np.zeros((5, 2), np.float32))
    assert align.square(frame, face, 0.0, 20).min() == 255
    chip = align.square(frame, face, 1.0, 40)
    assert chip[:, :29].min() == 255 and chip[:, 31:].max() == 0


def test_unit_rows_and_their_distances() -> None:
    rows = unit(np.array([[3, 4, 0], [0, 0, 0], [-3, -4, 0]], np.float32))
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert np.allclose(distances(rows[:1], rows)[0], [0, 0.4, 2], atol=1e-6)


@pytest.mark.parametrize("name", profiles.BACKENDS["embedder"])
def test_every_embedder_is_calibrated_for_its_weights(name: str) -> None:
    figures = calibration.calibration(name)
    if not figures.measured:
        assert 0 < figures.far_1 < figures.eer_distance < 1
        return
    assert 0 < figures.far_01 < figures.far_1 < 1
    assert 0 <= figures.frr_1 <= figures.frr_01 <= 1 and 0 <= figures.eer < 0.1
    counted = json.loads(calibration.FILE.read_text(encoding="utf-8"))["counts"]
    assert counted["pairs_of_real_people"] >= 1000 and counted["people_with_several_pictures"] >= 10


def test_a_calibration_for_other_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    calibration.calibration.cache_clear()
    monkeypatch.setattr(profiles, "digest", lambda capability, name: "other")
    with pytest.raises(WeightsError, match="other weights"):
        calibration.calibration("facenet")
    with pytest.raises(WeightsError, match="not calibrated"):
        calibration.calibration("nobody")
