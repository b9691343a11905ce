"""What is kept of one measured file: its own numbers, and a few faces for the attacks on the whole dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.capabilities import Floats
from tasks.measure.records import Measured
from tasks.metrics import deidentification, usefulness
from tasks.metrics.deidentification import Distance
from tasks.metrics.faces import Faces
from tasks.metrics.usefulness import Numbers

PER_PERSON = 32
"""Faces of each person of a file, evenly spread, that take part in the attacks on the dataset."""


@dataclass(frozen=True)
class Clip:
    """One file. index: its place in the dataset. person: who is mostly seen, for intervals. frames, faces, duration
    (seconds), shared: as measured. privacy, usefulness: its own numbers. frame (n,), time (n,) seconds: of its faces.
    nearest: embedder -> (n,) cosine distance of each anonymized face to the nearest original face of that person in
    this file, NaN without a counterpart. originals, anonymized: embedder -> some faces; the latter are the same faces,
    or none. Identifying."""

    index: int
    person: int
    frames: int
    faces: int
    duration: float
    shared: int
    privacy: Numbers
    usefulness: Numbers
    frame: NDArray[np.int64]
    time: Floats
    nearest: Mapping[str, Floats]
    originals: Mapping[str, Faces]
    anonymized: Mapping[str, Faces]


def reduce(measured: Measured, index: int, people: Mapping[int, int]) -> Clip:
    """Keep what is needed. people: number of a person in this file -> number in the dataset."""
    person = np.array([people[int(one)] for one in measured.person], np.int64)
    clip = np.full(measured.faces, index, np.int64)
    both = {
        name: [Faces(side, person, clip, measured.frame) for side in vectors]
        for name, vectors in measured.vectors.items()
    }
    seen = {name: _finite(sides[1].vectors) for name, sides in both.items()}
    chosen = _spread(measured)
    main = measured.people[0] if measured.people else 0
    return Clip(
        index=index,
        person=people.get(main, -1 - index),
        frames=measured.frames,
        faces=measured.faces,
        duration=measured.duration,
        shared=measured.shared,
        privacy=_distances(both, seen),
        usefulness=usefulness.of(measured) if measured.shared else {},
        frame=measured.frame,
        time=measured.time,
        nearest={name: _nearest(vectors, measured.person) for name, vectors in measured.vectors.items()},
        originals={name: sides[0].take(chosen) for name, sides in both.items()},
        anonymized={name: sides[1].take(chosen & seen[name]) for name, sides in both.items()},
    )


def _finite(vectors: Floats) -> NDArray[np.bool_]:
    """(n,) rows that have a counterpart."""
    return np.asarray(np.isfinite(vectors).all(axis=1))


def _spread(measured: Measured) -> NDArray[np.bool_]:
    chosen = np.zeros(measured.faces, np.bool_)
    for person in measured.people:
        rows = np.flatnonzero(measured.person == person)
        chosen[rows[np.linspace(0, len(rows) - 1, min(PER_PERSON, len(rows))).round().astype(int)]] = True
    return chosen


def _nearest(vectors: Floats, person: NDArray[np.int64]) -> Floats:
    result = np.full(vectors.shape[1], np.nan, np.float32)
    for one in np.unique(person):
        rows = np.flatnonzero(person == one)
        # A row that is NaN stays NaN, since a maximum over NaN is NaN.
        for part in np.array_split(rows, len(rows) // 1024 + 1):
            result[part] = 1.0 - (vectors[1, part] @ vectors[0, rows].T).max(axis=1)
    return result


def _distances(both: Mapping[str, list[Faces]], seen: Mapping[str, NDArray[np.bool_]]) -> Numbers:
    found: Numbers = {}
    for name, (ours, theirs) in both.items():
        rows = seen[name]
        if not rows.any():
            continue
        before, after = ours.take(rows), theirs.take(rows)
        for kind in Distance:
            level = deidentification.level(before, after, kind)
            steady = deidentification.consistency(before, after, kind)
            found[deidentification.LEVEL[kind], name] = level.mean
            found[deidentification.LEVEL_VARIANCE[kind], name] = level.variance
            found[deidentification.CONSISTENCY[kind], name] = steady.mean
            found[deidentification.CONSISTENCY_VARIANCE[kind], name] = steady.variance
    return found
