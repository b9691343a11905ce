"""Painting: the twin inside, the frame outside, light from the frame, the mouth's inside from the frame."""

from __future__ import annotations

import cv2
import numpy as np

from models.landmarks import topology
from models.motion.mesh import raster, render, sampling
from tests.models.motion.mesh.test_raster import HEIGHT, WIDTH, field_of, placed

SKIN = np.full((240, 320), 255, np.uint8)


def soft_noise(seed: int, level: float = 128, spread: float = 40, sigma: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), sigma)
    return np.clip(level + spread * noise / noise.std(), 0, 255).astype(np.uint8)


Painting = tuple[np.ndarray, raster.WarpField]


def paint(frame: np.ndarray, picture: np.ndarray, target: np.ndarray | None = None) -> Painting:
    mesh = placed()
    field = field_of(mesh if target is None else target, mesh, mesh)
    return render.paint(frame, sampling.pyramid(picture), SKIN, field), field


def deep(field: raster.WarpField) -> np.ndarray:
    """The face without its edge and its openings."""
    inner = cv2.erode(field.face.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return inner & ~(cv2.dilate((field.mouth | field.eyes).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)


def test_a_picture_painted_onto_itself_is_itself() -> None:
    picture = soft_noise(1, sigma=4.0)
    painted, field = paint(picture, picture)
    difference = cv2.absdiff(painted, field.region.cut(picture))
    assert difference.mean() < 1.0 and np.quantile(difference, 0.99) < 8


def test_nothing_beyond_the_ring_changes_by_a_bit() -> None:
    frame, twin = soft_noise(1), soft_noise(2)
    painted, field = paint(frame, twin, placed(x=163, side=96))
    changed = (painted != field.region.cut(frame)).any(axis=2)
    assert changed.any()
    assert not changed[:1].any() and not changed[-1:].any() and not changed[:, :1].any() and not changed[:, -1:].any()


def test_no_detail_of_the_source_is_left_inside_the_face() -> None:
    twin = soft_noise(9, sigma=2.0)
    one, field = paint(soft_noise(1), twin)
    other, _ = paint(soft_noise(2), twin)
    inside = deep(field)
    assert inside.sum() > 1500
    kept = np.corrcoef(one[inside].ravel(), field.region.cut(soft_noise(1))[inside].ravel())[0, 1]
    shown = np.corrcoef(one[inside].ravel(), field.region.cut(twin)[inside].ravel())[0, 1]
    assert abs(kept) < 0.15 and shown > 0.9
    assert np.abs(one.astype(int) - other)[inside].mean() < 8


def test_the_twin_takes_the_frames_light_and_tone() -> None:
    frame = np.full((HEIGHT, WIDTH, 3), (60, 80, 110), np.uint8)
    frame[:, WIDTH // 2 :] = (90, 120, 165)
    painted, field = paint(frame, np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    inside, middle = deep(field), WIDTH // 2 - field.region.x
    left, right = inside.copy(), inside.copy()
    left[:, middle - 12 :] = False
    right[:, : middle + 12] = False
    dark, bright = painted[left].mean(axis=0), painted[right].mean(axis=0)
    assert np.abs(painted[inside].mean(axis=0) - field.region.cut(frame)[inside].mean(axis=0)).max() < 5
    # Only low frequencies are taken over, so a hard edge of light comes back soft but on the same side.
    assert (bright - dark > 0.3 * np.array([30, 40, 55])).all()


def test_an_open_mouth_shows_the_frame() -> None:
    mesh = placed(side=140)
    below = mesh[:, 1] > mesh[[78, 308], 1].max() + 0.05
    mesh[below, 1] += 14
    frame = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    spot = mesh[list(topology.INNER_LIPS), :2].mean(axis=0).round().astype(int)
    frame[spot[1] - 3 : spot[1] + 4, spot[0] - 8 : spot[0] + 9] = (10, 10, 250)
    region = raster.region_of(mesh, mesh, WIDTH, HEIGHT)
    assert region is not None
    field = raster.warp_field(mesh, mesh, mesh, region)
    painted = render.paint(frame, sampling.pyramid(np.full((HEIGHT, WIDTH, 3), 150, np.uint8)), SKIN, field)
    shown = painted[spot[1] - region.y, spot[0] - region.x].astype(int)
    assert shown[2] > 200 and shown[0] < 60


def test_masks_cover_the_whole_face_and_outside_only_bare_skin() -> None:
    field = field_of(placed(), placed(), placed())
    for bare, expected in ((0.0, False), (1.0, True)):
        alpha, skin = render.masks(field, 8.0, np.full(field.face.shape, bare, np.float32))
        inward = render.inward_of(field.face.astype(np.uint8))
        away_from_mouth = cv2.dilate(field.mouth.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
        assert alpha[(inward > 3) & away_from_mouth].min() > 0.99
        outward = cv2.distanceTransform(1 - field.face.astype(np.uint8), cv2.DIST_L2, 3)
        assert bool(alpha[(outward > 4) & (outward < 6)].mean() > 0.1) is expected
        assert alpha[outward > 14].max() < 1e-3
        assert not (skin > 0)[~field.face].any()


def test_pyramid_halves_and_stops_before_nothing_is_left() -> None:
    levels = sampling.pyramid(np.zeros((400, 300, 3), np.uint8), levels=9)
    assert [level.shape[:2] for level in levels] == [(400, 300), (200, 150), (100, 75), (50, 37)]


def test_a_fine_pattern_seen_small_is_grey_and_not_aliased() -> None:
    ys, xs = np.mgrid[0:512, 0:512]
    picture = np.repeat(((xs + ys) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    field = np.stack(np.meshgrid(np.arange(32) * 16.0, np.arange(32) * 16.0), axis=-1).astype(np.float32)
    shrunk = sampling.sample(sampling.pyramid(picture), field, shrink=16)
    assert np.abs(shrunk.astype(int) - 128).max() <= 2
    assert set(np.unique(sampling.sample(sampling.pyramid(picture), field, shrink=1))) == {0}


def test_light_brings_the_twin_to_the_frames_mean_without_burning_out() -> None:
    whole = np.ones((60, 60), np.float32)
    dark, bright = (np.full((60, 60, 3), v, np.uint8) for v in (40, 120))
    for frame, twin in ((dark, bright), (bright, dark), (bright, bright)):
        lights = render.light_of(frame, twin, whole, 8.0)
        assert lights.shape == (60, 60, 6)
        assert np.allclose(twin * lights[..., :3] + lights[..., 3:], frame, atol=0.5)
    # Darkening scales contrast down with the light; brightening raises it by four fifths at most.
    assert render.light_of(dark, bright, whole, 8.0)[..., :3].max() < 0.5
    assert render.light_of(bright, dark, whole, 8.0)[..., :3].max() <= 1.8 + 1e-6


def test_light_is_not_measured_on_a_beard_or_on_a_cup() -> None:
    measured = np.ones((20, 20), np.float32)
    twin = np.full((20, 20, 3), (120, 150, 200), np.uint8)
    twin[12:] = 40
    weight = render.plain(twin, measured)
    assert (weight[:12] == 1).all() and (weight[12:] < 0.05).all()
    frame = np.full((20, 20, 3), (110, 130, 170), np.uint8)
    frame[12:] = (30, 30, 220)
    assert (render.uncovered(frame, measured)[:12] == 1).all() and (render.uncovered(frame, measured)[12:] == 0).all()
    # Nothing is left out when hardly anything has the median hue.
    many = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    assert (render.uncovered(many, measured) == 1).all()
