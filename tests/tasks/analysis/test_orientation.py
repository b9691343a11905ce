"""Which way up the faces of a file are."""

from __future__ import annotations

import numpy as np
import pytest

from models.detection.turned import QUARTERS, turned
from models.interfaces.capabilities import Face
from tasks.analysis.orientation import OrientationVotes
from tests.contracts import support as contracts
from tests.tasks import support


def votes() -> OrientationVotes:
    return OrientationVotes(contracts.load("detector", "retinaface-mobilenet", min_score=0.2), 640)


@pytest.mark.parametrize("angle", QUARTERS)
def test_a_file_on_its_side_is_turned_back(angle: int) -> None:
    seen = votes()
    for number, name in enumerate(("people/010_2", "people/009_C")):
        seen.push(30 * number, turned(contracts.still(name), angle)[0])
    assert seen.turn() == -angle % 360


def test_only_every_thirtieth_frame_is_looked_at() -> None:
    seen = votes()
    lying = turned(contracts.still("people/009_C"), 90)[0]
    for index in range(1, 30):
        seen.push(index, lying)
    assert seen.turn() == 0
    seen.push(30, lying)
    assert seen.turn() == 270


@pytest.mark.parametrize(
    ("rolls", "turn"),
    [
        ((44, 84), 270),
        ((44, 50), 0),
        ((50, 55), 270),
        ((-50, -84, -90), 90),
        ((0, 0, 180, 180, 180), 180),
        ((0, 0, 0, 180, 180), 0),
        ((0, 90, 180, 270), 0),
    ],
)
def test_people_who_lie_at_an_angle_are_brought_as_near_to_upright_as_can_be(rolls: tuple[int, ...], turn: int) -> None:
    """Two heads at 44 and 84 degrees were a tie, and nobody was turned."""
    found = []
    for number, angle in enumerate(rolls):
        radians = np.radians(angle)
        face = support.face(60 + 100 * number, 100, 60)
        eyes = np.array([[-15, 0], [15, 0]]) @ np.array(
            [[np.cos(radians), np.sin(radians)], [-np.sin(radians), np.cos(radians)]]
        )
        points = face.points.copy()
        points[:2] = eyes + points[:2].mean(axis=0)
        found.append(Face(face.box, 0.9, points.astype(np.float32)))

    class Upright(support.Detector):
        """Sees them in the first look alone."""

        def detect(self, frames: list[np.ndarray]) -> list[list[Face]]:
            known, self.faces = self.faces, []
            return [known for _ in frames]

    seen = OrientationVotes(Upright(found), 640)
    seen.push(0, np.zeros((240, 640, 3), np.uint8))
    assert seen.turn() == turn


def test_without_faces_or_where_no_turn_is_better_nothing_is_turned() -> None:
    seen = votes()
    assert seen.turn() == 0
    picture = contracts.still("people/009_C")
    for index, angle in ((0, 90), (30, 180), (60, 0)):
        seen.push(index, turned(picture, angle)[0])
    assert seen.turn() == 0


def test_a_faceless_picture_has_no_say() -> None:
    seen = votes()
    seen.push(0, np.asarray(support.noise(1)[0]))
    assert seen.turn() == 0
