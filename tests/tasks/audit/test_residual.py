"""The search for faces that were left: at every angle, and not among plants."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
import skimage

from models.detection.looks import looks
from models.detection.turned import Look, turned, turned_face
from models.interfaces.capabilities import Face, Image, Mesh
from tasks.analysis.framing import UPRIGHT
from tasks.analysis.tracking import overlap
from tasks.audit.residual import CANDIDATE, SURE, FaceSearch
from tests.contracts import support as contracts
from tests.tasks import support

MIDDLE = UPRIGHT / 2


class Meshes:
    name = "scripted"

    def __init__(self, presence: float) -> None:
        self.presence = presence

    def locate(self, frames: list[Image], faces: list[Face]) -> list[object]:
        return [Mesh(np.zeros((478, 3), np.float32), self.presence, np.zeros(52, np.float32)) for _ in faces]


def witnessed(score: float, *witnesses: float, presence: float = 0.0, side: float = 60) -> bool:
    """Whether a detection counts, when witnesses give these scores to a face in the middle of the upright crop."""
    seen = tuple(support.Detector([support.face(MIDDLE, MIDDLE, 100, one)] if one else []) for one in witnesses)
    search = FaceSearch(support.Detector([]), seen, Meshes(presence))
    return search.is_face(support.noise(1)[0], support.face(160, 120, side, score))


@pytest.mark.parametrize(
    ("score", "witnesses", "presence", "counts"),
    [
        (SURE, (0, 0, 0), 0.0, True),
        (0.88, (0.64, 0, 0), 0.1, False),
        (0.84, (0, 0, 0), 0.0, False),
        (0.84, (0.8, 0.9, 0), 0.5, True),
        (CANDIDATE - 0.01, (0.9, 0.9, 0.9), 1.0, False),
        (0.5, (0, 0, 0.6), 0.0, True),
        (0.5, (0.9, 1.0, 0.2), 0.0, True),
        (0.5, (0.5, 0.9, 0.1), 1.0, False),
        (CANDIDATE, (0, 0, 0.8), 0.0, True),
        (CANDIDATE, (0.9, 1.0, 0), 1.0, False),
    ],
)
def test_what_makes_a_detection_a_face(
    score: float, witnesses: tuple[float, ...], presence: float, counts: bool
) -> None:
    assert witnessed(score, *witnesses, presence=presence) is counts


@pytest.mark.parametrize(("score", "away", "counts"), [(CANDIDATE, 0, False), (CANDIDATE, 150, True), (SURE, 0, True)])
def test_what_others_see_of_a_replaced_face_makes_no_face_of_a_detection_beside_it(
    score: float, away: float, counts: bool
) -> None:
    """A look from aside finds a head a second time, too far off its place to be told for the replaced one."""
    twice = support.face(130, 90, 130, score)
    others = support.Detector([support.face(MIDDLE + 25, MIDDLE + 25, 90, 0.98)])
    search = FaceSearch(support.Detector([]), (others, others, others), Meshes(1.0))
    replaced = support.face(190 + away, 150, 100).box
    assert search.confirmed(support.noise(1)[0], [twice]) == [twice]
    assert search.confirmed(support.noise(1)[0], [twice], [replaced]) == ([twice] if counts else [])


def test_what_is_too_small_for_the_detector_is_no_candidate() -> None:
    found = support.Detector([support.face(100, 100, 6.9), support.face(200, 100, 7.1)])
    search = FaceSearch(found, (), Meshes(0))
    (face,) = search.find(np.zeros((320, 640, 3), np.uint8), False)
    assert face.size == pytest.approx(7.1, abs=0.01)


def test_a_thorough_look_goes_round_and_comes_closer() -> None:
    assert looks(1280, 720, False) == [Look(0, 640, 7.0)]
    assert {look.least for look in looks(1280, 720, True)} == {7.0, 14.0}
    thorough = looks(1280, 720, True)
    assert {look.angle for look in thorough if look.side == 640} == set(range(0, 360, 45))
    assert {look.angle for look in thorough if look.side == 1280} == set(range(0, 360, 90))
    assert {look.side for look in looks(320, 180, True)} == {640}
    still = looks(4000, 3000, True, still=True)
    assert {(look.angle, look.side) for look in still} == {(a, s) for a in range(0, 360, 45) for s in (640, 1280, 2560)}


@pytest.mark.parametrize("angle", [0, 45, 90, 180, 225, 270])
@pytest.mark.parametrize("still", [True, False])
def test_every_face_of_a_turned_group_is_found(angle: int, still: bool) -> None:
    """The truth is the faces of the upright photograph, carried along."""
    picture = contracts.still("people/016_8" if still or angle % 90 == 0 else "people/012_4")
    search = support.search(still=still)
    # The diagonal looks at a video's frames are no closer than the first ones.
    least = 24 if still or angle % 90 == 0 else 36
    upright = [face for face in search.confirmed(picture, search.find(picture, True)) if face.size >= least]
    assert len(upright) >= (8 if least == 24 else 4)
    canvas, back = turned(picture, angle)
    found = [turned_face(face, back) for face in search.confirmed(canvas, search.find(canvas, True))]
    for face in upright:
        assert max(overlap(face.box, one.box) for one in found) > 0.3


@pytest.mark.parametrize("name", ["grass.png", "brick.png", "chelsea.png", "coffee.png", "page.png", "china", "flower"])
def test_textures_plants_an_animal_and_things_are_no_faces(name: str) -> None:
    if name.endswith(".png"):
        path = os.path.join(os.path.dirname(skimage.__file__), "data", name)
        picture = cv2.imread(path)
    else:
        from sklearn.datasets import load_sample_image

        picture = load_sample_image(f"{name}.jpg")[..., ::-1].copy()
    search = support.search(still=True)
    assert search.confirmed(picture, search.find(np.ascontiguousarray(picture), True)) == []
