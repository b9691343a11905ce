"""LivePortrait's image geometry against the original's arrays, and the crop from this project's mesh.

Pictures cut with the original's matrices must agree exactly: OpenCV 4.14 gives the bits of 4.10, 5.0 does not (the
project pins OpenCV below 5). Our matrices are computed in float64 and differ by what float32 costs the original.
OpenCV rounds places to a 32nd of a pixel, so that the last bit of a matrix sends a few pixels to the next 32nd; on the
test pictures, which are noise, such a pixel changes by up to 255/32 grey levels. The last bit of one entry of the
original's own matrix changes as many.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.landmarks import pose, topology
from models.motion import crop
from models.motion.liveportrait.networks.network import LivePortrait
from tests.reference import rule

STORED = Path(__file__).resolve().parents[3] / "reference" / "liveportrait"
GOLDEN = dict(np.load(STORED / "crop.npz"))
WHOLE = dict(np.load(STORED / "end_to_end.npz"))
ORIGINAL = 2e-4
"""Pixels; float32 against float64 in the matrices."""
LEVELS, SHARE = 8, 0.01
"""Grey levels and share of pixels that a matrix's last bits may change; seen: 6 and 0.0045."""
UPRIGHT = crop.Framing(512, 2.3, -0.125, turned=False)
HEIGHT, WIDTH = 300, 340
IMAGE = rule.image_u8("lp_src_img", HEIGHT, WIDTH)
CASES = {"s106": (106, crop.SOURCE), "s203": (203, crop.SOURCE), "s106_norot": (106, UPRIGHT)}


def landmarks(count: int) -> np.ndarray:
    tag = f"lp_lmk{count}_src" if count in (106, 203) else f"lp_lmk{count}"
    return rule.landmarks(tag, count, 165, 150, 60, 0.1)


def face(size: float, x: float, y: float, roll: float) -> np.ndarray:
    """The mean mesh face, `size` pixels per unit, at (x, y), turned by `roll` radians."""
    cos, sin = np.cos(roll), np.sin(roll)
    mesh = pose.mean_face() @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T * size
    return (mesh + np.array([x, y, 0])).astype(np.float32)


def nearly_equal(found: np.ndarray, expected: np.ndarray) -> bool:
    apart = np.abs(found.astype(int) - expected.astype(int))
    return found.shape == expected.shape and bool(apart.max() <= LEVELS and (apart > 0).mean() <= SHARE)


@pytest.mark.parametrize("name", CASES)
def test_matrices_and_pictures_agree_with_the_original(name: str) -> None:
    count, framing = CASES[name]
    points = landmarks(count)
    to_crop, to_image = crop.matrices(crop.square(points, framing), framing)
    assert to_crop.dtype == to_image.dtype == np.float32
    assert np.abs(to_crop - GOLDEN[f"{name}__M_o2c"]).max() < ORIGINAL
    assert np.abs(to_image - GOLDEN[f"{name}__M_c2o"]).max() < ORIGINAL
    assert np.abs(crop.map_points(to_crop, points) - GOLDEN[f"{name}__pt_crop"]).max() < ORIGINAL
    for matrix, equal in ((GOLDEN[f"{name}__M_o2c"], np.array_equal), (to_crop, nearly_equal)):
        cut = crop.crop_image(IMAGE, matrix, framing.side)
        assert equal(cut[::4, ::4], GOLDEN[f"{name}__crop512"])
        assert equal(crop.shrink(cut)[::2, ::2], GOLDEN[f"{name}__crop256_area"])


def share(to_image: np.ndarray) -> np.ndarray:
    """The crop's share of each pixel of the frame."""
    warped = cv2.warpAffine(crop.border_mask(), to_image[:2], (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=0)
    return (warped.astype(np.float32) / np.float32(255)).astype(np.float32)


@pytest.mark.parametrize("name", CASES)
def test_masks_agree_with_the_original(name: str) -> None:
    assert np.array_equal(share(GOLDEN[f"{name}__M_c2o"])[::2, ::2], GOLDEN[f"{name}__mask_ori"])


def test_the_landmark_crop_agrees_with_the_original() -> None:
    to_crop, _ = crop.matrices(crop.square(landmarks(106), crop.LANDMARKS), crop.LANDMARKS)
    assert np.abs(to_crop - GOLDEN["lmk224__M_o2c"]).max() < ORIGINAL
    for matrix, equal in ((GOLDEN["lmk224__M_o2c"], np.array_equal), (to_crop, nearly_equal)):
        assert equal(crop.crop_image(IMAGE, matrix, 224)[::2, ::2], GOLDEN["lmk224__crop"])


def test_a_whole_frame_agrees_with_the_original() -> None:
    to_crop, to_image = crop.matrices(crop.square(landmarks(106), crop.SOURCE), crop.SOURCE)
    assert np.abs(to_crop - WHOLE["M_o2c"]).max() < ORIGINAL and np.abs(to_image - WHOLE["M_c2o"]).max() < ORIGINAL
    cut = crop.crop_image(IMAGE, WHOLE["M_o2c"], 512)
    assert np.array_equal(crop.shrink(cut), WHOLE["img_crop_256"])
    assert np.array_equal(share(WHOLE["M_c2o"])[::3, ::3], WHOLE["mask_ori"])
    (shown,) = LivePortrait.pictures(torch.from_numpy(WHOLE["out_float"])[None])
    assert np.array_equal(shown[..., ::-1], WHOLE["out_u8"])


@pytest.mark.parametrize("name", ["101", "68", "5", "106", "203", "106_nolip", "203_nolip"])
def test_squares_of_every_landmark_set_agree_with_the_original(name: str) -> None:
    count = int(name.removesuffix("_nolip"))
    framing = crop.SOURCE if count in (106, 203) else crop.LANDMARKS
    found = crop.square(landmarks(count), framing, mouth=not name.endswith("nolip"))
    x, y, width, height, angle = GOLDEN[f"rect{name}"]
    assert np.abs(found.centre - [x, y]).max() < ORIGINAL
    assert [found.size] * 2 == pytest.approx([width, height], abs=ORIGINAL)
    assert found.angle == pytest.approx(angle, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.floats(20, 900), st.floats(-300, 2500), st.floats(-300, 1500), st.floats(-3, 3), st.booleans())
def test_going_back_inverts_going_there(size: float, x: float, y: float, roll: float, turned: bool) -> None:
    framing = crop.SOURCE if turned else UPRIGHT
    mesh = face(size, x, y, roll)
    to_crop, to_image = crop.matrices(crop.square(mesh, framing), framing)
    back = crop.map_points(to_image, crop.map_points(to_crop, mesh[:, :2]))
    assert np.abs(back - mesh[:, :2]).max() < 1e-5 * (size + abs(x) + abs(y)) + 1e-3


@settings(max_examples=40, deadline=None)
@given(st.floats(20, 900), st.floats(-300, 2500), st.floats(-300, 1500), st.floats(-3, 3))
def test_a_mesh_looks_the_same_in_its_crop_wherever_it_is(size: float, x: float, y: float, roll: float) -> None:
    expected = face(1, 0, 0, 0)
    mesh = face(size, x, y, roll)
    placed = [
        crop.map_points(crop.matrices(crop.square(points, crop.SOURCE), crop.SOURCE)[0], points[:, :2])
        for points in (mesh, expected)
    ]
    assert np.abs(placed[0] - placed[1]).max() < 512 * 3e-6 * (1 + (abs(x) + abs(y)) / size) + 0.05
    assert np.abs(crop.square(mesh, crop.SOURCE).angle - roll) < 1e-2


def test_the_mesh_crop_holds_the_face_from_the_brows_down() -> None:
    mesh = face(100, 200, 180, 0.0)
    points = crop.extent(mesh)
    brows = mesh[list(topology.LEFT_BROW + topology.RIGHT_BROW), 1].min()
    assert points[:, 1].min() >= brows - 3 and points[:, 1].max() == mesh[152, 1]
    assert points[:, 0].min() == mesh[[93, 127, 234], 0].min()
    to_crop, _ = crop.matrices(crop.square(mesh, crop.SOURCE), crop.SOURCE)
    placed = crop.map_points(to_crop, mesh[:, :2])
    assert placed.min() > 40 and placed.max() < 472
    height = np.ptp(crop.map_points(to_crop, points.astype(np.float32)), axis=0).max()
    assert height == pytest.approx(512 / 2.3, abs=0.5)


def test_eyes_and_mouth_in_one_place_count_as_upright() -> None:
    points = np.array([[3, 4], [3, 4], [9, 9], [3, 4], [3, 4]], np.float32)
    assert crop.square(points, crop.SOURCE).angle == 0
    with pytest.raises(ValueError, match="17 points"):
        crop.square(np.zeros((17, 2), np.float32), crop.SOURCE)


def test_the_mask_fades_over_its_last_sixteen_pixels() -> None:
    mask = crop.border_mask()
    assert mask.shape == (512, 512) and (mask[16:497, 16:497] == 255).all()
    # Not symmetric: the inner square reaches from pixel 16 to 496, 15 pixels from the last.
    assert mask[0].max() == 0 and mask[511].max() == int(255 * (1 - 15 / 16))
    assert mask[8, 256] == 127 and mask[256, 8] == 127 and mask[4, 4] == 0
    assert mask[15, 15] == int(255 * (1 - np.sqrt(2) / 16))


def test_pictures_are_truncated_to_bytes() -> None:
    values = np.array([-0.5, 0.0, 0.999, 0.9999, 1.0, 3.0], np.float32)
    (shown,) = LivePortrait.pictures(torch.from_numpy(values).expand(1, 3, 1, 6))
    assert shown[0, :, 0].tolist() == [0, 0, 254, 254, 255, 255]
