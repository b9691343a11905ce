"""The audit: what is recognised, what is a stray, and that doubt counts as both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.embedding.calibration import calibration
from models.interfaces.capabilities import Face
from models.landmarks import topology
from tasks.analysis import framing
from tasks.analysis.samples import Sample, Samples
from tasks.analysis.tracking import overlap
from tasks.audit import audit, recognisers, references
from tasks.audit.audit import Known
from tasks.audit.recognisers import AuditNetworks, AuditRecogniser, Reference
from tasks.audit.report import Report
from tasks.records import FaceEdits
from tests.contracts import support as contracts
from tests.tasks import support

SOURCE = [[support.SOURCE]]


def painted(*rows: tuple[int, int, bool, Face]) -> FaceEdits:
    """Rows of (frame, track, replaced, face)."""
    return FaceEdits(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.int64),
        np.array([r[2] for r in rows], bool),
        np.stack([r[3].box for r in rows]) if rows else np.zeros((0, 4), np.float32),
        np.stack([r[3].points for r in rows]) if rows else np.zeros((0, 5, 2), np.float32),
    )


FACE, OTHER = support.face(80, 100, 60), support.face(240, 100, 60)


def run_audit(frames, done, sources, networks, workers=2, progress=None, twins=None, cuts=(), people=None):  # type: ignore[no-untyped-def]
    return audit.run(frames, done, Known(sources, twins, people), networks, workers, progress, cuts)


def panel(found: list[Face], judges: list[AuditRecogniser]) -> AuditNetworks:
    """A scripted search, which finds these faces on every frame, and a detector that sees one on every crop if so."""
    crop = [support.face(112, 112, 100)] if found else []
    return AuditNetworks(support.Search(found), support.Detector(crop), support.Landmarker(), tuple(judges))


def judged(distances: Any, found: list[Face], rows: FaceEdits, frames: int = 4, workers: int = 1) -> Report:
    far = distances if callable(distances) else lambda frame, face: distances
    judges = [AuditRecogniser(support.Embedder(far), 0.5)]
    opened = support.opener(support.noise(frames))
    return run_audit(opened, rows, SOURCE, panel(found, judges), workers)


EVERY = painted(*((frame, 3, True, FACE) for frame in range(4)))


def test_far_faces_where_they_were_painted_are_clean() -> None:
    report = judged(0.8, [FACE], EVERY)
    assert report.clean and report.frames == 4 and report.faces == 4 and report.lost == 0
    (score,) = report.scores
    assert score.smallest == pytest.approx(0.8, abs=1e-6) and score.recognised == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(1, 2))
def test_one_near_frame_is_enough_to_be_recognised(distances: list[float], workers: int) -> None:
    numbered = [np.full((240, 320, 3), 40 + 40 * i, np.uint8) for i in range(4)]

    def far(frame: np.ndarray, face: Face) -> float:
        return distances[round((float(frame.mean()) - 40) / 40)]

    judges = [AuditRecogniser(support.Embedder(far), 0.5)]
    report = run_audit(support.opener(numbered), EVERY, SOURCE, panel([FACE], judges), workers)
    near = [d for d in distances if not np.float32(1) - np.float32(1 - d) > 0.5]
    assert report.scores[0].recognised == len(near) and report.clean is (not near)
    assert report.recognised_tracks == ((3,) if near else ())
    assert report.scores[0].smallest == pytest.approx(min(distances), abs=1e-6)
    assert distances[report.scores[0].worst_frame] == pytest.approx(min(distances), abs=1e-6)


@pytest.mark.parametrize("distance", [float("nan"), 0.5, 0.0])
def test_a_distance_that_is_no_number_or_just_the_threshold_is_recognised(distance: float) -> None:
    report = judged(distance, [FACE], EVERY)
    assert not report.clean and report.scores[0].recognised == 4 and report.recognised_tracks == (3,)


def test_one_judge_that_recognises_is_enough() -> None:
    judges = [
        AuditRecogniser(support.Embedder(lambda *_: 0.9), 0.5),
        AuditRecogniser(support.Embedder(lambda *_: 0.3), 0.5),
    ]
    opened = support.opener(support.noise(4))
    report = run_audit(opened, EVERY, SOURCE * 2, panel([FACE], judges), 1)
    assert not report.clean and [score.recognised for score in report.scores] == [0, 4]


def test_without_references_everything_is_recognised() -> None:
    judges = [AuditRecogniser(support.Embedder(lambda *_: 0.9), 0.5)]
    nobody: list[list[Reference]] = [[]]
    report = run_audit(support.opener(support.noise(4)), EVERY, nobody, panel([], judges), 1)
    assert not report.clean and report.scores[0].recognised == 4


def test_a_face_that_nobody_painted_is_a_stray() -> None:
    report = judged(0.9, [FACE, OTHER], EVERY)
    assert not report.clean and [stray.frame for stray in report.strays] == [0, 1, 2, 3]
    assert np.array_equal(report.strays[0].box, OTHER.box) and report.recognised_tracks == ()


def test_a_face_where_one_was_redacted_is_a_stray() -> None:
    report = judged(0.9, [FACE], painted((1, 3, False, FACE)), frames=2)
    assert [stray.frame for stray in report.strays] == [0, 1] and report.faces == 0


def test_what_lies_on_a_painted_face_is_its_own_and_what_is_larger_or_beside_it_is_not() -> None:
    eye = support.face(70, 90, 20)
    assert judged(0.9, [FACE, eye], EVERY).clean
    shoulders = support.face(85, 105, 150, 0.4)
    assert not judged(0.9, [FACE, shoulders], EVERY).clean, "a larger face may show the source, however weakly seen"
    larger, beside = support.face(80, 100, 150), support.face(140, 100, 40)
    assert [stray.frame for stray in judged(0.9, [FACE, larger], EVERY).strays] == [0, 1, 2, 3]
    assert [stray.frame for stray in judged(0.9, [FACE, beside], EVERY).strays] == [0, 1, 2, 3]


def test_every_tenth_frame_and_the_first_of_each_scene_get_a_thorough_look() -> None:
    board = panel([], [])
    run_audit(support.opener(support.noise(24)), painted(), [], board, 1, cuts=(0, 7))
    assert board.search.thorough == [index in (0, 7, 10, 20) for index in range(24)]


def test_detections_that_the_search_does_not_confirm_are_no_strays() -> None:
    board = replace(panel([FACE], []), search=support.Search([FACE], confirms=False))
    assert run_audit(support.opener(support.noise(2)), painted(), [], board, 1).clean


def test_a_face_that_the_detector_loses_is_compared_where_it_was_painted() -> None:
    seen: list[np.ndarray] = []

    def far(frame: np.ndarray, face: Face) -> float:
        seen.append(face.box)
        return 0.2

    report = judged(far, [], EVERY)
    assert report.lost == 4 and not report.clean
    assert len(seen) == 4 and all(overlap(box, FACE.box) > 0.5 for box in seen)


def test_a_face_without_a_mesh_is_lost_and_compared_where_it_was_painted() -> None:
    seen: list[np.ndarray] = []

    def far(frame: np.ndarray, face: Face) -> float:
        seen.append(face.points)
        return 0.9

    board = replace(
        panel([FACE], [AuditRecogniser(support.Embedder(far), 0.5)]), landmarker=support.Landmarker(lambda _: 0.2)
    )
    report = run_audit(support.opener(support.noise(4)), EVERY, SOURCE, board)
    assert report.lost == 4 and all(np.array_equal(points, FACE.points) for points in seen)


def test_a_face_is_framed_by_the_mesh_that_is_read_in_the_result() -> None:
    seen: list[Face] = []

    def far(frame: np.ndarray, face: Face) -> float:
        seen.append(face)
        return 0.9

    report = judged(far, [FACE], EVERY)
    (read,) = support.Landmarker().locate([np.zeros((240, 320, 3), np.uint8)], [FACE])
    assert report.lost == 0 and all(np.allclose(face.points, topology.five_points(read.points)) for face in seen)


def test_everybody_is_held_against_their_own_limit_and_the_nearest_counts() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        limits = rng.uniform(0.2, 0.8, 3)
        away = rng.uniform(0.1, 0.9, 3)
        people = [Reference(np.eye(4, dtype=np.float32)[n], float(limit)) for n, limit in enumerate(limits)]
        vector = np.append(1 - away, 0).astype(np.float32)

        class Seer(support.Embedder):
            def embed(self, frames: list[np.ndarray], faces: list[Face], seen: np.ndarray = vector) -> np.ndarray:
                return seen[None]

        said = AuditRecogniser(Seer(lambda *_: 0.0), 0.5).compare(np.zeros((8, 8, 3), np.uint8), FACE, people)
        worst = int(np.argmin(away - limits))
        assert said.distance == pytest.approx(away[worst], abs=1e-5) and said.limit == limits[worst]
        assert said.recognised is bool((away <= limits + 1e-6).any())


@pytest.mark.parametrize(
    ("away", "clean"),
    [([0.4, 0.9, 0.9, 0.9], True), ([0.4] * 4, False), ([0.4, 0.4, 0.9, 0.9], False), ([np.nan, 0.9, 0.9, 0.9], False)],
)
def test_a_general_matcher_may_take_single_frames_for_the_source_but_not_the_person(
    away: list[float], clean: bool
) -> None:
    near = Reference(np.eye(4, dtype=np.float32)[0], 0.3, np.eye(4, dtype=np.float32)[:1])
    left = iter(away)
    judge = AuditRecogniser(support.Embedder(lambda *_: next(left)), 0.5)
    report = run_audit(support.opener(support.noise(4)), EVERY, [[near]], panel([FACE], [judge]), 1)
    assert report.scores[0].matched == sum(not one >= 0.5 for one in away)
    assert report.clean is clean and report.recognised_tracks == (() if clean else (3,))
    assert report.scores[0].recognised == sum(np.isnan(one) for one in away)


@pytest.mark.parametrize(("away", "clean"), [(0.41, True), (0.39, False)])
def test_of_whom_strangers_lie_nearer_than_a_general_matcher_tells_apart_less_is_asked(
    away: float, clean: bool
) -> None:
    exact: list[int] = []

    def look(*_: object) -> float:
        exact.append(1)
        return away

    near = Reference(np.eye(4, dtype=np.float32)[0], 0.3, np.eye(4, dtype=np.float32)[:1], asked=0.4)
    for rough, asked in ((away, 4), (0.45, 0)):
        exact.clear()
        judge = AuditRecogniser(support.Embedder(look), 0.5, support.Embedder(lambda *_: rough))  # noqa: B023
        report = run_audit(support.opener(support.noise(4)), EVERY, [[near]], panel([FACE], [judge]), 1)
        assert report.clean is (clean or rough == 0.45) and report.scores[0].matched == 4
        assert len(exact) == asked, "a quick answer counts where it is far from what is asked"


def test_the_score_is_over_all_tracks_of_a_person() -> None:
    """One of two tracks is near throughout; it is one frame of five of its person, or all of somebody else."""
    near = Reference(np.eye(4, dtype=np.float32)[0], 0.3, np.eye(4, dtype=np.float32)[:1])
    rows = painted(*((frame, 3 + (frame == 4), True, FACE) for frame in range(5)))
    for people, tracks in (({3: 0, 4: 0}, ()), ({3: 0, 4: 1}, (4,)), (None, (4,))):
        left = iter([0.9] * 4 + [0.4])
        judge = AuditRecogniser(support.Embedder(lambda *_: next(left)), 0.5)  # noqa: B023
        board = panel([FACE], [judge])
        report = run_audit(support.opener(support.noise(5)), rows, [[near]], board, 1, people=people)
        assert report.recognised_tracks == tracks and report.clean is not bool(tracks)
    with pytest.raises(KeyError):
        alone = panel([FACE], [AuditRecogniser(support.Embedder(lambda *_: 0.9), 0.5)])
        run_audit(support.opener(support.noise(5)), rows, SOURCE, alone, 1, people={3: 0})


@pytest.mark.parametrize(("rough", "asked"), [(0.9, 0), (0.52, 1), (0.4, 1)])
def test_strictly_whom_a_general_matcher_takes_for_the_source_is_recognised(rough: float, asked: int) -> None:
    """Far from the limit in place, but not from a single sample."""
    near = Reference(np.eye(4, dtype=np.float32)[0], 0.2, np.eye(4, dtype=np.float32)[:1])
    exact: list[int] = []

    def look(*_: object) -> float:
        exact.append(1)
        return rough

    judge = AuditRecogniser(support.Embedder(look), 0.5, support.Embedder(lambda *_: rough), strict=True)
    report = run_audit(
        support.opener(support.noise(1)), painted((0, 3, True, FACE)), [[near]], panel([FACE], [judge]), 1
    )
    assert report.clean is (rough >= 0.5) and report.recognised_tracks == (() if rough >= 0.5 else (3,))
    assert len(exact) == asked, "a quick answer counts where it is far from both limits"


def test_references_are_of_every_sample_as_it_is_framed() -> None:
    found = support.tracks(support.track())
    cut = support.samples(found, (1, 3))
    seen: list[np.ndarray] = []

    def note(frame: np.ndarray, face: Face) -> float:
        seen.append(face.points)
        return 0.5

    (vectors,) = references.run(cut, panel([], [AuditRecogniser(support.Embedder(note), 0.5)])).vectors
    assert len(vectors) == 2 and all(np.array_equal(a, b.face.points) for a, b in zip(seen, cut.samples, strict=True))


def test_a_video_without_faces_is_clean() -> None:
    report = judged(0.0, [], painted())
    assert report.clean and report.faces == 0 and np.isnan(report.scores[0].smallest)


# -- with the real judges ---------------------------------------------------------------------------------------------

NAME, STRANGER = "people/002_A", "people/009_C"


def real() -> AuditNetworks:
    return AuditNetworks(
        support.search(),
        contracts.load("detector", "yunet", long_side=framing.UPRIGHT),
        contracts.load("landmarker", "mesh"),
        tuple(AuditRecogniser(contracts.load("embedder", n), calibration(n).far_1) for n in ("dlib-resnet", "sface")),
    )


def picture_of(name: str) -> tuple[np.ndarray, Face]:
    """A still with even sides and its largest face."""
    still = contracts.still(name)
    height, width = (side // 2 * 2 for side in still.shape[:2])
    return np.ascontiguousarray(still[:height, :width]), contracts.face(name)


def known(name: str, panel: AuditNetworks) -> list[list[Reference]]:
    """The person of a still as the audit knows them, with the limit for strangers in general."""
    picture, face = picture_of(name)
    seen = framing.framed(picture, face, panel.landmarker)
    assert seen is not None
    samples = Samples((Sample(0, 0, 0, 0, 0, picture, True, seen),))
    return [
        [Reference(vectors[0], 0.7 * judge.threshold, vectors)]
        for judge, vectors in zip(panel.judges, references.run(samples, panel).vectors, strict=True)
    ]


def test_an_untouched_copy_of_the_source_is_recognised_by_both_judges() -> None:
    panel = real()
    picture, face = picture_of(NAME)
    soft = cv2.GaussianBlur(picture, (0, 0), 1.0)
    bright = np.clip(picture.astype(int) + 15, 0, 255).astype(np.uint8)
    rows = painted(*((i, 0, True, face) for i in range(3)))
    report = run_audit(support.opener([picture, soft, bright]), rows, known(NAME, panel), panel, workers=1)
    assert [score.recognised for score in report.scores] == [3, 3] and report.recognised_tracks == (0,)


def rolled(picture: np.ndarray, face: Face, degrees: float) -> tuple[np.ndarray, Face]:
    """The picture turned about its face, and the face in it."""
    middle = (face.box[:2] + face.box[2:]) / 2
    move = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), degrees, 1.0)
    size = (picture.shape[1], picture.shape[0])
    turned = cv2.warpAffine(picture, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    points = (face.points @ move[:, :2].T + move[:, 2]).astype(np.float32)
    return np.asarray(turned, np.uint8), Face(face.box, face.score, points)


@pytest.mark.parametrize("degrees", [-40, -25, 25, 40])
def test_a_tilted_head_is_recognised_when_it_is_the_source_and_not_when_it_is_a_stranger(degrees: int) -> None:
    panel = real()
    sources = known(NAME, panel)
    for name, recognised in ((NAME, True), (STRANGER, False)):
        picture, face = rolled(*picture_of(name), degrees)
        rows = painted((0, 0, True, face))
        report = run_audit(support.opener([picture]), rows, sources, panel, workers=1)
        assert report.clean is not recognised
        assert [score.recognised for score in report.scores] == [int(recognised)] * 2


def test_a_stranger_is_not_recognised() -> None:
    panel = real()
    picture, face = picture_of(STRANGER)
    report = run_audit(support.opener([picture]), painted((0, 0, True, face)), known(NAME, panel), panel, workers=1)
    assert report.clean and all(score.smallest > score.threshold for score in report.scores)


def test_a_real_face_in_a_faceless_frame_is_a_stray() -> None:
    panel = real()
    picture, face = picture_of(NAME)
    x0, y0, x1, y1 = (int(v) for v in face.box + face.size * np.float32([-0.3, -0.3, 0.3, 0.3]))
    cut = picture[max(y0, 0) : y1, max(x0, 0) : x1]
    scale = 200 / cut.shape[0]
    small = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    empty = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (360, 640, 3)).astype(np.uint8), (0, 0), 9)
    pasted = empty.copy()
    pasted[80 : 80 + small.shape[0], 300 : 300 + small.shape[1]] = small
    nobody: list[list[Reference]] = [[] for _ in panel.judges]
    report = run_audit(support.opener([empty, pasted, empty]), painted(), nobody, panel, workers=1)
    assert [stray.frame for stray in report.strays] == [1] and not report.clean
    middle = (report.strays[0].box[:2] + report.strays[0].box[2:]) / 2
    assert 300 < middle[0] < 300 + small.shape[1] and 80 < middle[1] < 280


def quickly(rough: Any, exact: float, sources: Sequence[Reference] = (support.SOURCE,)) -> tuple[float, int]:
    """(distance, how often the exact embedder was asked) of a judge whose limit is 0.5."""
    asked = []

    def look(*_: object) -> float:
        asked.append(1)
        return exact

    judge = AuditRecogniser(support.Embedder(look), 0.5, support.Embedder(lambda *_: rough))
    return judge.compare(np.zeros((8, 8, 3), np.uint8), FACE, sources).distance, len(asked)


@pytest.mark.parametrize("rough", [0.2, 0.5, 0.529, float("nan")])
def test_a_quick_answer_near_the_limit_or_under_it_is_not_taken(rough: float) -> None:
    assert quickly(rough, 0.45) == (pytest.approx(0.45, abs=1e-6), 1)


def test_a_quick_answer_far_from_the_limit_is_enough() -> None:
    assert quickly(0.54, 0.45) == (pytest.approx(0.54, abs=1e-6), 0)


def test_without_references_no_answer_is_trusted() -> None:
    assert quickly(0.9, 0.9, ()) == (0.0, 0)


def test_quick_judges_stay_well_inside_the_margin() -> None:
    frame = contracts.still("people/012_4")
    faces = contracts.load("detector", "retinaface-mobilenet").detect([frame])[0][:4]
    turned = np.ascontiguousarray(frame[:, ::-1])
    others = contracts.load("detector", "retinaface-mobilenet").detect([turned])[0][:4]
    for name in ("dlib-resnet", "sface"):
        own, quick = contracts.load("embedder", name), contracts.load("embedder", name, precision="bf16")
        source = own.embed([turned] * len(others), others)
        exact = own.embed([frame] * len(faces), faces) @ source.T
        rough = quick.embed([frame] * len(faces), faces) @ source.T
        assert np.abs(exact - rough).max() < 0.5 * recognisers._ROUGHLY * calibration(name).far_1


FAR = np.array([0, 0, 1, 0], np.float32)


@pytest.mark.parametrize("bad, twin_missing", [(0, False), (2, False), (3, True), (20, True)])
def test_a_track_is_untrue_when_more_than_a_tenth_of_its_faces_are_not_the_twin(bad: int, twin_missing: bool) -> None:
    """Frames below `bad` show something that is as far from the twin as from the source."""
    numbered = [np.full((240, 320, 3), 40 + 8 * i, np.uint8) for i in range(20)]
    every = painted(*((frame, 3, True, FACE) for frame in range(20)))

    class Seer(support.Embedder):
        def embed(self, frames: list[np.ndarray], faces: list[Face]) -> np.ndarray:
            good = [round((float(frame.mean()) - 40) / 8) >= bad for frame in frames]
            return np.array([[0.1, np.sqrt(0.99), 0, 0] if g else [0.1, 0, 0, np.sqrt(0.99)] for g in good], np.float32)

    twin = Reference(np.array([0, 1, 0, 0], np.float32), 0.5)
    judges = [AuditRecogniser(Seer(lambda *_: 0.9), 0.5)]
    report = run_audit(support.opener(numbered), every, SOURCE, panel([FACE], judges), 1, twins={3: [twin]})
    assert report.twin_missing_tracks == ((3,) if twin_missing else ()) and report.clean is not twin_missing
    assert report.scores[0].recognised == 0 and report.scores[0].to_twin == pytest.approx(bad / 20, abs=0.01)


def test_faces_that_the_audits_detector_does_not_see_make_a_track_untrue() -> None:
    judges = [AuditRecogniser(support.Embedder(lambda *_: 0.9), 0.5)]
    report = run_audit(support.opener(support.noise(4)), EVERY, SOURCE, panel([], judges), 1)
    assert report.lost == 4 and report.twin_missing_tracks == (3,) and not report.clean


def test_a_replaced_face_whose_twin_is_missing_does_not_pass() -> None:
    judges = [AuditRecogniser(support.Embedder(lambda *_: 0.9), 0.5)]
    with pytest.raises(KeyError):
        run_audit(support.opener(support.noise(4)), EVERY, SOURCE, panel([FACE], judges), 1, twins={4: [SOURCE[0][0]]})
