"""The dense warp field: identity, movement, what stays still, openings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.landmarks import pose, topology
from models.motion.mesh import geometry, raster

REST = pose.mean_face()
WIDTH, HEIGHT = 320, 240
NOSE_TIP = 1


def placed(x: float = 160, y: float = 120, side: float = 90, shape: np.ndarray = REST) -> np.ndarray:
    return (shape * side / float(np.ptp(REST[:, 1])) + np.float32([x, y, 0])).astype(np.float32)


def field_of(target: np.ndarray, source: np.ndarray, twin: np.ndarray, cells: int = 400) -> raster.WarpField:
    region = raster.region_of(target, source, WIDTH, HEIGHT)
    assert region is not None
    return raster.warp_field(target, source, twin, region, cells)


def grid(region: raster.Region) -> np.ndarray:
    ys, xs = np.mgrid[0 : region.height, 0 : region.width].astype(np.float32)
    return np.stack([xs + region.x, ys + region.y], axis=-1)


@settings(max_examples=20, deadline=None)
@given(st.floats(90, 230), st.floats(80, 160), st.floats(40, 110))
def test_an_identity_mesh_gives_an_identity_map(x: float, y: float, side: float) -> None:
    mesh = placed(x, y, side)
    field = field_of(mesh, mesh, mesh)
    assert field.source.shape[:2] == (field.region.height, field.region.width)
    away = np.abs(field.source - grid(field.region)).max(axis=2)
    twin_away = np.abs(field.twin - grid(field.region)).max(axis=2)[field.face]
    # Cells on the edge of a sliver take the nearest point inside it, hence the small rest.
    for distances in (away[field.face], twin_away):
        assert distances.mean() < 0.25 and np.quantile(distances, 0.98) < 1.1
    assert away[~field.face].max() < 1.5


def test_a_coarse_grid_still_points_at_the_right_places() -> None:
    mesh = placed()
    field = field_of(mesh, mesh, mesh, cells=60)
    away = np.abs(raster.enlarge(field.source, field.region) - grid(field.region))[6:-6, 6:-6]
    assert away.mean() < 0.1 * field.step[0] and np.quantile(away, 0.98) < 0.7 * field.step[0]


def test_a_moved_face_points_back_to_where_it_was_and_the_rim_stays() -> None:
    source, target = placed(), placed(x=166, y=117)
    field = field_of(target, source, placed(64, 64, 100))
    nose = np.round(target[NOSE_TIP, :2]).astype(int) - (field.region.x, field.region.y)
    assert np.abs(field.source[nose[1], nose[0]] - source[NOSE_TIP, :2]).max() < 1.5
    twin_nose = placed(64, 64, 100)[NOSE_TIP, :2]
    assert np.abs(field.twin[nose[1], nose[0]] - twin_nose).max() < 2.0
    border = np.ones(field.face.shape, bool)
    border[2:-2, 2:-2] = False
    assert np.abs(field.source - grid(field.region))[border].max() < 1e-3


@settings(max_examples=40, deadline=None)
@given(st.floats(-400, 700), st.floats(-400, 700), st.floats(5, 300))
def test_regions_lie_in_the_frame_and_begin_on_even_pixels(x: float, y: float, side: float) -> None:
    region = raster.region_of(placed(x, y, side), placed(x + 3, y, side), WIDTH, HEIGHT)
    if region is None:
        assert side < 10 or not (0 < x < WIDTH and 0 < y < HEIGHT)
        return
    assert region.x % 2 == 0 and region.y % 2 == 0 and min(region.width, region.height) >= 8
    assert region.x >= 0 and region.x + region.width <= WIDTH
    assert region.y >= 0 and region.y + region.height <= HEIGHT


def test_cut_is_a_view_of_the_region() -> None:
    frame = np.zeros((20, 30, 3), np.uint8)
    raster.Region(4, 6, 8, 10).cut(frame)[:] = 7
    assert frame[6:16, 4:12].min() == 7 and int(frame.astype(int).sum()) == 7 * 8 * 10 * 3


def test_mouth_and_eyes_are_parts_of_the_face_and_close() -> None:
    still = field_of(placed(), placed(), placed())
    assert not (still.mouth & still.eyes).any() and not ((still.mouth | still.eyes) & ~still.face).any()
    assert still.eyes.sum() > 20
    lids = REST.copy()
    for ring in (topology.LEFT_EYE, topology.RIGHT_EYE):
        lower, upper = list(ring[1:8]), list(reversed(ring[9:16]))
        lids[lower] = lids[upper] = (REST[lower] + REST[upper]) / 2
    closed = geometry.twin_shapes(lids[None], REST, REST, 1.3)[0]
    shut = field_of(placed(shape=closed), placed(shape=lids), placed())
    assert shut.eyes.sum() < 0.1 * still.eyes.sum()


def test_the_nearer_side_of_a_turned_face_covers_the_farther_one() -> None:
    turn = np.deg2rad(60)
    matrix = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]], np.float32)
    target = placed(shape=REST @ matrix.T)
    field = field_of(target, target, placed(64, 64, 100))
    # Where the near cheek is drawn, the twin's picture must be sampled on the same cheek.
    near = 280 if target[280, 2] < target[50, 2] else 50
    spot = np.round(target[near, :2]).astype(int) - (field.region.x, field.region.y)
    wanted = placed(64, 64, 100)[near, :2]
    assert np.abs(field.twin[spot[1], spot[0]] - wanted).max() < 4.0


def test_enlarging_invents_no_places_across_a_tear() -> None:
    places = np.zeros((8, 8, 2), np.float32)
    places[:, 4:] = 100.0
    full, torn = raster.enlarge_places(places, raster.Region(0, 0, 64, 64), tear=5.0)
    assert set(np.unique(full)) <= {0.0, 100.0}
    assert torn.any() and not torn[:, :20].any()
    smooth = raster.enlarge(places, raster.Region(0, 0, 64, 64))
    assert ((smooth > 20) & (smooth < 80)).any()


@pytest.mark.parametrize("cells", [40, 168])
def test_field_never_exceeds_the_asked_resolution(cells: int) -> None:
    field = field_of(placed(), placed(), placed(), cells)
    assert max(field.face.shape) <= cells
