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
    kind = source_kind.kind_of(replace(LOOK, skin_ita=tone + 5), vector(), PEOPLE)
    assert kind[: KIND.index("European")] == pytest.approx(
        [44, 0.1, tone + 5, 0.6, 0.8, 0.1, 0.5, 0.2, 0.3, 0.2], abs=1e-4
    )
    assert kind[KIND.index("European") :] == pytest.approx(groups.likely(vector(), tone + 5)[:-1], abs=1e-5)


@pytest.mark.parametrize("measured", [-90.0, 90.0])
def test_light_moves_the_tone_only_so_far(measured: float) -> None:
    tone = PEOPLE.maps.tone_of(vector())
    kind = source_kind.kind_of(replace(LOOK, skin_ita=measured), vector(), PEOPLE)
    assert kind[KIND.index("ita")] == pytest.approx(tone + np.sign(measured) * source_kind.TONE_TRUST, abs=1e-3)


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
