"""Faces between two people of the catalogue, made and measured by the real networks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.errors import Withheld
from models.inpainting import by_kind, catalogue, choosing
from models.inpainting.catalogue_inpainter import CatalogueInpainter
from models.interfaces.twins import Twin
from tests.contracts import support
from tests.contracts.test_inpainter import job


@pytest.fixture
def inpainter() -> CatalogueInpainter:
    return support.load("inpainter", "mobilestylegan")


def test_a_blend_that_is_too_near_is_replaced_by_the_next(
    inpainter: CatalogueInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = catalogue.load()
    wanted = job(taken=tuple(range(len(people))), allow_any_candidate=True)
    somebody = wanted.source
    wanted = replace(wanted, others=somebody)
    order = choosing.candidates(people, wanted)
    assert min(order) >= len(people)
    first = inpainter.inpaint(wanted)
    assert first.candidate == order[0]

    made, make = [], CatalogueInpainter._make

    def like_somebody(self: CatalogueInpainter, people: catalogue.Catalogue, candidate: int) -> Twin | None:
        made.append(candidate)
        twin = make(self, people, candidate) if len(made) != 2 else None
        return replace(twin, embedding=somebody[0]) if twin is not None and len(made) == 1 else twin

    monkeypatch.setattr(CatalogueInpainter, "_make", like_somebody)
    assert inpainter.inpaint(wanted).candidate == order[2], "the first looked like somebody, the second had no face"
    assert made == order[:3]

    monkeypatch.setattr(CatalogueInpainter, "_make", lambda *_: replace(first, embedding=somebody[0]))
    with pytest.raises(Withheld) as raised:
        inpainter.inpaint(wanted)
    assert raised.value.reason == "no_candidate"


def test_people_of_the_kind_who_may_serve_come_first(inpainter: CatalogueInpainter) -> None:
    people = catalogue.load()
    kind = by_kind.strangers(people, job(), 3)
    wanted = job(kindred=tuple(reversed(kind)), kind_first=True)
    assert inpainter.inpaint(wanted).candidate == kind[-1]
    assert inpainter.inpaint(replace(wanted, taken=(kind[-1],))).candidate == kind[-2]
    later = replace(wanted, kind_first=False)
    assert inpainter.inpaint(later).candidate == choosing.candidates(people, later)[0]


def test_a_control_stranger_who_becomes_the_twin_is_made_once(
    inpainter: CatalogueInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = inpainter.strangers(job(), 2)
    monkeypatch.setattr(inpainter._generator, "picture", lambda latent: pytest.fail("made again"))
    wanted = job(kindred=(second.candidate,), kind_first=True)
    assert inpainter.inpaint(wanted).picture is second.picture
    with pytest.raises(ValueError, match="read-only"):
        first.picture[0, 0] = 0
