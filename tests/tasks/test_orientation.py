"""Which way up the faces of a file are."""

from __future__ import annotations

import numpy as np
import pytest

from models.detection.turned import QUARTERS, turned
from tasks.orientation import OrientationVotes
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


def test_without_faces_or_a_majority_nothing_is_turned() -> None:
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
