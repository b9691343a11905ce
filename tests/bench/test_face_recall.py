"""The bench of recall: pasted faces lie where it says they lie, and it counts what it is told to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.recall import counting, faceless, report, scenes
from bench.recall.counting import Finder
from bench.recall.scenes import Condition, Person
from models.interfaces.capabilities import Face, Floats, Image
from tasks.analysis.tracking import overlap
from tests.contracts import support as contracts

GREY = np.full((scenes.HEIGHT, scenes.WIDTH, 3), 128, np.uint8)


def person() -> Person:
    """A black picture whose face is a red square, away from the middle."""
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[100:180, 200:280] = (0, 0, 255)
    return Person(picture, np.float32([239.5, 139.5]), 80.0)


def face(box: Floats, score: float = 0.9) -> Face:
    return Face(np.asarray(box, np.float32), score, np.zeros((5, 2), np.float32))


def red(image: Image) -> np.ndarray:
    return (image[..., 2].astype(int) - image[..., 0] > 100) & (image[..., 1] < 60)


@pytest.mark.parametrize("angle", scenes.ANGLES)
@pytest.mark.parametrize("size", [16, 128])
def test_true_boxes_lie_on_the_pasted_faces(angle: int, size: int) -> None:
    scene = next(scenes.scenes(Condition(size, angle), 1, [person()], [GREY]))
    assert scene.boxes.shape == (scenes.PER_FRAME, 4)
    seen = red(scene.image)
    for box in scene.boxes:
        reach = size
        x, y = (box[:2] + box[2:]) / 2
        left, top = max(round(x) - reach, 0), max(round(y) - reach, 0)
        rows, columns = np.nonzero(seen[top : round(y) + reach, left : round(x) + reach])
        assert abs(columns.mean() + left - x) < 1 and abs(rows.mean() + top - y) < 1
        assert len(rows) == pytest.approx(size * size, rel=0.25)


@pytest.mark.parametrize(("angle", "side"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (270, (1, 0))])
def test_a_cover_hides_the_third_at_the_chin(angle: int, side: tuple[int, int]) -> None:
    plain, covered = (
        next(scenes.scenes(Condition(96, angle, cover=cover), 1, [person()], [GREY])) for cover in scenes.COVERS
    )
    lost = []
    for scene in (plain, covered):
        x, y = ((scene.boxes[0, :2] + scene.boxes[0, 2:]) / 2).astype(int)
        lost.append([red(scene.image)[y + sign * side[1] * 40, x + sign * side[0] * 40] for sign in (-1, 1)])
    assert lost == [[True, True], [True, False]]


def test_the_same_seed_makes_the_same_frames() -> None:
    condition, some = Condition(32, 60, "noisy", "lower third"), [person()]
    first, same, other = (
        [scene.image for scene in scenes.scenes(condition, 2, some, [GREY], seed)] for seed in (1, 1, 2)
    )
    assert all(np.array_equal(*pair) for pair in zip(first, same, strict=True))
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[0], other[0])


@pytest.fixture(scope="module")
def real(shared: Path) -> tuple[list[Person], list[Image]]:
    for name in ("yunet", "retinaface-mobilenet"):
        contracts.load("detector", name, min_score=0.5)
    return scenes.people(shared), scenes.backgrounds(shared)


@pytest.mark.parametrize("angle", [0, 45, 120, 270])
def test_a_detector_sees_real_faces_there_once_the_frame_is_turned_back(
    real: tuple[list[Person], list[Image]], angle: int
) -> None:
    detector = contracts.load("detector", "retinaface-mobilenet", long_side=1 << 14, min_score=0.5)
    scene = next(scenes.scenes(Condition(96, angle), 1, *real))
    turn = cv2.getRotationMatrix2D((scenes.WIDTH / 2, scenes.HEIGHT / 2), angle, 1.0)
    turn[:, 2] += [200, 400]
    upright = np.asarray(cv2.warpAffine(scene.image, turn, (1680, 1520)), np.uint8)
    found = detector.detect([upright])[0]
    centres = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2 @ turn[:, :2].T + turn[:, 2]
    boxes = np.hstack([centres - 48, centres + 48])
    assert sum(any(overlap(one.box, box) > 0.5 for one in found) for box in boxes) >= 7


def test_only_detections_that_count_find_a_face() -> None:
    scene = next(scenes.scenes(Condition(64, 0), 1, [person()], [GREY]))
    asked: list[float] = []

    def counts(image: Image, one: Face) -> bool:
        asked.append(one.score)
        return one.score > 0.5

    detections = [face(scene.boxes[0]), face(scene.boxes[1], 0.4), face(scene.boxes[2] + 60)]
    assert counting.found(Finder(lambda image: detections, counts), scene) == [True] + [False] * 7
    assert len(asked) == 2


def test_a_detection_in_a_known_face_is_explained() -> None:
    known = np.float32([[100, 100, 200, 200]])
    assert faceless.explained(face(np.float32([120, 120, 220, 220])), known)
    assert faceless.explained(face(np.float32([140, 170, 160, 190])), known)
    assert not faceless.explained(face(np.float32([190, 190, 290, 290])), known)
    assert not faceless.explained(face(np.float32([0, 0, 300, 300])), known)
    assert not faceless.explained(face(np.float32([140, 170, 160, 190])), known[:0])


def test_the_tables_add_up_mirrored_angles() -> None:
    rows = [
        {"finder": "f", "size": 16, "angle": angle, "light": light, "cover": "none", "faces": 8, "found": found}
        for angle, light, found in ((0, "bright", 8), (30, "bright", 8), (330, "bright", 4), (45, "dim", 2))
    ]
    text = report.markdown({"recall": {"rows": rows}, "false": {"looked": {"hands": 4}, "rows": [{"source": "hands"}]}})
    assert "| 16 | 100 | 75 | – | – | – | – | – |" in text
    assert "| 16 | 100 / – | – / – | – / 25 | – / – | – / – | – / – |" in text
    assert "| hands | 4 | 1 | 0.250 |" in text


def test_drawn_faces_are_pictures() -> None:
    for name, image in faceless.drawn():
        assert image.dtype == np.uint8 and image.ndim == 3 and image.std() > 5, name
