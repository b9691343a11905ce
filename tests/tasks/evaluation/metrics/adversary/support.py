"""Files of people whose likeness is known by hand.

Every person and every session (the room and the light of one file) has a direction of its own. An original lies
between both, so that two files of one person are 0.5 apart, and what has nothing in common 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.evaluation.metrics.clip import Clip, reduce
from tests.tasks.evaluation.metrics.support import measured

DIMENSION = 64
NEAR = 0.6
"""A threshold at which two files of one person match and strangers do not."""
MAN, WOMAN = (30.0, 0.1, 40.0), (30.0, 0.9, 40.0)
"""Apparent age, probability of female, skin tone."""


def person(number: int) -> np.ndarray:
    return np.eye(DIMENSION)[number]


def session(index: int) -> np.ndarray:
    return np.eye(DIMENSION)[DIMENSION - 1 - index]


def nothing(index: int) -> np.ndarray:
    """A direction that no original has a part in."""
    return np.eye(DIMENSION)[DIMENSION // 2 - index]


def original(who: int, index: int) -> np.ndarray:
    return person(who) + session(index)


def clip(
    index: int,
    who: int,
    result: np.ndarray | None = None,
    kind: tuple[float, float, float] = MAN,
    faces: int = 2,
    unembedded: Sequence[int] = (),
    bystanders: int = 0,
) -> Clip:
    """A file of one person. result: direction of the result's faces, None without one. unembedded: rows of the result
    that no network could embed. bystanders: more faces, of somebody else who looks like nobody."""
    n = faces + bystanders
    whose = np.array([0] * faces + [1] * bystanders)
    vectors = np.full((2, n, DIMENSION), np.nan, np.float32)
    for row in range(n):
        mine = original(who, index) if whose[row] == 0 else nothing(20 + index)
        vectors[0, row] = mine / np.linalg.norm(mine)
        if result is not None and row not in unembedded:
            vectors[1, row] = result / np.linalg.norm(result)
    looks = np.full((3, 2, n), np.nan, np.float32)
    looks[:, 0] = np.array(kind)[:, None]
    there = result is not None
    file = measured(
        n, person=whose, vectors={"fake": vectors}, shared=n * there, shown=np.full(n, there), frame=40 * np.arange(n),
        age=looks[0], female=looks[1], skin=looks[2],
    )  # fmt: skip
    return reduce(file, index, {0: who, 1: 1000 + index} if bystanders else {0: who})
