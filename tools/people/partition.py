"""Parts measured people into cells of at least K: a regression tree over what people look like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.people.cells import KIND, Cells
from models.people.rules import ADULT

UNITS = {
    "age": 2.5,
    "female": 0.2,
    "ita": 15.0,
    "beard": 0.12,
    "glasses": 0.12,
    "fringe": 0.5,
    "crown": 0.5,
    "length": 0.35,
    "shade": 0.25,
    "warmth": 0.6,
    "European": 0.15,
    "African": 0.13,
    "East Asian": 0.13,
}
"""How much of each axis weighs the same: a part is split where that lowers the squared differences most."""
FIRST = "female"
"""The axis of the first split, at one half: nobody's twin is of another gender."""


@dataclass
class _Tree:
    """kinds: (n, len(KIND)) of the people; by: the same, as they are parted; scaled: that by UNITS."""

    kinds: NDArray[np.floating]
    by: NDArray[np.floating]
    scaled: NDArray[np.floating]
    axis: list[int] = field(default_factory=list)
    bound: list[float] = field(default_factory=list)
    lower: list[int] = field(default_factory=list)
    upper: list[int] = field(default_factory=list)
    centres: list[NDArray[np.float64]] = field(default_factory=list)


def part(kinds: NDArray[np.floating], least: int) -> Cells:
    """Part people into cells.

    Args:
        kinds: (n, len(KIND)) what they look like.
        least: K, how many of them each cell holds at least.

    Returns:
        The cells; their centres are medians, the gender of a centre is certain.

    Raises:
        ValueError: Fewer people than two cells need are of one gender.
    """
    first = KIND.index(FIRST)
    female = kinds[:, first] >= 0.5
    if min(female.sum(), (~female).sum()) < least:
        raise ValueError(f"Each gender needs at least {least} measured people.")
    # What is measured there of women is shade.
    by = np.array(kinds, np.float64)
    by[female, KIND.index("beard")] = 0.0
    tree = _Tree(kinds, by, by / np.array([UNITS[name] for name in KIND]))
    root = _node(tree, first, 0.5)
    for side, members in ((tree.lower, ~female), (tree.upper, female)):
        side[root] = _of_age(tree, np.flatnonzero(members), least)
    return Cells(
        np.array(tree.axis, np.int64),
        np.array(tree.bound, np.float32),
        np.array(tree.lower, np.int64),
        np.array(tree.upper, np.int64),
        np.array(tree.centres, np.float32),
    )


def _node(tree: _Tree, axis: int, bound: float) -> int:
    tree.axis.append(axis)
    tree.bound.append(bound)
    tree.lower.append(-1)
    tree.upper.append(-1)
    return len(tree.axis) - 1


def _of_age(tree: _Tree, members: NDArray[np.int64], least: int) -> int:
    """Children and adults apart: no cell holds both, or somebody's twin would be of the other age."""
    age = KIND.index("age")
    young = tree.by[members, age] < ADULT
    if min(young.sum(), (~young).sum()) < least:
        return _grow(tree, members, least)
    node = _node(tree, age, float(np.nextafter(np.float32(ADULT), np.float32(0))))
    tree.lower[node] = _grow(tree, members[young], least)
    tree.upper[node] = _grow(tree, members[~young], least)
    return node


def _grow(tree: _Tree, members: NDArray[np.int64], least: int) -> int:
    axis, bound = _best_split(tree, members, least)
    node = _node(tree, axis, bound)
    if axis < 0:
        centre = np.median(tree.kinds[members], axis=0).astype(np.float64)
        female = KIND.index(FIRST)
        centre[female] = float(centre[female] >= 0.5)
        tree.lower[node], tree.upper[node] = len(tree.centres), len(members)
        tree.centres.append(centre)
        return node
    low = tree.by[members, axis] <= bound
    tree.lower[node] = _grow(tree, members[low], least)
    tree.upper[node] = _grow(tree, members[~low], least)
    return node


def _best_split(tree: _Tree, members: NDArray[np.int64], least: int) -> tuple[int, float]:
    """(axis, bound) of the split that lowers the squared differences within both parts most; axis -1 for none."""
    best, chosen = 0.0, (-1, 0.0)
    count = len(members)
    if count < 2 * least:
        return chosen
    sizes = np.arange(1, count)
    for axis in range(tree.by.shape[1]):
        order = members[np.argsort(tree.by[members, axis], kind="stable")]
        rows = tree.scaled[order] - tree.scaled[order].mean(axis=0)
        sums = np.cumsum(rows, axis=0)[:-1]
        # Of centred rows, both parts' sums are each other's negative.
        gained = (sums**2).sum(axis=1) * (1 / sizes + 1 / (count - sizes))
        here = tree.by[order, axis]
        able = (sizes >= least) & (count - sizes >= least) & (here[1:] > here[:-1])
        if not able.any():
            continue
        cut = int(np.argmax(np.where(able, gained, -1.0)))
        if gained[cut] > best:
            best, chosen = float(gained[cut]), (axis, float(np.float32((here[cut] + here[cut + 1]) / 2)))
    return chosen
