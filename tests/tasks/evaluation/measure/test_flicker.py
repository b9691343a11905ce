"""The change of each person's face while the rows go by."""

from __future__ import annotations

import numpy as np

from tasks.evaluation.measure.flicker import Flicker
from tasks.evaluation.measure.look import Row, Side


def side(grey: int | None) -> Side:
    """One whose crop is of one grey, or who has none."""
    empty = np.zeros(0, np.float32)
    crop = np.full((96, 96, 3), grey, np.uint8) if grey is not None else np.zeros((0, 0, 3), np.uint8)
    return Side((), empty, empty, empty, 0.0, crop)


def settled(rows: list[Row], every: int = 1) -> tuple[list[float], list[float]]:
    """The unrest of both sides, NaN where there is no side."""
    memory = Flicker(every)
    done = [memory.close(row) for row in rows]
    assert all(part is None or not part.aligned.size for row in done for part in row.sides)
    assert [(row.frame, row.person) for row in done] == [(row.frame, row.person) for row in rows]
    one, other = ([np.nan if part is None else part.unrest for part in (row.sides[k] for row in done)] for k in (0, 1))
    return one, other


def test_it_is_the_change_since_the_frame_before_of_the_same_person() -> None:
    greys = {0: (100, 50), 1: (110, 80), 2: (105, 80), 4: (0, 0)}
    rows = [Row(frame, 3, 9.0, True, (side(a), side(b))) for frame, (a, b) in greys.items()]
    rows.insert(1, Row(0, 4, 9.0, True, (side(255), side(255))))
    before, after = settled(rows)
    assert np.array_equal(before, [np.nan, np.nan, 10, 5, np.nan], equal_nan=True)
    assert np.array_equal(after, [np.nan, np.nan, 30, 0, np.nan], equal_nan=True)
    before, _ = settled(rows, every=2)
    assert np.array_equal(before, [np.nan] * 4 + [105], equal_nan=True), "frames passed over are no gap"


def test_it_needs_a_picture_on_both_frames() -> None:
    sides = [(side(10), None), (side(20), side(None)), (side(50), side(50))]
    before, after = settled([Row(frame, 0, 9.0, True, both) for frame, both in enumerate(sides)])
    assert before[1:] == [10, 30] and np.isnan(after).all()
