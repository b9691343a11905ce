"""The rehearsal: the audit's question on the sampled frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.capabilities import Face, Image
from models.twins import Strength
from tasks import rehearse
from tasks.judges import Judge, Panel
from tasks.verify import Trial
from tests.tasks import support

SOURCE = np.eye(4, dtype=np.float32)[:1]
Far = Callable[[Image, Face], float]


def recognised(*far: Far, usable: bool = True, workers: int = 1, framed: bool = True, margin: float = 0.0) -> bool:
    found = support.tracks(support.track())
    driving = support.drivings(found, support.people(found)).drivings[0]
    if not usable:
        driving = replace(driving, usable=np.zeros(8, bool))
    detector = support.Detector([support.face(112, 112, 100)] if framed else [])
    judges = tuple(Judge(support.Embedder(each), 0.5) for each in far)
    panel = Panel(support.Search([]), detector, (detector,), judges)
    samples = support.samples(found, (0, 2, 4)).samples
    trial = Trial(support.twin(), {0: driving}, support.Painter(), Strength())
    return rehearse.recognises(trial, samples, panel, [SOURCE] * len(far), workers, margin=margin)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("near", [0, 1, 2])
def test_one_near_sample_is_enough(near: int, workers: int) -> None:
    answers = iter([0.3 if index == near else 0.9 for index in range(3)])
    assert recognised(lambda *_: next(answers), framed=False, workers=workers)


def test_far_samples_are_not_recognised() -> None:
    assert not recognised(lambda *_: 0.9, lambda *_: 0.51)


def test_one_judge_is_enough() -> None:
    assert recognised(lambda *_: 0.9, lambda *_: 0.49)


def test_the_threshold_itself_and_no_number_count_as_recognised() -> None:
    assert recognised(lambda *_: 0.5) and recognised(lambda *_: float("nan"))


def test_a_margin_is_a_share_of_the_threshold() -> None:
    assert not recognised(lambda *_: 0.56, margin=0.1) and recognised(lambda *_: 0.54, margin=0.1)


def test_a_detectors_framing_counts_too() -> None:
    answers = iter([0.9, 0.2] * 3)
    assert recognised(lambda *_: next(answers))


def test_what_cannot_be_painted_is_not_asked() -> None:
    def never(*_: object) -> float:
        raise AssertionError("nothing was painted")

    assert not recognised(never, usable=False)
