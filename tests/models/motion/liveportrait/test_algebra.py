"""LivePortrait's key points: motions, ratios, small networks, and what may be asked for against the original."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from models.landmarks import pose, topology
from models.motion.liveportrait import driving, keypoints, ratios
from models.motion.liveportrait.driving import Options
from models.motion.liveportrait.keypoints import Motion
from models.motion.liveportrait.retargeting import WIDTHS, Retargeting
from tests.reference import rule

STORED = Path(__file__).resolve().parents[3] / "reference" / "liveportrait"
GOLDEN = dict(np.load(STORED / "pipeline.npz"))
OFFERED = {
    "A_anonnet_default": Options(),
    # The original's other way to scale an expression; the two are equal by construction.
    "B_pose_friendly": Options(),
    "E_no_stitching": Options(stitching=False),
    "F_eye_lip_retarget_relative": Options(eye_retargeting=True, lip_retargeting=True),
    "H_eye_retarget_no_stitch": Options(eye_retargeting=True, stitching=False),
}
"""The configurations of the original that can be asked for here; the others drive pictures, videos or regions."""
OF_203 = ((6, 18, 0, 12), (30, 42, 24, 36), (90, 102, 48, 66))
"""The gaps of eyes and lips among LivePortrait's own landmarks."""
angle = st.floats(-180.0, 180.0)
Floats = NDArray[np.float32]


@lru_cache(maxsize=1)
def networks() -> Retargeting:
    listed = json.loads((STORED / "manifest_modules.json").read_text(encoding="utf-8"))
    return Retargeting(
        {name: {k: torch.from_numpy(v) for k, v in rule.state_dict(name, listed[name]).items()} for name in WIDTHS}
    )


def template(name: str) -> Motion:
    part = {key: GOLDEN[f"template_{name}__{key}"] for key in ("scale", "R", "exp", "t", "kp", "c_eyes", "c_lip")}
    return Motion(part["scale"], part["R"], part["exp"], part["t"], part["kp"], part["c_eyes"], part["c_lip"])


def picture() -> Motion:
    """The source picture's motion, from the raw outputs of the heads."""
    heads = {key: GOLDEN[f"source_info__{key}"] for key in ("kp", "scale", "t", "exp")}
    heads |= {key: GOLDEN[f"source_logits__{key}"] for key in ("pitch", "yaw", "roll")}
    return keypoints.motion_of(heads, GOLDEN["source_c_eyes"], GOLDEN["source_c_lip"])


def worst(found: Floats, expected: Floats) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found.astype(np.float64) - expected.astype(np.float64)).max())


def random_motion(seed: int, count: int, known: bool = True) -> Motion:
    dice = np.random.default_rng(seed)
    angles = dice.uniform(-30, 30, (3, count))
    parts = (
        dice.uniform(1.1, 1.7, (count, 1)), keypoints.rotation_matrix(*angles), dice.normal(0, 0.02, (count, 21, 3)),
        dice.uniform(-0.3, 0.3, (count, 3)), np.repeat(dice.normal(0, 0.3, (1, 21, 3)), count, axis=0),
        dice.uniform(0.1, 0.5, (count, 2)), dice.uniform(0.0, 0.4, (count, 1)),
    )  # fmt: skip
    made = Motion(*(part.astype(np.float32) for part in parts))
    return made if known else dataclasses.replace(made, eyes=made.eyes * np.nan, lip=made.lip * np.nan)


def driven(source: Motion, driver: Motion, options: Options, reference: int = 0) -> tuple[Floats, Floats]:
    return driving.drive(source, driver, driver.take([reference]), options, networks())


def test_every_configuration_agrees_with_the_original() -> None:
    errors = {}
    for name, options in OFFERED.items():
        x_s, x_d = driven(picture(), template("drive"), options)
        assert len(x_d) == 5 and x_s.dtype == x_d.dtype == np.float32
        errors[name] = worst(x_s, GOLDEN[f"{name}__x_s"]), worst(x_d, GOLDEN[f"{name}__x_d"])
    print(f"\n{'configuration':32} {'x_s':>9} {'x_d':>9}")
    for name, (first, second) in errors.items():
        print(f"{name:32} {first:9.1e} {second:9.1e}")
    assert max(max(pair) for pair in errors.values()) < 2e-6


def test_degrees_and_rotations_agree_with_the_original() -> None:
    found = keypoints.degrees_of(rule.uniform("lp_pose_logits", (4, 66), -4, 4))
    assert worst(found, GOLDEN["pose_degrees"]) < 2e-5
    assert worst(keypoints.degrees_of(GOLDEN["pose_degrees"][:, None]), GOLDEN["pose_degrees"]) == 0
    assert worst(keypoints.rotation_matrix(*GOLDEN["angles_pyr"].T), GOLDEN["angles_R"]) < 2e-7
    for name in ("pitch", "yaw", "roll"):
        found = keypoints.degrees_of(GOLDEN[f"source_logits__{name}"])
        assert worst(found, GOLDEN[f"source_info__{name}"][:, 0]) < 2e-5
    with pytest.raises(ValueError, match="logits"):
        keypoints.degrees_of(np.zeros((2, 65)))


def test_transform_agrees_with_the_original() -> None:
    assert worst(picture().rotation, GOLDEN["source__R"]) < 5e-7
    assert worst(keypoints.transform(picture()), GOLDEN["source__x_s"]) < 1e-6
    heads = {"kp": np.zeros((2, 63)), "exp": np.zeros((2, 63)), "t": np.zeros((2, 3)), "scale": np.ones((2, 1))}
    heads |= {name: np.zeros((2, 1)) for name in ("pitch", "yaw", "roll")}
    assert np.isnan(keypoints.motion_of(heads).eyes).all() and np.isnan(keypoints.motion_of(heads).lip).all()
    for name in ("drive", "source_video"):
        assert worst(keypoints.transform(template(name)), GOLDEN[f"template_{name}__x_s"]) < 5e-7


def test_ratios_agree_with_the_original() -> None:
    points = {
        "source": rule.landmarks("lp_lmk203_src", 203, 165, 150, 60, 0.1)[None],
        "template_drive_": np.stack([rule.landmarks(f"lp_lmk203_drv_{i}", 203, 128, 128, 70, -0.05) for i in range(5)]),
        "template_source_video_": GOLDEN["source_video_lmk203_in_crop256"],
    }
    for name, given_points in points.items():
        eyes, lip = ratios._measure(given_points, 203, OF_203)
        assert worst(eyes, GOLDEN[f"{name}_c_eyes"]) < 1e-6 and worst(lip, GOLDEN[f"{name}_c_lip"]) < 1e-6


def test_networks_agree_with_the_original() -> None:
    x_s, source, driver = GOLDEN["source__x_s"], picture(), template("drive")
    combined = np.concatenate([source.eyes, driver.eyes[1:2, :1]], axis=1)
    assert worst(combined, GOLDEN["combined_eye_frame1"]) == 0
    assert worst(np.concatenate([source.lip, driver.lip[1:2]], axis=1), GOLDEN["combined_lip_frame1"]) == 0
    found = networks().eye_delta(x_s, source.eyes, driver.eyes[1:2, 0])
    assert worst(found, GOLDEN["eye_delta_frame1"]) < 1e-7
    assert worst(networks().lip_delta(x_s, source.lip, driver.lip[1:2]), GOLDEN["lip_delta_frame1"]) < 1e-7
    x_d = rule.uniform("lp_kp_driving", (1, 21, 3), -0.6, 0.6)
    found = networks().stitch(x_s, x_d)
    assert worst(found, GOLDEN["stitched"]) < 5e-7
    raw = GOLDEN["stitch_raw"]
    assert worst(found[..., 2] - x_d[..., 2], raw[:, :63].reshape(1, 21, 3)[..., 2]) < 1e-7


def test_networks_take_the_released_layout_and_stay_in_float32() -> None:
    names = {"stitching": "retarget_shoulder", "eye": "retarget_eye", "lip": "retarget_mouth"}
    states = {name: networks()._stacks[name].state_dict() for name in WIDTHS}
    stored = {names[name]: {f"module.{key}": value for key, value in states[name].items()} for name in WIDTHS}
    loaded = Retargeting.from_released(stored | {"else": {}}, "file.pth")
    source = random_motion(1, 3)
    x_s = keypoints.transform(source)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loaded.eye_delta(x_s, source.eyes, 0.3)
    assert np.array_equal(found, networks().eye_delta(x_s, source.eyes, 0.3))
    rows = [networks().eye_delta(x_s[i : i + 1], source.eyes[i : i + 1], 0.3) for i in range(3)]
    assert worst(found, np.concatenate(rows)) < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(angle, angle, angle), min_size=1, max_size=4))
def test_rotations_are_rotations(angles: list[tuple[float, float, float]]) -> None:
    pitch, yaw, roll = np.array(angles).T
    found = keypoints.rotation_matrix(pitch, yaw, roll)
    assert np.abs(found @ np.swapaxes(found, 1, 2) - np.eye(3)).max() < 1e-6
    assert np.abs(np.linalg.det(found) - 1).max() < 1e-6
    # scipy's extrinsic x, y, z is Rz @ Ry @ Rx; ours multiplies rows.
    columns = Rotation.from_euler("xyz", np.array(angles), degrees=True).as_matrix()
    assert np.abs(np.swapaxes(found, 1, 2) - columns).max() < 1e-6


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5), st.booleans())
def test_packing_is_undone_by_unpacking(seed: int, count: int, known: bool) -> None:
    made = random_motion(seed, count, known)
    rows = keypoints.pack(made)
    assert rows.shape == (count, keypoints.PACKED) == (count, 142) and rows.dtype == np.float32
    found = keypoints.unpack(rows)
    for field in dataclasses.fields(Motion):
        assert np.array_equal(getattr(found, field.name), getattr(made, field.name), equal_nan=True)


def test_rows_are_taken_in_the_order_asked_for() -> None:
    made = random_motion(3, 5)
    found = made.take(np.array([4, 0, 4]))
    assert len(found) == 3 and np.array_equal(found.shift, made.shift[[4, 0, 4]])
    with pytest.raises(ValueError, match="142"):
        keypoints.unpack(np.zeros((1, 141), np.float32))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3))
def test_a_frame_against_itself_leaves_the_source(seed: int, row: int) -> None:
    source, driver = random_motion(seed, 1), random_motion(seed + 1, 4)
    x_s, x_d = driving.drive(source, driver, driver.take([row]), Options(stitching=False), None)
    assert np.abs(x_d[row] - x_s[row]).max() < 2e-6
    assert np.abs(x_d[row - 1] - x_s[row - 1]).max() > 1e-4


def test_any_frame_may_be_the_reference() -> None:
    source, driver = random_motion(5, 1), random_motion(6, 6)
    reordered = driver.take([3, 0, 1, 2, 4, 5])
    other = driven(source, driver, Options(), reference=3)[1]
    expected = driven(source, reordered, Options())[1]
    assert worst(other[[3, 0, 1, 2, 4, 5]], expected) < 2e-6


def test_unknown_ratios_leave_their_rows_uncorrected() -> None:
    source, driver = random_motion(9, 1), random_motion(10, 3)
    eyes = driver.eyes.copy()
    eyes[1] = np.nan
    chosen = Options(eye_retargeting=True, stitching=False)
    x_s, x_d = driven(source, dataclasses.replace(driver, eyes=eyes), chosen)
    assert np.array_equal(x_d[1], x_s[1]) and np.abs(x_d[[0, 2]] - x_s[[0, 2]]).max(axis=(1, 2)).min() > 1e-4
    chosen = Options(lip_retargeting=True, stitching=False)
    x_s, x_d = driven(random_motion(9, 1, known=False), driver, chosen)
    assert np.array_equal(x_d, x_s)


def test_what_does_not_fit_together_is_refused() -> None:
    source, driver = random_motion(11, 1), random_motion(12, 3)
    for first, reference in ((source, driver), (driver, driver.take([0]))):
        with pytest.raises(ValueError, match="one row each"):
            driving.drive(first, driver, reference, Options(), networks())
    for chosen in (Options(), Options(lip_retargeting=True, stitching=False)):
        with pytest.raises(ValueError, match="networks"):
            driving.drive(source, driver, driver.take([0]), chosen, None)


def test_mesh_ratios_follow_lids_and_lips_alone() -> None:
    rest = pose.mean_face()
    shut = rest.copy()
    left = list(topology.LEFT_EYE)
    shut[left[12]] = shut[left[4]]
    agape = rest.copy()
    agape[14, 1] += 0.2
    turned = 7.0 * rest @ Rotation.from_euler("z", 30, degrees=True).as_matrix().T.astype(np.float32)
    eyes, lip = ratios.from_meshes(np.stack([rest, shut, agape, turned]))
    assert eyes[0].min() > 0.15 and lip[2, 0] > lip[0, 0] + 0.1
    assert eyes[1, 0] == 0 and eyes[1, 1] == eyes[0, 1]
    assert np.abs(eyes[3] - eyes[0]).max() < 1e-4 and abs(lip[3, 0] - lip[0, 0]) < 1e-4
    with pytest.raises(ValueError, match="478"):
        ratios.from_meshes(rest[None, :203])
