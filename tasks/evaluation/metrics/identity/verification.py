"""Telling from two faces whether they are one person, at a fixed share of strangers who are taken for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.faces import Faces

FARS = (1e-3, 1e-2)
MOST = 200_000
APART = 50
"""Frames, two seconds of most videos: nearer ones of a clip show almost the same picture."""
MIN_PEOPLE = 4
_PER_PERSON = 300
_BLOCK = 8192
_PAIRS = (
    "Pairs of an original and an anonymized face of one person (of different clips where there are some) whose cosine "
    "similarity is above a threshold"
)
_SOURCE = "Live face de-identification in video, table 5"


def _definition(far: float) -> Definition:
    return Definition(
        f"tar_at_far_{far:g}",
        f"Verified at a false acceptance rate of {far:g}",
        "share",
        Better.LOWER,
        f"{_PAIRS} that accepts {far:g} of the pairs of original faces of different people; the threshold for a person "
        "is taken from pairs of other folds of people, and every person counts the same.",
        _SOURCE if far == 1e-3 else _SOURCE + " (there at 0.001)",
    )


TAR = {far: _definition(far) for far in FARS}


_Grid = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_] | None]
"""Rows, columns, and which cells between them may be drawn; None for all."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of faces.

    Attributes:
        score: (n,) float32 cosine similarity.
        person, other: (n,) int64, of either face.
        weight: (n,) float64, sums to 1 with the same sum for every pair of people (or person, where both are one).
    """

    score: Floats
    person: NDArray[np.int64]
    other: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Trials:
    """What a verifier is tried on.

    Attributes:
        genuine: original and anonymized face of one person.
        baseline: two original faces of one person.
        impostors: original faces of two people.
    """

    genuine: Pairs
    baseline: Pairs
    impostors: Pairs


@dataclass(frozen=True)
class Roc:
    """Curves of (n,) points each, n <= 200.

    Attributes:
        far: rising, from one impostor pair up to 1.
        anonymized, original: true acceptance rates, NaN where there are no such pairs.
    """

    far: NDArray[np.float64]
    anonymized: NDArray[np.float64]
    original: NDArray[np.float64]


def pairs(original: Faces, anonymized: Faces, apart: int = APART, most: int = MOST, seed: int = 0) -> Trials:
    """Draw pairs of faces of each kind without repetition.

    As many are drawn of each pair of people as it has, up to an equal share. Two faces of one person are from different
    clips; where the person has no such pair, from one clip: any two for original against anonymized, two at least
    `apart` frames from each other among originals. Of more than `most` pairs of people (or people) a random part is
    taken, and of a person's faces at most 300.

    Args:
        original: original faces.
        anonymized: anonymized faces.
        apart: frames.
        most: pairs of each kind at most.
        seed: of the draws.

    Returns:
        The pairs.
    """
    random = np.random.default_rng(seed)
    ours, theirs = _by_person(original, random), _by_person(anonymized, random)
    names = sorted(ours)
    both = [name for name in names if name in theirs]

    def crossed(number: int) -> _Grid:
        left, right = ours[both[number]], theirs[both[number]]
        allowed = original.clip[left][:, None] != anonymized.clip[right]
        return left, right, allowed if allowed.any() else None

    def within(number: int) -> _Grid:
        rows = ours[names[number]]
        clip, frame = original.clip[rows], original.frame[rows]
        allowed = clip[:, None] != clip
        if not allowed.any():
            allowed = np.abs(frame[:, None] - frame) >= apart
        return rows, rows, np.triu(allowed, 1)

    def strangers(number: int) -> _Grid:
        # Of the pairs a < b, b * (b - 1) / 2 come before the first of b.
        b = int((1 + np.sqrt(1 + 8 * number)) / 2)
        return ours[names[number - b * (b - 1) // 2]], ours[names[b]], None

    return Trials(
        _drawn(original, anonymized, len(both), crossed, most, random),
        _drawn(original, original, len(names), within, most, random),
        _drawn(original, original, len(names) * (len(names) - 1) // 2, strangers, most, random),
    )


def tar_at_far(trials: Trials, fars: Sequence[float] = FARS, folds: int = 10, seed: int = 0) -> dict[float, Figure]:
    """Work out the share of genuine pairs that are accepted at fixed false acceptance rates.

    People are dealt into `folds` folds, or as many as there are people. A fold's threshold is the lowest that accepts
    no more than FAR of the impostor pairs of which neither person is in it. The interval is over people, the thresholds
    held as they are. Face pairs of two people are not independent, so a threshold of few people is less sure than the
    number of pairs says.

    Args:
        trials: the pairs.
        fars: false acceptance rates.
        folds: number of folds.
        seed: of the deal.

    Returns:
        FAR -> the mean over people of the share of their genuine pairs that are accepted; `original`: of the baseline.
        Not known with fewer than four people, or where a fold is left with fewer than 10 / FAR impostor pairs.
    """
    impostors, genuine, baseline = trials.impostors, trials.genuine, trials.baseline
    names = np.unique(np.concatenate([impostors.person, impostors.other, genuine.person, baseline.person]))
    if len(names) < MIN_PEOPLE:
        note = f"{len(names)} people with {len(impostors)} impostor pairs; at least {MIN_PEOPLE} people are needed."
        return {far: Figure.unknown(note) for far in fars}
    if not len(genuine):
        return {far: Figure.unknown("Nobody has both an original and an anonymized face.") for far in fars}
    count = max(2, min(folds, len(names)))
    dealt = np.random.default_rng(seed).permutation(np.arange(len(names)) % count)

    def fold(people: NDArray[np.int64]) -> NDArray[np.int64]:
        return dealt[np.searchsorted(names, people)]

    left, right = fold(impostors.person), fold(impostors.other)
    others = [(left != number) & (right != number) for number in range(count)]
    fewest = min(int(one.sum()) for one in others)
    result = {}
    for far in fars:
        needed = int(np.ceil(10 / far - 1e-6))
        if fewest < needed:
            result[far] = Figure.unknown(f"{fewest} impostor pairs to take a threshold from; {needed} are needed.")
            continue
        limits = np.array([_thresholds(impostors.score[one], impostors.weight[one], [far])[0] for one in others])
        people, share = _accepted(genuine, limits[fold(genuine.person)])
        _, before = _accepted(baseline, limits[fold(baseline.person)])
        deviation = np.std([share[fold(people) == number].mean() for number in np.unique(fold(people))])
        figure = bootstrap.mean(share, people)
        result[far] = replace(
            figure,
            samples=len(genuine),
            original=float(before.mean()) if len(before) else float("nan"),
            chance=far,
            note=f"{figure.note} Deviation over folds {deviation:.3f}.".strip(),
        )
    return result


def roc(trials: Trials, points: int = 200) -> Roc:
    """Work out true acceptance rates over false ones, spaced evenly on a logarithmic scale.

    Thresholds are taken from all impostor pairs. Below 10 / their number, a rate is that of a few pairs.

    Args:
        trials: the pairs.
        points: number of points, 200 at most.

    Returns:
        The curves; no points without impostor pairs.
    """
    impostors = trials.impostors
    if not len(impostors):
        return Roc(np.empty(0), np.empty(0), np.empty(0))
    far = np.geomspace(1 / len(impostors), 1, min(points, 200))
    limits = _thresholds(impostors.score, impostors.weight, far)
    return Roc(far, _above(trials.genuine, limits), _above(trials.baseline, limits))


def _by_person(faces: Faces, random: np.random.Generator) -> dict[int, NDArray[np.int64]]:
    names, counts = np.unique(faces.person, return_counts=True)
    # Splitting nothing gives one empty part.
    groups = np.split(np.argsort(faces.person, kind="stable"), np.cumsum(counts)[:-1])[: len(names)]
    return {
        int(name): rows if len(rows) <= _PER_PERSON else np.sort(random.choice(rows, _PER_PERSON, replace=False))
        for name, rows in zip(names, groups, strict=True)
    }


def _drawn(
    a: Faces, b: Faces, units: int, grid: Callable[[int], _Grid], most: int, random: np.random.Generator
) -> Pairs:
    """Pairs of rows of a and b; `grid`: number of a pair of people, below `units` -> which rows can be paired."""
    chosen = np.arange(units) if units <= most else random.choice(units, most, replace=False)
    quota = max(1, most // max(1, len(chosen)))
    left, right, weight = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for number in chosen.tolist():
        rows, columns, allowed = grid(number)
        total = len(rows) * len(columns) if allowed is None else int(allowed.sum())
        cells = random.choice(total, quota, replace=False) if total > quota else np.arange(total)
        if allowed is not None:
            cells = np.flatnonzero(allowed)[cells]
        left.append(rows[cells // len(columns)])
        right.append(columns[cells % len(columns)])
        weight.append(np.full(len(cells), 1 / max(1, len(cells))))
    i, j, weights = np.concatenate(left), np.concatenate(right), np.concatenate(weight)
    score = np.empty(len(i), np.float32)
    for start in range(0, len(i), _BLOCK):
        part = slice(start, start + _BLOCK)
        score[part] = np.einsum("nd,nd->n", a.vectors[i[part]], b.vectors[j[part]])
    return Pairs(score, a.person[i], b.person[j], weights / max(weights.sum(), 1e-12))


def _thresholds(
    score: Floats, weight: NDArray[np.float64], fars: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each FAR the lowest threshold that no more than FAR of the weight is above."""
    order = np.argsort(-score, kind="stable")
    above = np.cumsum(weight[order]) / weight.sum()
    # Sums of many shares miss round numbers by a little.
    first = np.searchsorted(above, np.asarray(fars) * (1 + 1e-9), side="right")
    return np.append(score[order].astype(np.float64), -np.inf)[first]


def _accepted(pairs: Pairs, limits: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The people of the pairs, and the share of each one's that are above the pairs' limits (n,)."""
    people, which, counts = np.unique(pairs.person, return_inverse=True, return_counts=True)
    return people, np.bincount(which, pairs.score > limits, len(people)) / counts


def _above(pairs: Pairs, limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the weight above each of the limits; NaN without pairs."""
    if not len(pairs):
        return np.full(len(limits), np.nan)
    order = np.argsort(pairs.score)
    below = np.append(0.0, np.cumsum(pairs.weight[order]))
    return np.clip(1 - below[np.searchsorted(pairs.score[order], limits, side="right")], 0, 1)
