"""Faces compared with pictures from other files: of their own person, and of strangers of the person's kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics.adversary.kinds import Kinds
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.identification import TIE

_CELLS = 1 << 22
"""Most similarities that are held at a time."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """One value for each probe, (n,) float64, NaN where not known.

    Attributes:
        own: share of the faces of the true person in other files that match, every file counting the same.
        strangers: the same for strangers of the kind, every one counting the same.
        rank: place of the true person, from 1, among all people by the most similar face of each.
        strangers_first: share of the strangers of the kind who come first.
        strangers_rank: their median place.
        choice: how many people there were to choose from.
    """

    own: Values
    strangers: Values
    rank: Values
    strangers_first: Values
    strangers_rank: Values
    choice: Values

    @property
    def first(self) -> Values:
        """(n,) 1 where the true person comes first, else 0; NaN where the rank is not known."""
        return np.where(np.isfinite(self.rank), (self.rank == 1).astype(np.float64), np.nan)


def compare(gallery: Faces, probes: Faces, kinds: Kinds, threshold: float) -> Compared:
    """Compare each probe with the gallery's faces of all files but its own.

    Args:
        gallery: originals; `clip` tells footage apart.
        probes: faces to be recognised.
        kinds: of the people in both.
        threshold: cosine distance up to which two faces match.

    Returns:
        The attacker is given ties, up to `TIE`: a face of the true person at the threshold matches and one of a
        stranger does not, and among people who are as similar the true one comes first and a stranger last.

    Raises:
        ValueError: a vector is not finite.
    """
    if not (np.isfinite(gallery.vectors).all() and np.isfinite(probes.vectors).all()):
        raise ValueError("An embedded face is not finite.")
    if not len(gallery) or not len(probes):
        return Compared(*(np.full(len(probes), np.nan) for _ in range(6)))
    index = _Index.of(gallery)
    size = max(1, _CELLS // len(gallery))
    parts = [
        _block(index, probes.take(np.arange(start, min(start + size, len(probes)))), kinds, threshold)
        for start in range(0, len(probes), size)
    ]
    return Compared(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Index:
    """A gallery by person and file.

    Attributes:
        faces: Sorted by person and file.
        files: (F,) first row of each file of a person.
        sizes: (F,) rows of each file.
        clips: (F,) clip of each file.
        starts: (P,) first file of each person.
        people: (P,) ascending.
    """

    faces: Faces
    files: NDArray[np.int64]
    sizes: NDArray[np.int64]
    clips: NDArray[np.int64]
    starts: NDArray[np.int64]
    people: NDArray[np.int64]

    @classmethod
    def of(cls, gallery: Faces) -> _Index:
        faces = gallery.take(np.lexsort((gallery.clip, gallery.person)))
        changes = (np.diff(faces.person) != 0) | (np.diff(faces.clip) != 0)
        files = np.concatenate([[0], np.flatnonzero(changes) + 1]).astype(np.int64)
        people, starts = np.unique(faces.person[files], return_index=True)
        sizes = np.diff(np.append(files, len(faces)))
        return cls(faces, files, sizes, faces.clip[files], starts.astype(np.int64), people)

    def shares(self, hits: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> Values:
        """Return the mean over a person's files of the share of their faces that are hit.

        Args:
            hits: (n, faces) whether each face is hit.
            hidden: (n, F) files that do not count.

        Returns:
            (n, P) shares; NaN where all files of a person are hidden.
        """
        files = np.add.reduceat(hits, self.files, axis=1, dtype=np.float64) / self.sizes
        files[hidden] = 0.0
        counts = np.add.reduceat(~hidden, self.starts, axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.add.reduceat(files, self.starts, axis=1) / counts)


def _block(index: _Index, probes: Faces, kinds: Kinds, threshold: float) -> tuple[Values, ...]:
    """The columns of `Compared` for some probes."""
    similar = probes.vectors @ index.faces.vectors.T
    similar[probes.clip[:, None] == index.faces.clip] = -np.inf
    hidden = probes.clip[:, None] == index.clips
    best = np.maximum.reduceat(np.maximum.reduceat(similar, index.files, axis=1), index.starts, axis=1)
    there = np.isfinite(best)
    truth = np.minimum(np.searchsorted(index.people, probes.person), len(index.people) - 1)
    rows = np.arange(len(probes))
    known = (index.people[truth] == probes.person) & there[rows, truth]
    hits, sure = similar >= 1.0 - threshold - TIE, similar > 1.0 - threshold + TIE
    near = index.shares(hits, hidden)
    # Hardly ever does a pair lie just at the threshold.
    clearly = near if np.array_equal(hits, sure) else index.shares(sure, hidden)
    mine = best[rows, truth]
    rank = 1.0 + (best > mine[:, None] + TIE).sum(axis=1)
    strangers = kinds.alike(probes.person, index.people) & there
    places = np.where(strangers, _last_places(best), np.nan)
    return (
        np.where(known, near[rows, truth], np.nan),
        _means(clearly, strangers),
        np.where(known, rank, np.nan),
        _means((places == 1).astype(np.float64), strangers),
        _medians(places, strangers),
        np.where(known, there.sum(axis=1), np.nan).astype(np.float64),
    )


def _last_places(best: Floats) -> Values:
    """(n, P) places of people by their (n, P) similarities, from 1; of several who are as similar all come last."""
    ordered = np.sort(best, axis=1)
    below = [np.searchsorted(line, row - np.float32(TIE)) for line, row in zip(ordered, best, strict=True)]
    return (best.shape[1] - np.array(below)).astype(np.float64)


def _means(values: Values, chosen: NDArray[np.bool_]) -> Values:
    """(n,) means over the chosen cells of (n, P) values; NaN where a row has none."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(chosen, values, 0.0).sum(axis=1) / chosen.sum(axis=1))


def _medians(values: Values, chosen: NDArray[np.bool_]) -> Values:
    """(n,) as `_means`, medians."""
    return np.array([np.median(row[some]) if some.any() else np.nan for row, some in zip(values, chosen, strict=True)])
