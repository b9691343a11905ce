"""The kind of a source: what was measured, what is bounded, and what stands for what was not measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.interfaces.capabilities import FaceAttributes, Hair
from models.people import groups, maps, source_kind
from models.people.cells import KIND

PEOPLE = maps.load()
NAN = float("nan")
LOOK = FaceAttributes(age=44, female=0.1, skin_ita=35, beard=0.6, glasses=0.8, hair=Hair(0.1, 0.5, 0.2, 0.3, 0.2))


def vector(seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((2, 512)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_measured_values_are_taken_as_they_are() -> None:
    tone = PEOPLE.maps.tone_of(vector())
    kind = source_kind.kind_of(replace(LOOK, skin_ita=tone + 1), vector(), PEOPLE)
    assert kind[: KIND.index("European")] == pytest.approx(
        [44, 0.1, tone + 1, 0.6, 1.0, 0.1, 0.5, 0.2, 0.3, 0.2], abs=1e-2
    )
    assert kind[KIND.index("European") :] == pytest.approx(groups.likely(vector(), tone + 1)[:-1], abs=1e-3)


def test_the_colour_of_a_turban_is_not_that_of_hair() -> None:
    turban = kind_with(Hair(0, 0, 0, 1.5, 0.9))
    assert turban[KIND.index("shade")] == pytest.approx(PEOPLE.usual[0][KIND.index("shade")])
    assert turban[KIND.index("warmth")] == pytest.approx(PEOPLE.usual[0][KIND.index("warmth")])
    red = kind_with(Hair(0, 0, 0, 0.6, 0.6))
    assert red[KIND.index("shade")] == pytest.approx(0.6) and red[KIND.index("warmth")] == pytest.approx(0.6)


def kind_with(hair: Hair) -> np.ndarray:
    return source_kind.kind_of(replace(LOOK, hair=hair), None, PEOPLE)


def test_thin_rims_are_glasses_and_a_speck_is_none() -> None:
    place, cells = KIND.index("glasses"), PEOPLE.cells
    for score, worn in ((0.35, True), (0.26, True), (0.1, False), (0.0, False)):
        kind = source_kind.kind_of(replace(LOOK, glasses=score), None, PEOPLE)
        assert bool(kind[place] == 1.0) == worn == bool(cells.centres[cells.of(kind), place] > 0.5)


def test_light_moves_the_tone_only_so_far_and_what_cannot_be_skin_not_at_all() -> None:
    tone, place = PEOPLE.maps.tone_of(vector()), KIND.index("ita")

    def moved(off: float) -> float:
        return float(source_kind.kind_of(replace(LOOK, skin_ita=tone + off), vector(), PEOPLE)[place]) - tone

    assert all(abs(moved(off)) < 18 for off in range(-150, 150, 10))
    assert moved(15) > 12 and moved(-15) < -12
    assert abs(moved(-110)) < 1 and abs(moved(110)) < 1


def test_what_was_not_measured_is_usual_for_the_gender() -> None:
    for female in (0.1, 0.9):
        unknown = replace(LOOK, female=female, hair=None)
        kind = source_kind.kind_of(unknown, None, PEOPLE)
        usual = PEOPLE.usual[int(female > 0.5)]
        for name in ("fringe", "crown", "length", "shade", "warmth", "European", "African", "East Asian"):
            assert kind[KIND.index(name)] == pytest.approx(usual[KIND.index(name)])
        bald = source_kind.kind_of(replace(unknown, hair=Hair(0, 0, 0, NAN, NAN)), None, PEOPLE)
        assert bald[KIND.index("crown")] == 0 and bald[KIND.index("shade")] == pytest.approx(usual[KIND.index("shade")])
    assert np.isfinite(kind).all() and len(kind) == len(KIND)


def test_labels_of_another_network_name_the_group() -> None:
    said = {"asian": 0.5, "white": 0.2, "indian": 0.2, "middle eastern": 0.1}
    kind = source_kind.kind_of(replace(LOOK, ethnicity=said), None, PEOPLE)
    assert kind[KIND.index("European") :] == pytest.approx([0.2, 0.0, 0.5], abs=1e-6)
