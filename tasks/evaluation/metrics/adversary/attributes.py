"""An attacker without any face recognition, who goes by apparent age, gender, skin tone and labelled group alone.

A twin keeps these on purpose. What this attacker finds is the price of keeping them; what an embedder finds beyond is
what the face itself gives away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics import bands, bootstrap
from tasks.evaluation.metrics.adversary import kinds, reidentified
from tasks.evaluation.metrics.adversary.notes import few, joined, unvaried
from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Better, Definition, Figure, Numbers
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.identification import AT

Values = NDArray[np.float64]
_SOURCE = "Own, beside AnonNET 4.2 (Re@1)"
_HOW = (
    "All people of the originals are sorted, without a face recogniser, by how many they share with the result of age "
    "band (bounds at 16, 28, 40 and 54 years), gender, class of skin tone (ITA) and, where both are labelled, group. "
    "People who share as many are in random order. "
)


def _rate(k: int) -> Definition:
    title = "Found by age, gender and tone alone" if k == 1 else f"True person among {k} by age, gender and tone alone"
    words = f"How often the true person is among the first {k}; every person counts the same."
    return Definition(f"attributes_at_{k}", title, "share", Better.NEITHER, _HOW + words, _SOURCE)


def _beyond(k: int) -> Definition:
    return Definition(
        f"re_at_{k}_beyond_attributes",
        "Re-identified beyond age, gender and tone" if k == 1 else f"Among the {k} nearest, beyond the attributes",
        "share",
        Better.LOWER,
        f"How much more often the true person is among the {k} people with the most similar faces than among the {k} "
        "whom age band, gender, tone and group alone put first, person by person; every person counts the same. Below "
        "0 the embedder finds less than the attributes give away. The interval is that of Bonett and Price (2012).",
        _SOURCE,
    )


RATES = {k: _rate(k) for k in AT}
BEYOND = {k: _beyond(k) for k in AT}
NO_LOOKS = "No result whose age, gender or skin tone could be read, of a person among the originals."


def numbers(clips: Sequence[Clip], groups: Groups) -> Numbers:
    """Work out how often the attacker finds the true person among the people of all originals.

    Args:
        clips: all files.
        groups: labels by hand.

    Returns:
        `RATES`, without a variant.
    """
    gallery = kinds.of(clips, bystanders=True).people
    people, hits = _per_person(clips, gallery, groups)
    found: Numbers = {}
    for column, (k, definition) in enumerate(RATES.items()):
        if not len(people) or len(gallery) < k:
            found[definition, ""] = Figure.unknown(_why(k, len(gallery)))
            continue
        values = hits[:, column]
        figure = bootstrap.mean(values, people)
        note = joined(figure.note, few(len(people)), unvaried(values))
        found[definition, ""] = replace(figure, chance=k / len(gallery), note=note)
    return found


def beyond(
    clips: Sequence[Clip],
    original: Faces,
    anonymized: Faces,
    ranks: NDArray[np.int64],
    groups: Groups,
    embedder: str,
) -> Numbers:
    """Work out how much more often an embedder finds the true person than the attributes do.

    Args:
        clips: all files.
        original: faces of the originals, whose people are the gallery of both attackers.
        anonymized: faces of the results.
        ranks: (n,) ranks of their true people, see `identification.ranks`.
        groups: labels by hand.
        embedder: name of the network, the variant.

    Returns:
        `BEYOND`, over the people whom both attackers could look for.
    """
    gallery = np.unique(original.person)
    people, hits = _per_person(clips, gallery, groups)
    known = ranks > 0
    both, rows, _ = np.intersect1d(people, anonymized.person[known], return_indices=True)
    found: Numbers = {}
    for column, (k, definition) in enumerate(BEYOND.items()):
        if not len(both) or len(gallery) < k:
            found[definition, embedder] = Figure.unknown(_why(k, len(gallery)))
            continue
        named = np.array([(ranks[known & (anonymized.person == person)] <= k).mean() for person in both])
        difference = named - hits[rows, column]
        low, high = reidentified.interval(difference)
        found[definition, embedder] = Figure(
            float(difference.mean()), low, high, int(known.sum()), len(both), chance=0.0
        )
    return found


def expected_hits(shared: NDArray[np.int64], truth: NDArray[np.int64], k: int) -> Values:
    """Work out how likely the true person is among the first k, ties being in random order.

    Args:
        shared: (n, P) how many attributes a result shares with each person.
        truth: (n,) column of the true person.
        k: how many people count.

    Returns:
        (n,) probabilities.
    """
    own = shared[np.arange(len(truth)), truth][:, None]
    ahead, tied = (shared > own).sum(axis=1), (shared == own).sum(axis=1)
    return np.clip((k - ahead) / tied, 0.0, 1.0)


def _per_person(clips: Sequence[Clip], gallery: NDArray[np.int64], groups: Groups) -> tuple[NDArray[np.int64], Values]:
    """The people who were looked for, (n,), and for each of them and of `AT`, (n, ranks), the mean over their results
    of the probability that they are among the first k of the gallery."""
    known = kinds.of(clips, bystanders=True)
    looks = dict(zip(known.people.tolist(), known.looks, strict=True))
    people = gallery.tolist()
    theirs = bands.of(np.array([looks.get(person, np.full(3, np.nan)) for person in people]))
    labels = [groups.people.get(person, "") for person in people]
    place = {person: column for column, person in enumerate(people)}
    found: dict[int, list[Values]] = {}
    for clip in clips:
        for person, shown in clip.result_looks.items():
            label = groups.results.get(clip.index, "") if person == clip.person else ""
            band = bands.of(shown)[0]
            if person not in place or not (label or (band != bands.UNKNOWN).any()):
                continue
            shared = ((band != bands.UNKNOWN) & (theirs == band)).sum(axis=1)
            if label:
                shared = shared + np.array([one == label for one in labels])
            truth = np.array([place[person]])
            found.setdefault(person, []).append(np.array([expected_hits(shared[None], truth, k)[0] for k in AT]))
    names = sorted(found)
    means = [np.mean(found[person], axis=0) for person in names]
    return np.array(names, np.int64), np.array(means, np.float64).reshape(len(names), len(AT))


def _why(k: int, people: int) -> str:
    return NO_LOOKS if people >= k else f"The originals show {people} people, fewer than {k}."
