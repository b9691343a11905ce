"""The twin's hairline over the source's: where it shows, in which colour, and where it must not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.interfaces.capabilities import Face, Mesh, Parser
from models.interfaces.twins import AT_REST, Twin
from models.masks.bisenet import LABELS
from models.motion.mesh import hairline, raster
from models.motion.mesh.hairline import Head
from tests.contracts import support
from tests.tasks import support as made

SKIN, HAIR, BACKGROUND, HAT = (LABELS.index(name) for name in ("skin", "hair", "background", "hat"))
TWIN = np.uint8([150, 180, 220]), np.uint8([40, 40, 40])
SOURCE = np.uint8([90, 110, 140]), np.uint8([30, 50, 70])


class Fake:
    """Knows no picture, only the label it was given for the upper part; below the brows all is skin."""

    name, labels = "fake", LABELS

    def __init__(self, upper: int = HAIR) -> None:
        self.upper = upper

    def parse(self, crops: list[np.ndarray]) -> list[np.ndarray]:
        return [self.labelled(crop.shape[0], crop.shape[1]) for crop in crops]

    def labelled(self, height: int, width: int) -> np.ndarray:
        labels = np.full((height, width), SKIN, np.uint8)
        labels[: int(0.36 * height)] = self.upper
        return labels


def mesh(side: int) -> np.ndarray:
    return made.mesh(side / 2, side / 2, 0.5 * side)


def picture(side: int, labels: np.ndarray, colours: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.where((labels == HAIR)[..., None], colours[1], colours[0]).astype(np.uint8)


def dressed(upper: int = HAIR, source_upper: int = HAIR) -> Twin:
    labels = Fake(upper).labelled(512, 512)
    plain = Twin(picture(1024, np.kron(labels, np.ones((2, 2), np.uint8)), TWIN), mesh(1024), 0, AT_REST, np.zeros(4))
    heads = []
    for side in (200, 240):
        theirs = Fake(source_upper).labelled(side, side)
        seen = picture(side, theirs, SOURCE)
        heads.append(Head(theirs, 0, 0, mesh(side), hairline.colours(seen, theirs, Fake())))
    return hairline.put_on(plain, labels, heads, Fake())


def above(twin: Twin) -> tuple[int, int]:
    """(row, column) just above the outline's top in the coordinates of the masks."""
    oval = twin.mesh[10, :2] / 2
    return int(oval[1] - 10), int(oval[0])


def test_it_covers_the_hairline_and_ends_before_the_rim_and_the_eyes() -> None:
    twin = dressed()
    row, column = above(twin)
    assert twin.hairline[row, column] == 255
    rim = raster.rim(twin.mesh / 2)
    for x, y in rim.astype(int):
        if 0 <= y < 512 and 0 <= x < 512:
            assert twin.hairline[y, x] < 8
    assert twin.hairline[int(twin.mesh[33, 1] / 2) :].max() == 0


@pytest.mark.parametrize("upper, source_upper", [(HAIR, BACKGROUND), (BACKGROUND, HAIR), (HAIR, HAT), (HAT, HAIR)])
def test_nothing_grows_where_either_shows_no_head(upper: int, source_upper: int) -> None:
    twin = dressed(upper, source_upper)
    assert twin.hairline[: int(0.34 * 512)].max() == 0


def test_hair_takes_the_colour_that_the_source_has_beside_its_skin() -> None:
    twin = dressed()
    hair, skin = twin.picture[60, 512].astype(float), twin.picture[900, 512].astype(float)
    ratio = skin / SOURCE[0]
    assert np.allclose(ratio / ratio.mean(), 1, atol=0.02) and abs(skin.mean() / TWIN[0].mean() - 1) < 0.03
    assert np.allclose(hair / skin, SOURCE[1] / SOURCE[0], atol=0.06)


def test_without_heads_the_twin_stays_as_it_is() -> None:
    plain = Twin(np.full((64, 64, 3), 9, np.uint8), mesh(64), 0, AT_REST, np.zeros(4, np.float32))
    assert hairline.put_on(plain, np.ones((32, 32), np.uint8), [], Fake()) is plain


def test_a_real_head_is_parsed_where_it_is() -> None:
    parser: Parser = support.load("parser", "bisenet")
    still, face = support.still("people/002_A"), support.face("people/002_A")
    found: Mesh = support.load("landmarker", "mesh").locate([still], [Face(face.box, 1.0, face.points)])[0]
    head = hairline.look(still, found.points, parser)
    x, y = (found.points[10, :2] - (head.x, head.y)).astype(int)
    assert head.labels[y + 8, x] in (SKIN, HAIR)
    assert np.isfinite(head.colours[0]).all() and head.colours[0, 2] > head.colours[0, 0]
    crop = still[head.y : head.y + head.labels.shape[0], head.x : head.x + head.labels.shape[1]]
    assert cv2.absdiff(crop[head.labels == SKIN].mean(axis=0), head.colours[0].astype(float)).max() < 40
