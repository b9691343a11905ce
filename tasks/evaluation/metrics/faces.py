"""Embedded faces, as the attacks take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats


@dataclass(frozen=True)
class Faces:
    """Faces of one side of a dataset, seen by one embedder. Identifying.

    Attributes:
        vectors: (n, D) float32 unit vectors.
        person: (n,) int64, the same number on both sides for one person.
        clip: (n,) int64, the input it is from.
        frame: (n,) int64 within the input.
    """

    vectors: Floats
    person: NDArray[np.int64]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.vectors) == len(self.person) == len(self.clip) == len(self.frame):
            raise ValueError("The columns of embedded faces differ in length.")

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Faces:
        """Choose rows.

        Args:
            rows: (k,) indices, or (n,) bool.

        Returns:
            The chosen rows.
        """
        return Faces(self.vectors[rows], self.person[rows], self.clip[rows], self.frame[rows])
