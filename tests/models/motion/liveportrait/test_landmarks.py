"""LivePortrait's 203 landmarks: where they are looked for, and crops that are fitted to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from infra.errors import WeightsError
from infra.settings import HardFrames, MotionCrop
from models.interfaces.twins import Strength
from models.motion import crop
from models.motion.liveportrait.backend import LivePortraitMotion
from models.motion.liveportrait.keypoints import PACKED
from models.motion.liveportrait.landmarks import Landmarks203
from tests.models.motion.mesh.test_reenact import FRAME, driving, mesh, twin
from tests.reference import released, rule

SHARES = rule.uniform("203 shares", (1, 406), 0.3, 0.7)


def network_file(folder: Path, outputs: int = 3) -> Path:
    """A network with the interface of the released one: its answer is SHARES plus a hundredth of the mean pixel."""
    picture = ops.parameter([1, 3, 224, 224], np.float32, name="input")
    mean = ops.reduce_mean(picture, np.array([1, 2, 3]), keep_dims=False)
    answer = ops.add(ops.constant(SHARES), ops.multiply(mean, ops.constant(np.float32(0.01))))
    results = [ops.result(ops.constant(np.zeros((1, 2), np.float32))) for _ in range(outputs - 1)]
    path = folder / f"landmarks-{outputs}.xml"
    ov.save_model(ov.Model([*results, ops.result(answer)], [picture], "landmarks"), path, compress_to_fp16=False)
    return path


def model_in(folder: Path, **options: Any) -> LivePortraitMotion:
    files = released.liveportrait(folder, released.SMALL)
    return LivePortraitMotion(HardFrames.REDACT, files=files, sizes=released.SMALL, **options)


def fitted(folder: Path) -> LivePortraitMotion:
    return model_in(folder, motion_crop=MotionCrop.LANDMARKS, landmarks=network_file(folder))


def test_points_lie_where_the_network_sees_them_in_its_crop(tmp_path: Path) -> None:
    finder = Landmarks203(network_file(tmp_path))
    grey = np.full((480, 640, 3), 100, np.uint8)
    points = finder.locate([grey, grey], [mesh(x=300), mesh(x=260)])
    assert points.shape == (2, 203, 2) and points.dtype == np.float32
    to_crop, _ = crop.matrices(crop.square(mesh(x=300), crop.LANDMARKS), crop.LANDMARKS)
    seen = crop.map_points(to_crop, points[0]) / 224
    assert np.abs(seen - (SHARES.reshape(203, 2) + 0.01 * 100 / 255)).max() < 0.002
    assert points[0] - points[1] == pytest.approx(np.tile([40, 0], (203, 1)), abs=0.3)


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not LivePortrait's landmark network"):
        Landmarks203(network_file(tmp_path, outputs=1))
    with pytest.raises(WeightsError, match="does not exist"):
        Landmarks203(tmp_path / "none.onnx")


def test_crops_follow_the_landmarks_and_what_is_drawn_goes_back_there(tmp_path: Path) -> None:
    model, plain = fitted(tmp_path), model_in(tmp_path)
    assert model.columns == PACKED + 4 and plain.columns == PACKED
    track = driving([mesh(), mesh(x=140)])
    read = model.observe([FRAME, FRAME], [track, track], [0, 1])
    assert np.isfinite(read).all()
    points = Landmarks203(network_file(tmp_path)).locate([FRAME], [track.meshes[1]])[0]
    wanted = crop.square(points, crop.SOURCE)
    found = crop.placed(read[1, PACKED:], crop.square(track.meshes[1], crop.SOURCE))
    assert found.size == pytest.approx(wanted.size, rel=0.02) and np.abs(found.centre - wanted.centre).max() < 1.0
    # Another crop is another picture, so what the network reads differs.
    assert np.abs(read[:, :PACKED] - plain.observe([FRAME, FRAME], [track, track], [0, 1])).max() > 1e-4
    track = replace(track, template=read)
    known = model.prepare(twin(), track, 0, FRAME, Strength())
    shown = model.animate(known, track, [0, 1], Strength())
    assert all(one is not None and one.to_frame.shape == (3, 3) for one in shown)
    to_frame = crop.matrices(found, crop.SOURCE)[1]
    assert np.abs(shown[1].to_frame - to_frame).max() < 0.01


def test_a_row_whose_landmarks_are_no_numbers_is_hard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted(tmp_path)
    monkeypatch.setattr(model._locator, "locate", lambda frames, meshes: np.full((len(frames), 203, 2), np.nan))
    track = driving([mesh()])
    track = replace(track, template=model.observe([FRAME], [track], [0]))
    assert model.within_limits(track).tolist() == [False]
    known = model.prepare(twin(), track, 0, FRAME, Strength())
    assert model.animate(known, track, [0], Strength()) == [None]


def test_a_square_is_found_again_wherever_its_base_is_moved_to() -> None:
    base, other = crop.square(mesh(), crop.SOURCE), crop.square(mesh(yaw=20, x=170), crop.SOURCE)
    lies = crop.relative(other, base)
    again = crop.placed(lies, base)
    assert np.allclose([*again.centre, again.size, again.angle], [*other.centre, other.size, other.angle])
    assert np.allclose(crop.relative(base, base), 0)
