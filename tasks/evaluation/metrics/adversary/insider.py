"""Whether results match their own footage, beside what strangers who are painted into it reach.

A person who holds the footage knows the one in it by clothes and room anyway; the figures tell what the face adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.adversary.notes import few, joined, unvaried
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Better, Definition, Figure, Numbers
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.identification import NEAR, TIE

_SOURCE = "Own: what hair, ears, head and light give away whatever the face"
MATCHED = Definition(
    "insider_matched",
    "Insider: results that match their own footage",
    "share",
    Better.LOWER,
    "Share of the pairs of a result's face and a face of the same person in its original that match at the embedder's "
    "distance of 1 % false accepts; every file of a person and every person counts the same. Originals: pairs of them "
    f"that are more than {NEAR} frames apart.",
    _SOURCE,
)
SURROUNDINGS = Definition(
    "insider_surroundings",
    "Insider: control strangers that match the footage",
    "share",
    Better.NEITHER,
    "Share of the pairs of a control stranger, painted into the same frames, and the source that match at 1 % false "
    "accepts, as the manifest of the results says: the largest over the networks of the conversion and the people of "
    "the file. Every person counts the same.",
    _SOURCE,
)
NO_MANIFEST = (
    "The anonymized files come without a manifest of anonflow, which says how often control strangers match the "
    "footage."
)
NOT_MEASURED = "The manifest of the anonymized files does not say how often control strangers match the footage."


def numbers(clips: Sequence[Clip], embedder: str, threshold: float) -> Numbers:
    """Work out the insider's figure by one embedder, which is its variant.

    Args:
        clips: all files of the originals.
        embedder: name of the network.
        threshold: cosine distance under which it takes 1 % of pairs of strangers for one person.

    Returns:
        `MATCHED`, over all people in files that have a result; unembedded faces are in no share.
    """
    shares, before, people, faces = [], [], [], 0
    for original, anonymized in _appearances(clips, embedder):
        near = anonymized.vectors @ original.vectors.T >= 1.0 - threshold - TIE
        apart = np.abs(original.frame[:, None] - original.frame) > NEAR
        again = original.vectors @ original.vectors.T >= 1.0 - threshold - TIE
        shares.append(float(near.mean()))
        before.append(float(again[apart].mean()) if apart.any() else float("nan"))
        people.append(int(anonymized.person[0]))
        faces += len(anonymized)
    if not shares:
        return {(MATCHED, embedder): Figure.unknown("No face of a file and of its result could be compared.")}
    figure = _over_people(np.array(shares), np.array(people, np.int64))
    known = np.isfinite(before)
    unconverted = _over_people(np.array(before)[known], np.array(people, np.int64)[known])
    return {(MATCHED, embedder): replace(figure, samples=faces, original=unconverted.value)}


def surroundings(values: Sequence[float | None], people: Sequence[int], manifest: bool) -> Numbers:
    """Work out how often control strangers match the footage of the files that have a result.

    Args:
        values: of each such file, as its row of the manifest says; None where it says nothing.
        people: who is mostly seen in each.
        manifest: whether there is a manifest at all.

    Returns:
        `SURROUNDINGS`, the mean over people; what cannot be known says why.
    """
    if not manifest:
        return {(SURROUNDINGS, ""): Figure.unknown(NO_MANIFEST)}
    known = [(value, person) for value, person in zip(values, people, strict=True) if value is not None]
    if not known:
        return {(SURROUNDINGS, ""): Figure.unknown(NOT_MEASURED)}
    shares, who = np.array([value for value, _ in known]), np.array([person for _, person in known], np.int64)
    figure = _over_people(shares, who)
    without = len(values) - len(known)
    note = f"{without} files are left out: their row does not say it." if without else ""
    return {(SURROUNDINGS, ""): replace(figure, samples=len(known), note=joined(figure.note, note))}


def _appearances(clips: Sequence[Clip], embedder: str) -> Iterator[tuple[Faces, Faces]]:
    """(originals, results) of each person in each file that have both."""
    for clip in clips:
        if embedder not in clip.originals:
            continue
        original, anonymized = clip.originals[embedder], clip.anonymized[embedder]
        for person in np.intersect1d(original.person, anonymized.person):
            yield original.take(original.person == person), anonymized.take(anonymized.person == person)


def _over_people(values: NDArray[np.float64], people: NDArray[np.int64]) -> Figure:
    """The mean over people of the mean over the files of each."""
    names, which = np.unique(people, return_inverse=True)
    if not len(names):
        return Figure.unknown("Nothing to measure.")
    means = np.bincount(which, values) / np.bincount(which)
    figure = bootstrap.mean(means, names)
    return replace(figure, note=joined(figure.note, few(len(names)), unvaried(means)))
