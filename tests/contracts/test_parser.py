"""Every face parser keeps the contract of models.interfaces.capabilities.Parser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.interfaces.capabilities import Image, Parser
from tests.contracts import support

GLASSES, WOMAN = "people/009_C", "synthetic/01"


@pytest.fixture(params=support.names("parser"))
def parser(request: pytest.FixtureRequest) -> Any:
    return support.load("parser", request.param)


def _portrait(name: str) -> Image:
    """The face with hair and shoulders, about twice as high as the face."""
    picture, face = support.still(name), support.face(name)
    x, y = (face.box[:2] + face.box[2:]) / 2
    half = float(face.box[3] - face.box[1])
    top, left = max(round(y - half), 0), max(round(x - half), 0)
    return picture[top : round(y + half), left : round(x + half)]


def _share(parser: Any, classes: Any, *labels: str) -> float:
    return float(np.isin(classes, [parser.labels.index(label) for label in labels]).mean())


def test_gives_one_map_of_the_crops_own_size(parser: Any) -> None:
    assert isinstance(parser, Parser)
    crops = [_portrait(GLASSES), np.zeros((1, 1, 3), np.uint8), np.full((37, 211, 3), 127, np.uint8)]
    maps = parser.parse(crops)
    assert [classes.shape for classes in maps] == [crop.shape[:2] for crop in crops]
    assert all(classes.dtype == np.uint8 and classes.max() < len(parser.labels) for classes in maps)


def test_labels_what_a_portrait_holds(parser: Any) -> None:
    man, woman = parser.parse([_portrait(GLASSES), _portrait(WOMAN)])
    assert _share(parser, man, "glasses") > 0.005 > _share(parser, woman, "glasses")
    for classes in (man, woman):
        assert _share(parser, classes, "skin") > 0.08 and _share(parser, classes, "hair") > 0.03
        assert _share(parser, classes, "nose") > 0.005 and _share(parser, classes, "upper lip", "lower lip") > 0.002
    height, width = woman.shape
    middle = woman[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]
    assert _share(parser, middle, "background", "cloth", "hat") < 0.02


def test_keeps_the_order_and_equals_one_by_one_on_two_threads(parser: Any) -> None:
    crops = [_portrait(GLASSES), _portrait(WOMAN)]
    expected = [parser.parse([crop])[0] for crop in crops]
    assert not support.same(expected[0], expected[1])
    for result in support.on_two_threads(lambda: parser.parse(crops), repeats=1):
        assert support.same(result, expected)


def test_an_empty_batch_gives_an_empty_list(parser: Any) -> None:
    assert parser.parse([]) == []
