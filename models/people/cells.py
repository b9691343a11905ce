"""Cells of people: all that a twin is told of its source.

The synthetic people who were measured (`tools.people`) are parted by coarse axes of what people look like, until no
part can be parted again without one of fewer than K people. A source falls into one cell, and its twin is drawn for the
centre of that cell, so that whoever inverts everything learns the cell and nothing finer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from models.people import groups
from models.people.meter import LOOKS

KIND = (*LOOKS, *groups.GROUPS[:-1])
"""The axes: looks, then the shares of the groups (the last follows from the others)."""
_SHARES = slice(len(LOOKS), None)


@dataclass(frozen=True)
class Cells:
    """A binary tree over KIND; node 0 is its root.

    Attributes:
        axis: (n,) int, the axis by which a node is parted, -1 for a cell.
        bound: (n,) values up to which one goes to the lower child.
        lower: (n,) int, the child for values up to the bound; for a cell its number.
        upper: (n,) int, the other child; for a cell how many measured people it holds.
        centres: (c, len(KIND)) what the people of each cell look like.
    """

    axis: NDArray[np.int64]
    bound: Floats
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    centres: Floats

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(c,) how many measured people each cell holds."""
        ends = self.axis < 0
        return self.upper[ends][np.argsort(self.lower[ends])]

    @property
    def targets(self) -> Floats:
        """(c, len(KIND)) what is asked of people who are drawn: the centres, but of the group that prevails there.

        Shares are squared: the middle of people who look East Asian to seven parts of ten looks like nobody's kind.
        """
        targets = self.centres.copy()
        shares = groups.complete(targets[:, _SHARES]) ** 2
        targets[:, _SHARES] = (shares / shares.sum(axis=1, keepdims=True))[:, :-1]
        return targets

    def of(self, kind: Floats) -> int:
        """Return the cell of a kind.

        Args:
            kind: (len(KIND),) finite values.

        Returns:
            Number of the cell.
        """
        node = 0
        while self.axis[node] >= 0:
            low = kind[self.axis[node]] <= self.bound[node]
            node = int(self.lower[node] if low else self.upper[node])
        return int(self.lower[node])

    def of_each(self, kinds: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the cells of several kinds.

        Args:
            kinds: (n, len(KIND)) finite values.

        Returns:
            (n,) numbers of the cells.
        """
        return np.array([self.of(kind) for kind in kinds.astype(np.float32)], np.int64)
