"""Gaze in degrees of an average eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.evaluation.measure.figures import OPENINGS
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.usefulness.gaze import ERROR, MOTION, degrees, of
from tests.tasks.evaluation.metrics.support import measured


def openings(ours: list[float], theirs: list[float], name: str = "gaze_x") -> np.ndarray:
    """Irises that far, in degrees."""
    result = np.zeros((2, len(ours), 5), np.float32)
    for k, side in enumerate((ours, theirs)):
        result[k, :, OPENINGS.index(name)] = [math.sin(math.radians(angle)) / 2.5 for angle in side]
    return result


def test_an_eye_turns_about_its_ball() -> None:
    # 30 mm wide, ball of 12 mm: 6 mm off the middle is half the radius, 30 degrees.
    assert degrees(np.array([0.0, 6 / 30, -6 / 30, 12 / 30])) == pytest.approx([0, 30, -30, 90])
    assert degrees(np.array([0.9, -0.9])).tolist() == [90, -90] and np.isnan(degrees(np.array([np.nan]))[0])


@pytest.mark.parametrize(("name", "variant"), [("gaze_x", "sideways"), ("gaze_y", "up and down")])
def test_errors_of_each_direction(name: str, variant: str) -> None:
    found = of(measured(3, openings=openings([0, 10, -20], [3, 14, -10], name)))
    # Errors 3, 4, 10; about the median 4 they are 1, 0 and 6.
    assert found[ERROR, variant].value == pytest.approx(17 / 3, abs=1e-4)
    assert found[MOTION, variant].value == pytest.approx(7 / 3, abs=1e-4)
    other = ({"sideways", "up and down"} - {variant}).pop()
    assert found[ERROR, other].value == found[MOTION, other].value == 0
    assert found[ERROR, variant].samples == found[MOTION, variant].samples == 3


def test_what_is_unknown_is_left_out_and_people_have_their_own_constant() -> None:
    pair = openings([0, 0, 0, 0, 0], [5, 5, -8, -8, 60])
    pair[1, 4, 0] = np.nan
    found = of(measured(5, [0, 0, 1, 1, 1], openings=pair))
    assert found[ERROR, "sideways"].value == pytest.approx(6.5, abs=1e-4) and found[ERROR, "sideways"].samples == 4
    assert found[MOTION, "sideways"].value == pytest.approx(0, abs=1e-5)


def test_single_frames_show_no_motion() -> None:
    pair = openings([0, 0], [5, 9])
    for file in (measured(1, openings=pair[:, :1]), measured(2, [0, 1], openings=pair)):
        found = of(file)[MOTION, "sideways"]
        assert not found.known and found.note == "One frame shows no motion."


@pytest.mark.parametrize("file", [measured(3), measured(0), Measured.empty()])
def test_nothing_known_is_said(file: Measured) -> None:
    assert len(of(file)) == 4 and all(not figure.known and figure.note for figure in of(file).values())
