"""The rehearsal: the audit's question on the sampled frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.interfaces.capabilities import Face, Image
from models.interfaces.twins import Strength
from tasks.audit import preaudit
from tasks.audit.preaudit import PreauditResult
from tasks.audit.recognisers import AuditNetworks, AuditRecogniser
from tasks.generation.painting import Trial
from tests.tasks import support

Far = Callable[[Image, Face], float]


def rehearsed(
    *far: Far, usable: bool = True, workers: int = 1, strict: bool = False, margin: float = 0.0, general: float = 0.6
) -> PreauditResult:
    """Three samples; the limit in place is 0.6 for one of them, 0.744 for the score of all; strangers lie at 1.
    general: what a general matcher asks for."""
    found = support.tracks(support.track())
    people = support.people(found)
    driving = support.drivings(found, people).drivings[0]
    if not usable:
        driving = replace(driving, usable=np.zeros(8, bool))
    judges = tuple(AuditRecogniser(support.Embedder(each), general, strict=strict) for each in far)
    panel = AuditNetworks(support.Search([]), support.Detector([]), support.Landmarker(), judges)
    cut = support.samples(found, (0, 2, 4))
    trial = Trial(support.twin(), {0: driving}, support.Painter(), Strength())
    return preaudit.run(
        trial, cut.samples, panel, support.controls(cut, people.identities[0], len(far)), workers=workers, margin=margin
    )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("near", [0, 1, 2])
def test_one_near_sample_is_enough(near: int, workers: int) -> None:
    # The last is of the twin's own picture.
    answers = iter([*(0.3 if index == near else 0.9 for index in range(3)), 0.9])
    assert rehearsed(lambda *_: next(answers), workers=workers).recognised


def test_far_samples_are_not_recognised_and_one_judge_is_enough() -> None:
    assert not rehearsed(lambda *_: 0.9, lambda *_: 0.76).recognised
    assert rehearsed(lambda *_: 0.9, lambda *_: 0.59).recognised
    assert rehearsed(lambda *_: 0.9, lambda *_: 0.7).recognised, "an outlier among strangers"


def test_strictly_a_single_pair_under_the_general_threshold_is_enough() -> None:
    # The last is of the twin's own picture.
    answers = [0.9, 0.84, 0.9, 0.9]
    for strict in (False, True):
        given = iter(answers)
        assert rehearsed(lambda *_: next(given), strict=strict, general=0.85).recognised is strict  # noqa: B023


@pytest.mark.parametrize("strict", [False, True])
def test_a_general_matcher_must_not_take_it_for_the_source_by_a_margin(strict: bool) -> None:
    for margin, recognised in ((0.1, True), (0.05, False)):
        assert rehearsed(lambda *_: 0.9, strict=strict, margin=margin, general=0.85).recognised is recognised
    assert rehearsed(lambda *_: 0.8, strict=strict, general=0.85).recognised


@pytest.mark.parametrize("strict", [False, True])
def test_only_strictly_must_it_be_farther_than_strangers_in_the_same_place(strict: bool) -> None:
    assert rehearsed(lambda *_: 1.01, strict=strict, general=1.1).recognised is strict
    assert rehearsed(lambda *_: 0.98, strict=strict, general=1.1).recognised
    assert rehearsed(lambda *_: 1.01, strict=strict, general=1.1, margin=0.05).recognised


def test_no_number_counts_as_recognised() -> None:
    assert rehearsed(lambda *_: float("nan")).recognised


@pytest.mark.parametrize("strict", [False, True])
def test_each_judge_knows_the_twin_by_its_picture(strict: bool) -> None:
    near, far = rehearsed(
        lambda image, _: 0.3 if image.shape[0] == 128 else 0.9,
        lambda image, _: 0.4 if image.shape[0] == 128 else 0.9,
        strict=strict,
        general=0.85,
    ).twin
    assert 1 - near.template[0] == pytest.approx(0.3, abs=1e-5) and 1 - far.template[0] == pytest.approx(0.4, abs=1e-5)
    assert near.limit == far.limit == 0.85 and not len(near.vectors)


def test_what_cannot_be_painted_is_not_asked() -> None:
    def never(*_: object) -> float:
        raise AssertionError("nothing was painted")

    assert rehearsed(never, usable=False) == PreauditResult(False, ())
