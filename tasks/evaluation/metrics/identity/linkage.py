"""Whether anonymized clips match: those of one person each other, and those of different people by a shared twin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.embedding.vectors import distances, unit
from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.deidentification import appearances

MOST = 1_000_000
"""Most pairs of different people's clips that are listed."""
_BLOCK = 512
_SOURCE = "Own: what one pseudonym per person, or per video, promises"
SAME_PERSON = Definition(
    "linked_clips",
    "Anonymized clips of one person that match",
    "share",
    Better.NEITHER,
    "Share of the pairs of anonymized clips of one person whose mean embeddings are within the embedder's threshold: "
    "wanted where a person keeps one twin in all videos, unwanted where every video has twins of its own.",
    _SOURCE,
)
SHARED_TWIN = Definition(
    "shared_twins",
    "Different people who share a twin",
    "share",
    Better.LOWER,
    "Share of the pairs of anonymized clips of different people whose mean embeddings are within the embedder's "
    "threshold. On the originals it is the share of strangers that the embedder takes for one person.",
    _SOURCE,
)


@dataclass(frozen=True)
class Match:
    """Two people with clips that match.

    Attributes:
        clips, people: of either.
        distance: cosine distance of their templates.
    """

    clips: tuple[int, int]
    people: tuple[int, int]
    distance: float


@dataclass(frozen=True)
class Linkage:
    """How anonymized clips match.

    Attributes:
        same_person, shared_twin: see the definitions; samples are pairs of clips.
        matches: the anonymized clips of different people that match, nearest first, `MOST` at most.
    """

    same_person: Figure
    shared_twin: Figure
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class _Found:
    """Pairs of clips i < j.

    Attributes:
        clips: Clip of each row.
        people: Person of each row.
        same: (pairs of one person,) whether each matches.
        same_people: Whose pairs these are.
        first: Row of one side of each pair of different people that matches; at most `MOST` are listed.
        second: Row of its other side.
        distance: Distance of each of these pairs.
        matching: How many pairs of different people match.
        pairs: How many pairs of different people there are.
    """

    clips: NDArray[np.int64]
    people: NDArray[np.int64]
    same: NDArray[np.bool_]
    same_people: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: Floats
    matching: int
    pairs: int


def linkage(original: Faces, anonymized: Faces, threshold: float) -> Linkage:
    """Match all pairs of clips.

    A clip is matched by the normalised mean of its faces (of each person in it), while the threshold was found on
    single faces. Intervals are over people; that of the shared twins draws people, and all pairs among those drawn, and
    is missing where more than `MOST` pairs match.

    Args:
        original: original faces.
        anonymized: anonymized faces.
        threshold: cosine distance up to which the embedder takes two faces for one person.

    Returns:
        The matches; `original` of both figures is the same on the originals.
    """
    found, before = _search(anonymized, threshold), _search(original, threshold)
    same = bootstrap.mean(found.same.astype(np.float64), found.same_people)
    if not same.known:
        same = Figure.unknown("Nobody appears in two anonymized clips.")
    shared = _shared(found)
    order = np.argsort(found.distance, kind="stable")
    matches = tuple(
        Match(
            (int(found.clips[i]), int(found.clips[j])),
            (int(found.people[i]), int(found.people[j])),
            float(distance),
        )
        for i, j, distance in zip(found.first[order], found.second[order], found.distance[order], strict=True)
    )
    return Linkage(
        replace(same, original=float(before.same.mean()) if len(before.same) else float("nan")),
        replace(shared, original=before.matching / before.pairs if before.pairs else float("nan")),
        matches,
    )


def _search(faces: Faces, threshold: float) -> _Found:
    rows = appearances(faces)
    first = np.array([one[0] for one in rows], np.int64)
    clips, people = faces.clip[first], faces.person[first]
    templates = unit(np.array([faces.vectors[one].mean(axis=0) for one in rows])) if rows else faces.vectors[:0]
    same, same_people, hits, near = [np.empty(0, bool)], [people[:0]], [np.empty((0, 2), np.int64)], [templates[:0, 0]]
    matching = listed = 0
    for start in range(0, len(rows), _BLOCK):
        part = np.arange(start, min(start + _BLOCK, len(rows)))
        between = distances(templates[part], templates)
        later = np.arange(len(rows)) > part[:, None]
        matches = between <= threshold
        own = later & (people[part, None] == people)
        same.append(matches[own])
        same_people.append(people[part][np.nonzero(own)[0]])
        i, j = np.nonzero(later & ~own & matches)
        matching += len(i)
        i, j = i[: MOST - listed], j[: MOST - listed]
        listed += len(i)
        hits.append(np.stack([part[i], j], axis=1))
        near.append(between[i, j])
    first, second = np.concatenate(hits).T
    total = len(rows) * (len(rows) - 1) // 2
    one = np.concatenate(same)
    return _Found(
        clips, people, one, np.concatenate(same_people), first, second, np.concatenate(near), matching, total - len(one)
    )


def _shared(found: _Found) -> Figure:
    if not found.pairs:
        return Figure.unknown("The anonymized clips show one person only.")
    if found.matching > MOST:
        return Figure(
            found.matching / found.pairs,
            samples=found.pairs,
            people=len(np.unique(found.people)),
            note=f"More than {MOST} pairs match: no interval.",
        )
    names, which = np.unique(found.people, return_inverse=True)

    def share(rows: NDArray[np.int64]) -> float:
        times = np.bincount(rows, minlength=len(which)).astype(np.float64)
        each = np.bincount(which, times, len(names))
        pairs = (times.sum() ** 2 - (each**2).sum()) / 2
        return float((times[found.first] * times[found.second]).sum() / pairs) if pairs else float("nan")

    return replace(bootstrap.interval(share, which.astype(np.int64)), samples=found.pairs)
