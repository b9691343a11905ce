"""Head pose, with angles whose errors are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.evaluation.measure.figures import AXES
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.usefulness.pose import ERROR, MOTION, of
from tests.tasks.evaluation.metrics.support import measured


def angles(ours: list[float], theirs: list[float], axis: int) -> np.ndarray:
    result = np.zeros((2, len(ours), 3), np.float32)
    result[0, :, axis], result[1, :, axis] = ours, theirs
    return result


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_axis_has_its_own_errors(axis: int) -> None:
    # Errors 4, 5, 9: mean 6; about the median 5 they are 1, 0 and 4.
    found = of(measured(3, angles=angles([0, 10, 20], [4, 15, 29], axis)))
    for n, name in enumerate(AXES):
        assert found[ERROR, name].value == (6 if n == axis else 0) and found[ERROR, name].samples == 3
        assert found[MOTION, name].value == pytest.approx(5 / 3 if n == axis else 0)


def test_the_constant_is_each_persons_own() -> None:
    pair = angles([0, 0, 0, 0], [10, 12, -10, -10], 1)
    assert of(measured(4, [0, 0, 1, 1], angles=pair))[MOTION, "yaw"].value == pytest.approx(0.5)
    assert of(measured(4, angles=pair))[MOTION, "yaw"].value == pytest.approx((10 + 12 + 10 + 10) / 4)


def test_a_head_upside_down_turns_the_short_way() -> None:
    # Errors of 2, -4 and 2 degrees, though the numbers differ by nearly a turn.
    found = of(measured(3, angles=angles([179, -178, 179], [-179, 178, -179], 2)))
    assert found[ERROR, "roll"].value == pytest.approx(8 / 3) and found[MOTION, "roll"].value == pytest.approx(2)
    # Errors about half a turn: 178, -178 and 178; the second is 4 from the others.
    found = of(measured(3, angles=angles([0, 0, 0], [178, -178, 178], 2)))
    assert found[MOTION, "roll"].value == pytest.approx(4 / 3)


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_motion_knows_no_constant(constant: float, other: float) -> None:
    ours = [0.0, 5.0, 9.0, -3.0]
    first, second = (
        of(measured(4, [0, 0, 1, 1], angles=angles(ours, theirs, 0)))[MOTION, "pitch"].value
        for theirs in ([1, 7, 9, -3], [1 + constant, 7 + constant, 9 + other, -3 + other])
    )
    assert first == pytest.approx(0.25, abs=1e-4) and second == pytest.approx(first, abs=1e-4)


def test_rows_unknown_on_either_side_are_left_out() -> None:
    pair = angles([0, 10, 20, 0], [4, 15, 90, 80], 0)
    pair[1, 2, 2] = pair[0, 3, 1] = np.nan
    found = of(measured(4, angles=pair))
    assert found[ERROR, "pitch"].value == 4.5 and found[ERROR, "pitch"].samples == 2


def test_single_frames_show_no_motion() -> None:
    pair = angles([0, 0, 0], [10, 20, 23], 1)
    one = of(measured(1, angles=pair[:, :1]))
    assert one[ERROR, "yaw"].value == 10 and not one[MOTION, "yaw"].known and one[MOTION, "yaw"].note
    assert not of(measured(2, [0, 1], angles=pair[:, :2]))[MOTION, "yaw"].known, "one frame of each of two people"
    mixed = of(measured(3, [0, 1, 1], angles=pair))[MOTION, "yaw"]
    assert mixed.value == 1.5 and mixed.samples == 2


@pytest.mark.parametrize("file", [measured(3), measured(0), Measured.empty()])
def test_nothing_known_is_said(file: Measured) -> None:
    found = of(file)
    assert len(found) == 6 and not any(figure.known for figure in found.values())
    assert all(figure.note for figure in found.values())
