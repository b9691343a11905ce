"""Shape algebra of the mesh: alignment, steadying, neutral shape, the twin's shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.landmarks import pose, topology
from models.motion.mesh import geometry

REST = pose.mean_face()
LOWER = [i for ring in (topology.LEFT_EYE, topology.RIGHT_EYE) for i in ring[1:8]]
UPPER = [i for ring in (topology.LEFT_EYE, topology.RIGHT_EYE) for i in reversed(ring[9:16])]
LIPS = geometry.LIP_COLUMNS.ravel().tolist()
OTHERS = np.setdiff1d(np.arange(478), LOWER + UPPER + LIPS)
angle = st.floats(-3.0, 3.0)
place = st.floats(-2000.0, 2000.0)


def shaped(lids: float = 1.0, mouth: float = 0.0, width: float = 1.0) -> np.ndarray:
    """The mean face with its lids at a share of their opening, its lips `mouth` apart, and another width."""
    shape = REST.astype(np.float64).copy()
    middle, half = (shape[UPPER] + shape[LOWER]) / 2, (shape[UPPER] - shape[LOWER]) / 2
    shape[UPPER], shape[LOWER] = middle + lids * half, middle - lids * half
    shape[13, 1] -= mouth / 2
    shape[14, 1] += mouth / 2
    shape[:, 0] *= width
    return shape.astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 50.0), angle, angle, angle, place, place)
def test_align_recovers_a_similarity(scale: float, a: float, b: float, c: float, x: float, y: float) -> None:
    rotation = Rotation.from_rotvec([a, b, c]).as_matrix().astype(np.float32)
    made = geometry.Similarity(scale, rotation, np.array([x, y, 7.0], np.float32))
    found = geometry.align(REST, made.apply(REST))
    assert found.scale == pytest.approx(scale, rel=2e-3)
    assert np.abs(found.rotation - rotation).max() < 5e-3
    assert np.abs(found.apply(REST) - made.apply(REST)).max() < 2e-3 * (scale + 1)
    assert np.abs(found.invert(found.apply(REST)) - REST).max() < 2e-3 * (1 + (abs(x) + abs(y)) / scale / 100)


def test_align_never_mirrors() -> None:
    mirrored = REST * np.float32([-1, 1, 1])
    assert np.linalg.det(geometry.align(REST, mirrored).rotation) == pytest.approx(1.0, abs=1e-4)


def test_align_stable_does_not_see_the_mouth_open() -> None:
    made = geometry.Similarity(80.0, Rotation.from_euler("y", 20, degrees=True).as_matrix(), np.float32([50, 60, 0]))
    found = geometry.align_stable(made.apply(shaped(mouth=0.3)), REST)
    assert found.scale == pytest.approx(80.0, rel=1e-4) and np.abs(found.rotation - made.rotation).max() < 1e-4


def test_canonical_shapes_posed_again_are_the_meshes() -> None:
    turns = Rotation.from_euler("xyz", [[0, 10, 0], [5, -20, 8]], degrees=True).as_matrix()
    meshes = np.stack([geometry.Similarity(60.0 + 9 * i, t, np.float32([9, 4, 2])).apply(shaped(mouth=0.1 * i))
                       for i, t in enumerate(turns)])  # fmt: skip
    shapes, poses = geometry.canonical(meshes, REST)
    for mesh, shape, placed in zip(meshes, shapes, poses, strict=True):
        assert np.abs(placed.apply(shape) - mesh).max() < 1e-3
    assert geometry.mouth_gap(shapes[1]) > geometry.mouth_gap(shapes[0]) + 0.05


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.floats(0.2, 5.0))
def test_steady_keeps_a_constant(count: int, noise: float) -> None:
    meshes = np.repeat((REST * 100)[None], count, axis=0)
    assert np.allclose(geometry.steady(meshes, noise), meshes, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.floats(12.0, 400.0))
def test_steady_has_no_lag_on_a_step(when: int, height: float) -> None:
    meshes = np.repeat((REST * 100)[None], 10, axis=0)
    meshes[when:] += np.float32([height, -height, 0])
    assert np.abs(geometry.steady(meshes, noise=1.5) - meshes).max() < 1e-3


def test_steady_takes_jitter_out_and_favours_neither_direction_of_time() -> None:
    rng = np.random.default_rng(1)
    still = np.repeat((REST * 100)[None], 40, axis=0)
    meshes = (still + rng.normal(0, 0.4, still.shape)).astype(np.float32)
    calm = geometry.steady(meshes, noise=1.2)
    assert (calm - still)[..., :2].std() < 0.75 * (meshes - still)[..., :2].std()
    assert np.allclose(geometry.steady(meshes[::-1].copy(), 1.2)[::-1], calm, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 300.0), angle, place)
def test_openings_do_not_depend_on_place_size_or_roll(scale: float, roll: float, x: float) -> None:
    shape = shaped(lids=0.7, mouth=0.12)
    turned = geometry.Similarity(scale, Rotation.from_rotvec([0, 0, roll]).as_matrix(), np.float32([x, -x, 0]))
    moved = turned.apply(shape)
    assert geometry.mouth_gap(moved) == pytest.approx(geometry.mouth_gap(shape), abs=5e-3)
    assert np.abs(geometry.lid_gaps(moved) - geometry.lid_gaps(shape)).max() < 5e-3


@pytest.mark.parametrize("order", [1, -1])
def test_neutral_is_taken_from_frames_with_closed_mouth_and_open_eyes(order: int) -> None:
    rng = np.random.default_rng(2)
    talking = [shaped(mouth=0.2 + 0.1 * rng.random()) for _ in range(20)]
    blinking = [shaped(lids=0.1 + 0.1 * rng.random(), mouth=0.01 * rng.random()) for _ in range(4)]
    resting = [shaped(lids=1 + 0.02 * rng.random(), mouth=0.01 * rng.random()) for _ in range(20)]
    shapes = np.stack([*talking, *blinking, *resting])[::order]
    activity = np.concatenate([rng.uniform(0.3, 0.6, 24), rng.uniform(0, 0.05, 20)])[::order]
    # Blendshapes tell of activity beyond those of a face at rest, which nothing has to be taken out of.
    _, calm = geometry._expression()
    blendshapes = calm + np.where(activity < 0.1, 0.0, activity)[:, None]
    rest = geometry.neutral(shapes, blendshapes.astype(np.float32))
    assert geometry.mouth_gap(rest) == pytest.approx(geometry.mouth_gap(REST), abs=0.012)
    assert np.abs(geometry.lid_gaps(rest) - geometry.lid_gaps(REST)).max() < 0.012


@pytest.mark.parametrize("change", [0.0, 1.0, 1.6])
def test_a_closed_eye_of_the_source_closes_the_twins_eye(change: float) -> None:
    twin = shaped(lids=1.5, width=1.1)
    series = np.stack([shaped(lids=share) for share in (1.0, 0.6, 0.24, 0.05)])
    gaps = np.stack([geometry.lid_gaps(s) for s in geometry.twin_shapes(series, REST, twin, change)])
    open_eye = geometry.lid_gaps((REST + change * (twin - REST)).astype(np.float32))
    assert np.allclose(gaps[0], open_eye, atol=1e-3)
    assert (np.diff(gaps[:3], axis=0) < -0.02).all()
    assert gaps[2:].max() < 0.01


def test_change_zero_keeps_the_source_and_one_takes_the_twin() -> None:
    twin, series = shaped(width=1.2), np.stack([shaped(mouth=m) for m in (0.0, 0.2)])
    assert np.allclose(geometry.twin_shapes(series, REST, twin, 0.0)[:, OTHERS], series[:, OTHERS], atol=1e-5)
    taken = geometry.twin_shapes(series, REST, twin, 1.0)
    assert np.allclose(taken[0][OTHERS], twin[OTHERS], atol=1e-5)
    moved, wanted = taken[1] - taken[0], series[1] - series[0]
    assert np.allclose(moved[OTHERS], wanted[OTHERS], atol=1e-5)


@pytest.mark.parametrize("change", [0.0, 1.0, 1.6])
@pytest.mark.parametrize("parted", [0.0, 0.04])
def test_the_twins_lips_are_as_far_apart_as_the_sources(change: float, parted: float) -> None:
    rest, twin = shaped(mouth=parted), shaped(mouth=0.005, width=1.1)
    series = np.stack([shaped(mouth=m) for m in (0.0, 0.05, 0.2)])
    made = geometry.twin_shapes(series, rest, twin, change)
    wanted = series[:, 14, 1] - series[:, 13, 1]
    assert np.allclose(made[:, 14, 1] - made[:, 13, 1], wanted, atol=1e-4)
    assert (np.diff([geometry.mouth_gap(shape) for shape in made]) > 0.02).all()


def test_parting_lips_keeps_their_thickness_the_mouths_width_and_everything_else() -> None:
    columns = geometry.LIP_COLUMNS
    slanted = shaped(mouth=0.06)
    slanted[14, 0] += 0.05
    wide = geometry.part_lips(REST, slanted)
    others = np.setdiff1d(np.arange(478), columns.ravel())
    assert np.array_equal(wide[others], REST[others]) and np.array_equal(wide[:, 0], REST[:, 0])
    moved = wide[columns] - REST[columns]
    assert np.abs(moved[4, 0, :, 1] + 0.03).max() < 1e-5 and np.abs(moved[4, 1, :, 1] - 0.03).max() < 1e-5
    assert np.allclose(moved, moved[:, :, :1], atol=1e-6)


def test_lip_columns_run_from_the_inner_rim_outwards_over_the_whole_mouth() -> None:
    columns = geometry.LIP_COLUMNS
    heights = REST[columns][..., 1]
    assert (np.diff(heights[:, 0], axis=1) < 0).all() and (np.diff(heights[:, 1], axis=1) > 0).all()
    assert (np.diff(REST[columns[:, :, 0], 0], axis=0) > 0).all()
    assert set(columns[:, :, 0].ravel()) | {78, 308} == set(topology.INNER_LIPS)
    assert set(columns[:, :, 3].ravel()) | {61, 291} == set(topology.OUTER_LIPS)


def test_the_real_opening_is_narrower_and_a_closed_mouth_stays_closed() -> None:
    opened = geometry.real_opening(shaped(mouth=0.2))
    gap, given_gap = geometry.mouth_gap(opened), geometry.mouth_gap(shaped(mouth=0.2))
    assert 0.8 * given_gap < gap < 0.95 * given_gap
    closed = shaped()
    closed[geometry.LIP_COLUMNS[:, 0, 0]] = closed[geometry.LIP_COLUMNS[:, 1, 0]]
    assert np.array_equal(geometry.real_opening(closed), closed)
