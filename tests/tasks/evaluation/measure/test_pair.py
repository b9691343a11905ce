"""A short clip measured against copies of which it is known what was changed, through the real networks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from infra.errors import WeightsError
from infra.media.decode import open_frames
from infra.media.frame import YuvFrame
from infra.media.probe import probe_video
from models.interfaces.capabilities import Image
from tasks.analysis.settings import FaceSettings
from tasks.evaluation.measure.look import Instruments
from tasks.evaluation.measure.pair import Known, Reel, frames_of, run, settings_for
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics import clip, detection, per_file, series
from tasks.evaluation.metrics.identity import consistency
from tasks.evaluation.metrics.picture import picture
from tasks.evaluation.metrics.usefulness import expression, looks, mouth_eye_aperture, pose
from tasks.evaluation.report import verdict
from tasks.evaluation.report.content import Outcome
from tasks.records import Scene
from tests.contracts import support as contracts
from tests.reference.clips import short_clip
from tests.tasks import support

FRAMES = 6
RATE = 25.0
ATTACKERS = ("facenet", "sface")
LIMITS = {name: verdict.Limits(0.7, 0.5) for name in ATTACKERS}


@pytest.fixture(scope="module")
def tools() -> Instruments:
    load = contracts.load
    return Instruments(
        detector=load("detector", "retinaface-mobilenet", long_side=640, min_score=FaceSettings.weak),
        confirming=load("detector", "centerface", min_score=0.3),
        landmarker=load("landmarker", "mesh"),
        people=load("embedder", "facenet"),
        same=0.55,
        attackers=tuple(load("embedder", name) for name in ATTACKERS),
        age_gender=load("age_gender", "dlib-age-gender"),
        second_reader=load("age_gender", "faceres"),
        emotion=load("emotion", "facex"),
        quality=load("quality", "niqe"),
    )


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[YuvFrame]:
    try:
        path = short_clip(tmp_path_factory.mktemp("pair") / "clip.mp4", 0, FRAMES)
    except WeightsError as error:
        pytest.skip(str(error))
    with open_frames(path, probe_video(path)) as stream:
        return [frame.copy() for frame in stream]


def reel(pictures: list[YuvFrame], rate: float = RATE) -> Reel:
    size = (pictures[0].width, pictures[0].height)
    return Reel(support.opener(pictures), size, np.arange(len(pictures)) / rate)


def measure(tools: Instruments, ours: list[YuvFrame], theirs: Reel | None, every: int = 1) -> Measured:
    return run(reel(ours), theirs, support.OneScene(), tools, FaceSettings(workers=1), every)


def reduced(measured: Measured) -> clip.Clip:
    return clip.reduce(measured, 1, {person: person for person in measured.people})


@pytest.fixture(scope="module")
def same(tools: Instruments, frames: list[YuvFrame]) -> Measured:
    return measure(tools, frames, reel(frames))


@pytest.fixture(scope="module")
def filled(tools: Instruments, frames: list[YuvFrame], same: Measured) -> Measured:
    """Against a copy whose heads are grey, and nothing else."""
    copies = []
    for frame in frames:
        image = frame.to_bgr()
        for face in tools.detector.detect([image])[0]:
            (x0, y0, x1, y1), side = face.box.astype(int), int(0.4 * face.size)
            image[max(y0 - side, 0) : y1 + side, max(x0 - side, 0) : x1 + side] = 128
        copies.append(support.yuv(image, frame.index))
    return measure(tools, frames, reel(copies))


def test_a_clip_agrees_with_itself_in_everything(same: Measured) -> None:
    assert same.frames == same.shared == FRAMES == same.faces and same.people == [0]
    assert same.found.all() and same.shown.all() and same.extra == 0 and same.unpaired == 0 and same.same_size
    assert same.frame.tolist() == list(range(FRAMES)) and same.time == pytest.approx(np.arange(FRAMES) / RATE)
    assert same.duration == pytest.approx(FRAMES / RATE)
    for name in ATTACKERS:
        ours, theirs = same.vectors[name]
        assert np.array_equal(ours, theirs) and np.linalg.norm(ours, axis=1) == pytest.approx(np.ones(FRAMES), abs=1e-4)
    for column in (same.angles, same.openings, same.shapes, same.age, same.female, same.skin, same.emotion,
                   same.quality):  # fmt: skip
        assert np.isfinite(column).all() and np.array_equal(*column)
    assert np.isnan(same.unrest[:, 0]).all() and np.array_equal(*same.unrest[:, 1:]) and (same.unrest[:, 1:] > 0).all()
    assert (same.psnr == 100).all() and same.ssim == pytest.approx(np.ones(FRAMES))


def test_the_numbers_of_a_perfect_copy(same: Measured) -> None:
    found = per_file.of(same)
    expected = {
        (expression.LABEL, ""): 1, (expression.SHAPE, ""): 0, (pose.ERROR, "yaw"): 0, (pose.MOTION, "pitch"): 0,
        (looks.AGE, ""): 0, (looks.GENDER, ""): 1, (looks.SKIN, ""): 0, (detection.FOUND, ""): 1,
        (detection.EXTRA, ""): 0, (detection.FRAMES, ""): 1, (picture.PSNR, ""): 100, (picture.SSIM, ""): 1,
        (picture.FLICKER, ""): 1,
    }  # fmt: skip
    assert {key: found[key].value for key in expected} == pytest.approx(expected, abs=1e-5)
    for column in range(5):
        assert series.correlation(same.openings[:, :, column], same.person) == pytest.approx(1.0)
    for name in ATTACKERS:
        change = found[consistency.CONSECUTIVE, name]
        assert change.value == change.original > 0 and change.samples == FRAMES - 1
    kept = reduced(same)
    assert max(float(distances.max()) for distances in kept.nearest.values()) == pytest.approx(0, abs=1e-5)
    assert verdict.of_file(kept, LIMITS)[0] is Outcome.FAIL
    assert verdict.of_file(kept, LIMITS)[1].count(f"{FRAMES} of {FRAMES} faces") == len(ATTACKERS)


def test_a_head_that_is_filled_shows_no_face_but_is_attacked_all_the_same(filled: Measured, same: Measured) -> None:
    assert not filled.found.any() and filled.shown.all() and filled.extra == 0 and filled.faces == FRAMES
    for name in ATTACKERS:
        assert np.isfinite(filled.vectors[name]).all()
        assert np.array_equal(filled.vectors[name][0], same.vectors[name][0])
        away = 1 - (filled.vectors[name][0] * filled.vectors[name][1]).sum(axis=1)
        assert (away > 0.3).all()
    for column in (filled.angles, filled.openings, filled.shapes, filled.age, filled.skin, filled.emotion):
        assert np.isfinite(column[0]).all() and np.isnan(column[1]).all()
    assert np.isfinite(filled.unrest[:, 1:]).all()
    assert (filled.psnr > 40).all(), "outside the head nothing changed"


def test_what_a_filled_head_is_good_for_is_unknown_with_a_reason(filled: Measured) -> None:
    found = per_file.of(filled)
    seen = {definition for definition, _ in found}
    for definition in (expression.LABEL, expression.SHAPE, pose.ERROR, pose.MOTION, mouth_eye_aperture.CORRELATION,
                       mouth_eye_aperture.LAG, looks.AGE, looks.GENDER, looks.SKIN):  # fmt: skip
        assert definition in seen
        for (one, variant), figure in found.items():
            assert one != definition or (not figure.known and figure.note), (one.name, variant)
    assert found[detection.FOUND, ""].value == 0
    assert found[picture.FLICKER, ""].value < 0.5, "frozen"
    outcome, said = verdict.of_file(reduced(filled), LIMITS)
    assert outcome is Outcome.LOOK and f"Where {FRAMES} of {FRAMES} faces were" in said


def test_without_an_anonymized_file_nothing_is_shared(
    tools: Instruments, frames: list[YuvFrame], same: Measured
) -> None:
    alone = measure(tools, frames[:3], None)
    assert alone.shared == 0 and alone.frames == alone.faces == 3 and not alone.shown.any() and not alone.found.any()
    assert alone.unpaired == 0 and alone.extra == 0 and not alone.same_size
    for name in ATTACKERS:
        assert np.isnan(alone.vectors[name][1]).all()
        assert np.array_equal(alone.vectors[name][0], same.vectors[name][0, :3])
    kept = reduced(alone)
    assert kept.usefulness == {} and not len(kept.anonymized["sface"]) and len(kept.originals["sface"]) == 3
    assert verdict.of_file(kept, LIMITS)[0] is Outcome.LOOK


def test_half_the_size_is_still_the_same_person_in_the_same_pose(tools: Instruments, frames: list[YuvFrame]) -> None:
    small = []
    for frame in frames[:3]:
        image = cv2.resize(frame.to_bgr(), (frame.width // 4 * 2, frame.height // 4 * 2), interpolation=cv2.INTER_AREA)
        small.append(support.yuv(image, frame.index))
    found = measure(tools, frames[:3], reel(small))
    assert found.found.all() and found.extra == 0 and not found.same_size
    assert np.isnan(found.psnr).all() and np.isnan(found.unrest[1]).all()
    distance = reduced(found).nearest["facenet"]
    assert (distance < 0.2).all()
    numbers = per_file.of(found)
    assert all(numbers[pose.ERROR, axis].value < 3 for axis in ("pitch", "yaw", "roll"))
    assert "size" in numbers[picture.PSNR, ""].note and "size" in numbers[picture.FLICKER, ""].note


def test_every_other_frame_is_measured_as_when_all_are(
    tools: Instruments, frames: list[YuvFrame], same: Measured
) -> None:
    some = measure(tools, frames, reel(frames), every=2)
    assert some.frame.tolist() == [0, 2, 4] and some.frames == some.shared == FRAMES and some.unpaired == 0
    assert len(some.psnr) == 3 and np.array_equal(some.angles, same.angles[:, ::2])
    assert np.array_equal(some.vectors["sface"], same.vectors["sface"][:, ::2])
    assert np.isfinite(some.unrest[:, 1:]).all() and np.isfinite(some.age).all()


def test_frames_that_nobody_looked_at_are_told(tools: Instruments, frames: list[YuvFrame]) -> None:
    longer = measure(tools, frames[:2], reel(frames[:4]))
    assert longer.shared == 2 and longer.unpaired == 2 and longer.frame.tolist() == [0, 1]
    shorter = measure(tools, frames[:3], reel(frames[:2]))
    assert shorter.shared == 2 and shorter.unpaired == 0 and shorter.shown.tolist() == [True, True, False]
    assert np.isnan(shorter.vectors["sface"][1, 2]).all() and np.isfinite(shorter.vectors["sface"][1, :2]).all()


def test_a_picture_is_a_stream_of_one_frame(tools: Instruments, frames: list[YuvFrame]) -> None:
    image: Image = frames[0].to_bgr()
    still = Reel(frames_of(image), (image.shape[1], image.shape[0]), np.zeros(1))
    found = run(still, still, Known((), 0), tools, settings_for(1, picture=True))
    assert found.faces == found.shared == 1 and found.found.all() and found.psnr.tolist() == [100]
    assert per_file.of(found)[pose.MOTION, "yaw"].note == "One frame shows no motion."


def test_a_clip_without_anybody_has_no_rows(tools: Instruments) -> None:
    empty = [support.yuv(np.full((120, 160, 3), 90, np.uint8), n) for n in range(3)]
    found = measure(tools, empty, reel(empty))
    assert found.faces == 0 and found.shared == 3 and found.extra == 0 and (found.psnr == 100).all()
    kept = reduced(found)
    assert not kept.usefulness[detection.FOUND, ""].known and kept.faces == 0
    assert verdict.of_file(kept, LIMITS)[0] is Outcome.LOOK


def test_scenes_of_the_other_file_hold_only_for_as_many_frames() -> None:
    known = Known((Scene(0, 0, 0, 3), Scene(1, 0, 4, 7)), 8)
    assert known.finish(8) == (Scene(0, 0, 0, 3), Scene(1, 0, 4, 7))
    assert known.finish(9) == (Scene(0, 0, 0, 8),)
