"""How much the aligned face of each person changes from one looked-at frame to the next, while the rows go by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.interfaces.capabilities import Image
from tasks.evaluation.measure import figures
from tasks.evaluation.measure.look import Row, Side

_NOTHING = np.zeros((0, 0, 3), np.uint8)


class Flicker:
    """Remembers the last crops of each person only, so that memory does not grow with the length of a file.

    Rows must come in the order of their frames.

    Args:
        every: frames from one look to the next.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._last: dict[int, tuple[int, tuple[Image, Image]]] = {}

    def close(self, row: Row) -> Row:
        """Measure the change of a row's sides since the frame before.

        Args:
            row: a row with its crops.

        Returns:
            The row with the change, NaN where there is none, and without crops.
        """
        crops = (_crop(row.sides[0]), _crop(row.sides[1]))
        frame, last = self._last.get(row.person, (row.frame, crops))
        self._last[row.person] = (row.frame, crops)
        follows = row.frame - frame == self._every
        before, after = row.sides
        return replace(
            row,
            sides=(
                _settled(before, crops[0], last[0], follows),
                None if after is None else _settled(after, crops[1], last[1], follows),
            ),
        )


def _crop(side: Side | None) -> Image:
    return _NOTHING if side is None else side.aligned


def _settled(side: Side, now: Image, last: Image, follows: bool) -> Side:
    known = follows and now.size > 0 and last.size > 0
    return replace(side, aligned=_NOTHING, unrest=figures.unrest(now, last) if known else float("nan"))
