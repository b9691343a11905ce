"""The twin's eyes: where the lids are sampled, and where its irises lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.landmarks import pose, topology
from models.motion.mesh import eyes, geometry, raster

REST = pose.mean_face()
LOWER = [i for ring in (topology.LEFT_EYE, topology.RIGHT_EYE) for i in ring[1:8]]
UPPER = [i for ring in (topology.LEFT_EYE, topology.RIGHT_EYE) for i in reversed(ring[9:16])]
IRISES = [*topology.LEFT_IRIS, *topology.RIGHT_IRIS]
OTHERS = np.setdiff1d(np.arange(478), LOWER + UPPER)
BOTH = ((topology.LEFT_EYE, topology.LEFT_IRIS), (topology.RIGHT_EYE, topology.RIGHT_IRIS))


def face(gaze: float = 0.0, lids: float = 1.0) -> np.ndarray:
    """The mean face in a 400 x 400 frame, its irises moved by a share of the eye's width and its lids closed to one."""
    shape = REST.copy()
    middle, half = (shape[UPPER] + shape[LOWER]) / 2, (shape[UPPER] - shape[LOWER]) / 2
    shape[UPPER], shape[LOWER] = middle + lids * half, middle - lids * half
    for ring, iris in BOTH:
        shape[list(iris), 0] += gaze * abs(shape[ring[8], 0] - shape[ring[0], 0])
    return (shape * 220 + np.float32([200, 160, 0])).astype(np.float32)


def field_of(target: np.ndarray, source: np.ndarray, texture: np.ndarray) -> raster.WarpField:
    region = raster.region_of(target, source, 400, 400)
    assert region is not None
    return raster.warp_field(target, source, texture, region, cells=400)


def shown_at(field: raster.WarpField, point: np.ndarray) -> np.ndarray:
    """Place of the twin's picture that is shown at a point of the frame."""
    x, y = np.round(point).astype(int) - (field.region.x, field.region.y)
    return field.twin[y, x]


@pytest.mark.parametrize("gaze", [-0.12, 0.0, 0.1])
@pytest.mark.parametrize("own", [-0.08, 0.0])
def test_the_twins_irises_are_drawn_where_the_sources_are(gaze: float, own: float) -> None:
    source, texture, target = face(gaze), face(own), face()
    turned = eyes.turn(field_of(target, source, texture), target, source, texture)
    for _, iris in BOTH:
        assert np.abs(shown_at(turned, source[iris[0], :2]) - texture[iris[0], :2]).max() < 2.0


def test_only_eyes_change_and_corners_and_lids_stay() -> None:
    source, target = face(0.1), face()
    before = field_of(target, source, face())
    after = eyes.turn(before, target, source, face())
    moved = np.abs(after.twin - before.twin).max(axis=2)
    assert moved[~before.eyes].max() == 0 and moved[before.eyes].max() > 3
    assert moved[before.eyes].max() < 0.2 * np.linalg.norm(target[33, :2] - target[133, :2]) + 2
    assert np.array_equal(after.source, before.source)


def test_looking_the_same_way_with_open_lids_changes_nothing() -> None:
    before = field_of(face(), face(), face())
    after = eyes.turn(before, face(), face(), face())
    assert np.abs(after.twin - before.twin)[before.eyes].max() < 1.5


def test_lids_cover_the_eyeball_instead_of_squashing_it() -> None:
    half = face(lids=0.5)
    before = field_of(half, half, face())
    after = eyes.turn(before, half, half, face())
    iris = face()[topology.LEFT_IRIS[0], :2]
    column = round(float(iris[0])) - before.region.x
    heights = [f.twin[:, column, 1][f.eyes[:, column]] for f in (before, after)]
    spans = [float(np.ptp(h[(np.abs(h - iris[1]) < 40)])) for h in heights]
    assert spans[1] < 0.75 * spans[0]


def test_an_eye_outside_the_field_is_left_alone() -> None:
    field = field_of(face(), face(), face())
    blind = replace(field, eyes=np.zeros_like(field.eyes))
    assert np.array_equal(eyes.turn(blind, face(), face(0.1), face()).twin, field.twin)


def test_lids_are_sampled_outside_their_rims_the_more_the_eye_closes() -> None:
    gaps = [geometry.lid_gaps(eyes.open_rims(face(), face(lids=lids))).mean() for lids in (1.0, 0.5, 0.0)]
    own = geometry.lid_gaps(face()).mean()
    assert own < gaps[0] < 1.06 * own and gaps[0] < gaps[1] < gaps[2] < 1.2 * own
    assert np.array_equal(eyes.open_rims(face(), face(lids=0.3))[OTHERS], face()[OTHERS])
