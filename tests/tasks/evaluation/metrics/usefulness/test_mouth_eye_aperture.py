"""How mouth and eyes open, on made motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from tasks.evaluation.measure.figures import OPENINGS
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.usefulness.mouth_eye_aperture import CORRELATION, LAG, of
from tests.tasks.evaluation.metrics.support import measured

TALK = np.random.default_rng(4).uniform(0, 0.3, 60)


def openings(ours: np.ndarray, theirs: np.ndarray, name: str = "mouth") -> np.ndarray:
    result = np.full((2, len(ours), 5), 0.2, np.float32)
    result[0, :, OPENINGS.index(name)], result[1, :, OPENINGS.index(name)] = ours, theirs
    return result


def lagging(frames: int) -> np.ndarray:
    """The same talk so many frames later."""
    return np.roll(TALK, frames)


@pytest.mark.parametrize("name", ["mouth", "eyes"])
def test_correlation_is_pearsons(name: str) -> None:
    theirs = 0.5 * TALK + np.random.default_rng(5).normal(0, 0.05, 60)
    found = of(measured(60, openings=openings(TALK, theirs, name)))
    assert found[CORRELATION, name].value == pytest.approx(pearsonr(TALK, theirs).statistic, abs=1e-5)
    assert found[CORRELATION, name].samples == 60
    other = "eyes" if name == "mouth" else "mouth"
    assert not found[CORRELATION, other].known and found[CORRELATION, other].note == "Hardly moves in the original."


def test_that_mouths_differ_between_people_is_no_motion() -> None:
    person = np.repeat([0, 1], 10)
    apart = np.where(person == 0, 0.1, 0.3)
    found = of(measured(20, person.tolist(), openings=openings(apart, apart)))[CORRELATION, "mouth"]
    assert not found.known and found.note == "Hardly moves in the original."


def test_a_mouth_that_is_frozen_is_told_from_one_that_was_still() -> None:
    found = of(measured(60, openings=openings(TALK, np.full(60, 0.1))))
    assert not found[CORRELATION, "mouth"].known and found[CORRELATION, "mouth"].note == "Does not move any more."
    assert not found[LAG, ""].known and found[LAG, ""].note == "The mouth does not move as in the original."
    still = of(measured(60, openings=openings(np.full(60, 0.1), TALK)))
    assert "original" in still[CORRELATION, "mouth"].note and "in the original" in still[LAG, ""].note


@given(st.integers(-10, 10))
def test_the_lag_that_was_put_in_comes_out(lag: int) -> None:
    found = of(measured(60, openings=openings(TALK, lagging(lag))))[LAG, ""]
    assert found.value == lag and found.note == "correlation 1.000", "positive: the anonymized mouth moves later"


def test_gaps_and_unknown_frames_keep_their_time() -> None:
    talk = np.random.default_rng(6).uniform(0, 0.3, 90)
    # Every third frame is missing, so that three frames later is two rows later.
    frames = np.flatnonzero(np.arange(90) % 3 < 2)
    pair = openings(talk, np.roll(talk, 3))[:, frames]
    pair[1, 20:25] = np.nan
    found = of(measured(60, frame=frames, openings=pair))[LAG, ""]
    assert found.value == 3 and found.note == "correlation 1.000"


def test_the_lag_is_of_whoever_is_seen_most() -> None:
    person = [0] * 20 + [5] * 60
    frame = np.concatenate([np.arange(20), np.arange(60)])
    pair = np.concatenate([openings(TALK[:20], TALK[:20]), openings(TALK, lagging(2))], axis=1)
    assert of(measured(80, person, frame=frame, openings=pair))[LAG, ""].value == 2


def test_a_lag_takes_every_frame_of_a_second_on_both_sides() -> None:
    def lag(pair: np.ndarray, step: int = 1) -> str:
        found = of(measured(pair.shape[1], frame=step * np.arange(pair.shape[1]), openings=pair))[LAG, ""]
        return "" if found.known else found.note

    pair = openings(TALK, TALK)
    assert lag(pair) == lag(pair[:, :30]) == ""
    assert lag(pair, 2) == lag(pair[:, :29]) == "Needs both mouths on every frame of at least a second."
    pair[1, 29:] = np.nan
    assert lag(pair) == "Needs both mouths on every frame of at least a second."


def test_motion_of_another_kind_has_no_lag() -> None:
    theirs = np.random.default_rng(8).uniform(0, 0.3, 60)
    found = of(measured(60, openings=openings(TALK, theirs)))
    assert abs(found[CORRELATION, "mouth"].value) < 0.3, "known, and bad"
    assert not found[LAG, ""].known


def test_few_frames_are_no_correlation() -> None:
    found = of(measured(4, openings=openings(TALK[:4], TALK[:4])))
    assert not found[CORRELATION, "mouth"].known and "Fewer than 5" in found[CORRELATION, "mouth"].note


@pytest.mark.parametrize("file", [measured(40), measured(0), Measured.empty()])
def test_nothing_known_is_said(file: Measured) -> None:
    assert len(of(file)) == 3 and all(not figure.known and figure.note for figure in of(file).values())
