"""The look of a head: glasses, hair and what covers a face, on real pictures and on drawn labels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from models.attributes import head
from models.landmarks import pose
from models.landmarks.topology import OVAL
from models.masks.bisenet import LABELS
from tests.contracts import support


class Drawn:
    """A parser that answers with given labels."""

    name, labels = "drawn", LABELS

    def __init__(self, labels: np.ndarray) -> None:
        self._labels = labels

    def parse(self, crops: Any) -> list[np.ndarray]:
        assert crops[0].shape == (head.SIDE, head.SIDE, 3)
        return [self._labels]


def mesh(turn: float = 0.0, tall: float = 200.0) -> np.ndarray:
    """The mean face upright in the middle of a 600 x 600 picture, or turned by some degrees within it."""
    points = pose.mean_face().astype(np.float32)
    points = (points - points[list(OVAL)].mean(axis=0)) * tall / np.ptp(points[list(OVAL), 1])
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points[:, :2] = points[:, :2] @ rotation.T + 300
    return np.asarray(points, np.float32)


def labelled(*parts: tuple[str, int, int, int, int]) -> np.ndarray:
    labels = np.zeros((head.SIDE, head.SIDE), np.uint8)
    for name, x0, y0, x1, y1 in parts:
        labels[y0:y1, x0:x1] = LABELS.index(name)
    return labels


PICTURE = np.full((600, 600, 3), 120, np.uint8)


def test_a_bare_head_has_nothing() -> None:
    seen = head.look(PICTURE, mesh(), Drawn(labelled()))
    assert seen is not None
    assert (seen.glasses, seen.covered, seen.hat) == (0, 0, 0)
    assert (seen.hair.fringe, seen.hair.crown, seen.hair.length) == (0, 0, 0)
    assert np.isnan(seen.hair.shade) and np.isnan(seen.hair.warmth)


def test_each_place_tells_its_own() -> None:
    """The face's outline spans about y 150 to 420, x 150 to 360 of the square."""
    crown = head.look(PICTURE, mesh(), Drawn(labelled(("hair", 0, 0, 512, 145))))
    fringe = head.look(PICTURE, mesh(), Drawn(labelled(("hair", 200, 150, 312, 190))))
    long = head.look(PICTURE, mesh(), Drawn(labelled(("hair", 0, 300, 160, 512))))
    glasses = head.look(PICTURE, mesh(), Drawn(labelled(("glasses", 180, 220, 330, 262))))
    hat = head.look(PICTURE, mesh(), Drawn(labelled(("hat", 0, 0, 512, 180))))
    assert crown and fringe and long and glasses and hat
    assert crown.hair.crown > 0.9 and crown.hair.fringe == 0 and crown.hair.length == 0
    assert fringe.hair.fringe > 0.5 and fringe.hair.crown < 0.1 and fringe.covered > 0.05
    assert long.hair.length > 0.6 and long.hair.crown == 0
    assert (glasses.glasses == 1 and glasses.hair == fringe.hair) or glasses.hair.crown == 0
    assert hat.hat > 0.3 and 0 < hat.covered < 0.3


def test_hair_has_a_shade_beside_the_skin() -> None:
    picture = PICTURE.copy()
    picture[:195] = (20, 30, 40)
    dark = head.look(picture, mesh(), Drawn(labelled(("hair", 0, 0, 512, 145))))
    picture[:195] = (120, 190, 220)
    fair = head.look(picture, mesh(), Drawn(labelled(("hair", 0, 0, 512, 145))))
    assert dark and fair
    assert dark.hair.shade < 0.4 < 1.2 < fair.hair.shade and fair.hair.warmth > dark.hair.warmth > -0.1


@pytest.mark.parametrize("turn", [-40.0, 25.0, 90.0])
def test_a_tilted_head_is_put_upright_first(turn: float) -> None:
    """What is above a tilted face's forehead is its crown."""
    picture = np.full((600, 600, 3), 60, np.uint8)
    points = mesh(turn)
    forehead = points[10, :2] + (points[10, :2] - points[152, :2]) * 0.12
    cv2.circle(picture, (int(forehead[0]), int(forehead[1])), 12, (255, 255, 255), -1)
    seen: list[np.ndarray] = []

    class Looking(Drawn):
        def parse(self, crops: Any) -> list[np.ndarray]:
            seen.append(crops[0])
            return super().parse(crops)

    assert head.look(picture, points, Looking(labelled())) is not None
    bright = np.argwhere(seen[0][..., 0] > 200).mean(axis=0)
    assert abs(bright[1] - head.SIDE / 2) < 15 and bright[0] < 160


def test_no_face_and_no_numbers_are_no_look() -> None:
    assert head.look(PICTURE, mesh(tall=4.0), Drawn(labelled())) is None
    assert head.look(PICTURE, np.full((478, 3), np.nan, np.float32), Drawn(labelled())) is None


def test_real_heads() -> None:
    """Short dark hair without a fringe, and long hair."""
    parser = support.load("parser", "bisenet")

    def seen(name: str) -> head.HeadLook:
        frame, face = support.still(name), support.face(name)
        points = support.load("landmarker", "mesh").locate([frame], [face])[0].points
        found = head.look(frame, points, parser)
        assert found is not None
        return found

    man, woman = seen("people/009_C"), seen("people/012_4")
    assert 0 <= man.hair.length < woman.hair.length
