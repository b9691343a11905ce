"""What is kept of one measured file: its own numbers, and a few faces for the attacks on the whole dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics import per_file
from tasks.evaluation.metrics.definition import Numbers
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity import deidentification
from tasks.evaluation.metrics.identity.deidentification import Distance

PER_PERSON = 32
"""Faces of each person of a file, evenly spread, that take part in the attacks on the dataset."""
_UNIT = 0.01
"""How far from 1 the length of an embedding may be; half precision is off by less."""


@dataclass(frozen=True)
class Clip:
    """One file. Identifying.

    Attributes:
        index: its place in the dataset.
        person: who is mostly seen, for intervals.
        frames, faces, duration, shared, unpaired: as measured; duration in seconds.
        privacy, usefulness: its own numbers.
        frame, time: (n,) of its faces; time in seconds.
        nearest: embedder -> (n,) cosine distance of each anonymized face to the nearest original face of this file, of
            any person, NaN where there is none to compare.
        missed: (n,) faces that are in both files and that some embedder could not embed on either side: nothing is
            known about them.
        hidden: (n,) faces in the place of which no detector sees one in the anonymized file: what is there was
            compared.
        originals, anonymized: embedder -> some faces of each person; the same ones as far as both files have them.
        clear: whether `person` has more faces than any other person in the file; otherwise it is not known whom a label
            of the file means.
        looks: person -> (3,) apparent age in years, probability of female, skin tone in degrees of ITA, medians over
            the original's faces, NaN where not measured.
        result_looks: the same of the result; nothing where there is none.
    """

    index: int
    person: int
    frames: int
    faces: int
    duration: float
    shared: int
    unpaired: int
    privacy: Numbers
    usefulness: Numbers
    frame: NDArray[np.int64]
    time: Floats
    nearest: Mapping[str, Floats]
    missed: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    originals: Mapping[str, Faces]
    anonymized: Mapping[str, Faces]
    clear: bool
    looks: Mapping[int, Floats]
    result_looks: Mapping[int, Floats]


def reduce(measured: Measured, index: int, people: Mapping[int, int]) -> Clip:
    """Keep what is needed of a measured file.

    Args:
        measured: what was measured of it.
        index: its place in the dataset.
        people: number of a person in this file -> number in the dataset.

    Returns:
        What is kept.
    """
    person = np.array([people[int(one)] for one in measured.person], np.int64)
    clip = np.full(measured.faces, index, np.int64)
    both = {
        name: [Faces(side, person, clip, measured.frame) for side in vectors]
        for name, vectors in measured.vectors.items()
    }
    known = {name: [_embedded(side) for side in vectors] for name, vectors in measured.vectors.items()}
    missed = [measured.shown & ~(ours & theirs) for ours, theirs in known.values()]
    main = measured.people[0] if measured.people else 0
    return Clip(
        index=index,
        person=people.get(main, -1 - index),
        frames=measured.frames,
        faces=measured.faces,
        duration=measured.duration,
        shared=measured.shared,
        unpaired=measured.unpaired,
        privacy=_distances(both, known),
        usefulness=per_file.of(measured) if measured.shared else {},
        frame=measured.frame,
        time=measured.time,
        nearest={name: _nearest(vectors, *known[name]) for name, vectors in measured.vectors.items()},
        missed=np.logical_or.reduce(missed) if missed else measured.shown,
        hidden=measured.shown & ~measured.found,
        originals={name: sides[0].take(_spread(measured, known[name][0])) for name, sides in both.items()},
        anonymized={name: sides[1].take(_spread(measured, known[name][1])) for name, sides in both.items()},
        clear=_clear(measured),
        looks={people[one]: _looks(measured, one, 0) for one in measured.people},
        result_looks={people[one]: _looks(measured, one, 1) for one in measured.people if measured.shared},
    )


def _clear(measured: Measured) -> bool:
    faces = np.sort(np.unique(measured.person, return_counts=True)[1])
    return len(faces) > 0 and (len(faces) == 1 or bool(faces[-1] > faces[-2]))


def _looks(measured: Measured, person: int, side: int) -> Floats:
    """(3,) medians over the rows of one side on which each was measured: 0 is the original, 1 the result."""
    own = [column[side, measured.person == person] for column in (measured.age, measured.female, measured.skin)]
    known = [values[np.isfinite(values)] for values in own]
    return np.array([np.median(values) if len(values) else np.nan for values in known], np.float32)


def _embedded(vectors: Floats) -> NDArray[np.bool_]:
    """(n,) rows that are unit vectors. Zeros would be far from every person, and are no face either."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(np.linalg.norm(vectors, axis=1) - 1.0) < _UNIT)


def _spread(measured: Measured, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) up to PER_PERSON known rows of each person."""
    chosen = np.zeros(measured.faces, np.bool_)
    for person in measured.people:
        rows = np.flatnonzero(known & (measured.person == person))
        chosen[rows[np.linspace(0, len(rows) - 1, min(PER_PERSON, len(rows))).round().astype(int)]] = True
    return chosen


def _nearest(vectors: Floats, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Floats:
    """(n,) distances of rows `theirs` to the nearest of rows `ours`. Faces of all people in the file count: a
    person who is taken for another there, or stands in the wrong place, is shown all the same."""
    result = np.full(vectors.shape[1], np.nan, np.float32)
    rows = np.flatnonzero(theirs)
    if ours.any():
        for part in np.array_split(rows, len(rows) // 1024 + 1):
            result[part] = np.maximum(1.0 - (vectors[1, part] @ vectors[0, ours].T).max(axis=1), 0.0)
    return result


def _distances(both: Mapping[str, list[Faces]], known: Mapping[str, list[NDArray[np.bool_]]]) -> Numbers:
    found: Numbers = {}
    for name, (ours, theirs) in both.items():
        rows = known[name][0] & known[name][1]
        before, after = ours.take(rows), theirs.take(rows)
        for kind in Distance:
            level = deidentification.level(before, after, kind)
            steady = deidentification.consistency(before, after, kind)
            found[deidentification.LEVEL[kind], name] = level.mean
            found[deidentification.LEVEL_VARIANCE[kind], name] = level.variance
            found[deidentification.CONSISTENCY[kind], name] = steady.mean
            found[deidentification.CONSISTENCY_VARIANCE[kind], name] = steady.variance
    return found
