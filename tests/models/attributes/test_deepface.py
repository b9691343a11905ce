"""DeepFace through anonflow: its own numbers, on onnxruntime, in silence, and never from the network."""

from __future__ import annotations

import importlib
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from infra.errors import WeightsError
from models.attributes.deepface_age_gender import DeepFaceAgeGender
from models.attributes.deepface_emotion import DeepFaceEmotion
from models.attributes.deepface_race import DeepFaceRace
from models.embedding import calibration
from models.embedding.vectors import distances
from models.embedding.vgg_face import VggFace
from models.interfaces.capabilities import Face, Image
from models.runtime import align, deepface_networks
from models.runtime.oom_backoff import Most
from models.selection import profiles
from tests.contracts import support
from tests.reference import deepface_files

STILLS = ("people/002_A", "people/007_B", "people/009_C", "synthetic/05")
# What the library itself says of pictures that are faces already.
LIBRARY = """
import sys
import numpy as np
from deepface import DeepFace
from deepface.commons import backend_utils
assert backend_utils.is_onnx()
chips = list(np.load(sys.argv[1]))
same = dict(detector_backend="skip", enforce_detection=False, align=False)
faces = DeepFace.represent(img_path=chips, model_name="VGG-Face", max_faces=None, **same)
found = [DeepFace.analyze(img_path=chip, actions=("age", "gender", "emotion", "race"), silent=True, **same)[0]
         for chip in chips]
np.savez(
    sys.argv[2],
    vectors=[face[0]["embedding"] for face in faces],
    ages=[one["age"] for one in found],
    women=[one["gender"]["Woman"] for one in found],
    **{what: [list(one[what].values()) for one in found] for what in ("emotion", "race")},
    **{f"{what} names": list(found[0][what]) for what in ("emotion", "race")},
)
"""


def _python(code: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    wanted = {**inherited, "PYTHONPATH": str(support.ROOT), **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=wanted)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deepface_files.write(tmp_path_factory.mktemp("deepface"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("something wanted the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def _faces() -> tuple[list[Image], list[Face]]:
    """Real faces as they are found, then places in pictures where nobody is, some of them beyond the edge."""
    frames, faces = [support.still(name) for name in STILLS], [support.face(name) for name in STILLS]
    random = np.random.default_rng(5)
    for name in (*STILLS, "people/017_0"):
        frame = support.still(name)
        corner, size = random.uniform(-20, 200, 2), random.uniform(30, 150, 2)
        points = (corner + random.uniform(0, 1, (5, 2)) * size).astype(np.float32)
        faces.append(Face(np.concatenate([corner, corner + size]).astype(np.float32), 0.9, points))
        frames.append(frame)
    return frames, faces


def test_gives_the_librarys_own_numbers(home: Path, tmp_path: Path) -> None:
    frames, faces = _faces()
    chips = np.stack([deepface_networks.chip(frame, face) for frame, face in zip(frames, faces, strict=True)])
    np.save(tmp_path / "chips.npy", chips)
    environment = {"DEEPFACE_HOME": str(home), "DEEPFACE_BACKEND_ENGINE": "onnx", "ORT_DISABLE_TELEMETRY": "1"}
    done = _python(LIBRARY, tmp_path / "chips.npy", tmp_path / "found.npz", **environment)
    assert done.returncode == 0, done.stderr
    known = np.load(tmp_path / "found.npz")
    assert VggFace(home).embed(frames, faces) == pytest.approx(known["vectors"], abs=1e-6)
    people = DeepFaceAgeGender(home).estimate(frames, faces)
    assert np.array_equal(people[:, 0].astype(int), known["ages"]) and len(set(known["ages"])) > 3
    assert people[:, 1] == pytest.approx(known["women"] / 100, abs=1e-6)
    said = {"sad": "sadness", "angry": "anger", "surprise": "surprised"}
    assert tuple(said.get(name, name) for name in known["emotion names"]) == DeepFaceEmotion.labels
    assert DeepFaceEmotion(home).estimate(frames, faces) == pytest.approx(known["emotion"] / 100, abs=1e-6)
    assert tuple(known["race names"]) == DeepFaceRace.labels
    assert DeepFaceRace(home).estimate(frames, faces) == pytest.approx(known["race"] / 100, abs=1e-6)


@pytest.mark.parametrize("turned", [0.0, 21.0, -37.0])
def test_a_chip_is_what_the_library_cuts_after_a_detection(turned: float) -> None:
    detection = importlib.import_module("deepface.modules.detection")
    preprocessing = importlib.import_module("deepface.modules.preprocessing")
    for name in STILLS:
        frame, face = support.still(name), support.face(name)
        height, width = frame.shape[:2]
        turn = cv2.getRotationMatrix2D([float(v) for v in (face.box[:2] + face.box[2:]) / 2], turned, 1.0)
        frame = cv2.warpAffine(frame, turn, (width, height))
        points = (face.points @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
        box = np.round(face.box)
        # Eyes are named from the person's side there, and the picture gets a border of half its size.
        border = (int(0.5 * width), int(0.5 * height))
        wide = cv2.copyMakeBorder(frame, border[1], border[1], border[0], border[0], cv2.BORDER_CONSTANT)
        x, y, right, below = (int(v) for v in box)
        eyes = [tuple(int(v) for v in np.round(points[k]) + border) for k in (1, 0)]
        area = detection.FacialAreaRegion(
            x + border[0], y + border[1], right - x, below - y, left_eye=eyes[0], right_eye=eyes[1], confidence=0.9
        )
        found = detection.extract_face(
            area, wide, align=True, expand_percentage=0, width_border=border[0], height_border=border[1],
            detector_backend="skip",
        )  # fmt: skip
        expected = preprocessing.resize_image(found.img, (224, 224))[0] * 255
        chip = deepface_networks.chip(frame, Face(box, 0.9, points)).astype(np.float32)
        # They sample differently, and round the eyes to whole pixels.
        assert np.corrcoef(chip.ravel(), expected.ravel())[0, 1] > 0.985
        assert abs(float((chip - expected).mean())) < 1.5
        shown = [np.flatnonzero(picture.max(axis=(0, 2)) > 12)[[0, -1]] for picture in (chip, expected)]
        assert np.abs(shown[0] - shown[1]).max() <= 2 or turned


def test_several_at_once_are_as_good_as_one_by_one(home: Path) -> None:
    """As on a card."""
    frames, faces = _faces()
    for weight in deepface_networks.NETWORKS:
        network = deepface_networks.Network(weight, home)
        alone = network.run(frames, faces)
        network._most = Most(4)
        assert network.run(frames, faces) == pytest.approx(alone, abs=1e-4)


BACKENDS: list[Callable[..., Any]] = [VggFace, DeepFaceAgeGender, DeepFaceEmotion, DeepFaceRace]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_missing_file_is_an_error_and_nothing_is_fetched_or_made(
    backend: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None
) -> None:
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("DEEPFACE_HOME", str(tmp_path / "elsewhere"))
    for options in ({}, {"home": tmp_path / "home"}):
        with pytest.raises(WeightsError, match="missing"):
            backend(**options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["age_model_weights.onnx", "gender_model_weights.onnx"])
def test_one_of_two_files_is_not_enough(file: str, tmp_path: Path, offline: None) -> None:
    with pytest.raises(WeightsError, match="missing"):
        DeepFaceAgeGender(deepface_files.write(tmp_path, only=(file,)))


def test_the_library_can_fetch_nothing_by_itself_either(
    home: Path, monkeypatch: pytest.MonkeyPatch, offline: None
) -> None:
    monkeypatch.setenv("DEEPFACE_HOME", str(home))
    build = importlib.import_module("deepface.modules.modeling").build_model
    for task, model in (("facial_recognition", "Facenet"), ("facial_attribute", "Age"), ("face_detector", "yunet")):
        with pytest.raises(WeightsError):
            build(task, model)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    file = deepface_files.write(tmp_path) / ".deepface" / "weights" / "race_model_single_batch.onnx"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="race_model_single_batch"):
        DeepFaceRace(tmp_path)


def test_two_homes_stay_apart(home: Path, tmp_path: Path) -> None:
    frames, faces = _faces()
    first = VggFace(home).embed(frames, faces)
    other = VggFace(deepface_files.write(tmp_path, seed=1))
    assert not np.allclose(other.embed(frames, faces), first, atol=0.01)
    assert np.array_equal(VggFace(home).embed(frames, faces), first)


def test_a_process_that_uses_it_stays_as_it_was(home: Path, tmp_path: Path) -> None:
    """No other engine, no output, no file, no setting changed; and nothing of it before it is asked for.

    onnxruntime's telemetry, were it on, would keep a database in the user's cache.
    """
    code = """
import os, sys, warnings
import numpy as np
import models.selection.profiles
heavy = ("torch", "tensorflow", "deepface", "onnxruntime")
assert not [name for name in heavy if name in sys.modules]
def settings():
    return {name: value for name, value in os.environ.items() if name.startswith(("DEEPFACE", "TF_", "CUDA"))}
before = settings()
from pathlib import Path
from models.interfaces.capabilities import Face
from models.embedding.vgg_face import VggFace
from models.attributes.deepface_emotion import DeepFaceEmotion
face = Face(np.array([2, 2, 40, 50], np.float32), 0.9, np.array([[9, 9], [30, 9], [20, 20], [12, 35], [28, 35]], "f"))
frame = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
VggFace(Path(sys.argv[1])).embed([frame], [face])
DeepFaceEmotion(Path(sys.argv[1])).estimate([frame], [face])
assert [name for name in heavy if name in sys.modules] == ["deepface", "onnxruntime"]
assert settings() == before
# Importing DeepFace.DeepFace would silence everything.
assert ("ignore", None, Warning, None, 0) not in warnings.filters
"""
    environment = {"HOME": str(tmp_path), "DEEPFACE_BACKEND_ENGINE": "pytorch", "DEEPFACE_LOG_LEVEL": "10"}
    done = _python(code, home, **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_another_engine_that_runs_already_is_refused() -> None:
    code = """
from deepface.commons import backend_utils
backend_utils.get_backend_engine()
from infra.errors import UsageError
try:
    import models.runtime.deepface_networks
except UsageError as error:
    print(error)
"""
    done = _python(code, DEEPFACE_BACKEND_ENGINE="pytorch")
    assert "already runs on pytorch" in done.stdout and done.returncode == 0, done.stderr


def _with_the_face_of(name: str, other: str) -> tuple[Image, Image, Face]:
    """A still, the still with another face painted in, and the face's place."""
    frame, face = support.still(name), support.face(name)
    source, donor = support.still(other), support.face(other)
    move = align.similarity(donor.points, face.points)
    mask = np.zeros(source.shape[:2], np.float32)
    middle, half = (donor.box[:2] + donor.box[2:]) / 2, (donor.box[2:] - donor.box[:2]) / 2
    cv2.ellipse(mask, [int(v) for v in middle], [int(v) for v in half], 0, 0, 360, 1.0, -1)
    size = frame.shape[1::-1]
    share = cv2.warpAffine(mask, move, size)[..., None]
    painted = frame * (1 - share) + cv2.warpAffine(source, move, size) * share
    return frame, painted.astype(np.uint8), face


def test_the_random_recogniser_tells_faces_apart_or_takes_all_for_one(tmp_path: Path) -> None:
    """What other tests count on: under one file a painted face is no leak, under the other everything is one."""
    apart = VggFace(deepface_files.write(tmp_path / "apart"))
    alike = VggFace(deepface_files.write(tmp_path / "alike", looks="alike"))
    limit = calibration.calibration("vgg-face").far_1
    for name in ("people/002_A", "people/007_B", "people/009_C"):
        for other in ("synthetic/02", "synthetic/05", "synthetic/10"):
            before, after, face = _with_the_face_of(name, other)
            nearby = Face(face.box + np.float32(0.01 * face.size), face.score, face.points)
            vectors = apart.embed([before, after, before], [face, face, nearby])
            assert distances(vectors[:1], vectors[1:2])[0, 0] > limit > distances(vectors[:1], vectors[2:])[0, 0]
            vectors = alike.embed([before, after], [face, face])
            assert distances(vectors[:1], vectors[1:])[0, 0] < limit / 3


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the calibrations that may be changed."""
    copy = tmp_path / "calibration.json"
    copy.write_text(calibration.FILE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(calibration, "FILE", copy)
    calibration.calibration.cache_clear()
    yield copy
    calibration.calibration.cache_clear()


def test_published_thresholds_count_where_nobody_measured(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = calibration.calibration("vgg-face")
    assert (figures.far_1, figures.eer_distance, figures.measured) == (0.3, 0.68, False)
    assert all(math.isnan(value) for value in (figures.frr_1, figures.far_01, figures.frr_01, figures.eer))
    assert calibration.calibration("facenet").measured
    content = json.loads(kept.read_text(encoding="utf-8"))
    for section, key in (("far_1", "AnonNET"), ("eer_distance", "DeepFace")):
        assert key in content["published"]["vgg-face"][f"{section}_source"]
    content["embedders"]["vgg-face"] = {**content["embedders"]["facenet"], "digest": "these"}
    kept.write_text(json.dumps(content), encoding="utf-8")
    calibration.calibration.cache_clear()
    with pytest.raises(WeightsError, match="other weights"):
        calibration.calibration("vgg-face")
    monkeypatch.setattr(profiles, "digest", lambda capability, name: "these")
    figures = calibration.calibration("vgg-face")
    assert figures.measured and figures.far_1 == content["embedders"]["facenet"]["far_1"]


def test_calibrating_keeps_what_it_cannot_measure(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calibrate = importlib.import_module("bench.calibrate")
    before = json.loads(kept.read_text(encoding="utf-8"))

    def measure(name: str, samples: list[Any]) -> dict[str, Any]:
        if name in ("vgg-face", "sface"):
            raise WeightsError("missing")
        return {"far_1": 0.5}

    for name, value in (("FILE", kept), ("measure", measure), ("collect", lambda shared: []), ("counts", len)):
        monkeypatch.setattr(calibrate, name, value)
    monkeypatch.setattr(sys, "argv", ["calibrate.py"])
    calibrate.main()
    after = json.loads(kept.read_text(encoding="utf-8"))
    assert after["published"] == before["published"]
    measured = {name: {"far_1": 0.5} for name in ("facenet", "dlib-resnet", "arcface")}
    assert after["embedders"] == measured | {"sface": before["embedders"]["sface"]}
