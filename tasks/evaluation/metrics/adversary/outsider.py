"""Whether a person who holds other pictures recognises the person behind a result.

Where a result matches its person no more often than a stranger of the person's kind does, it gives away the kind alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.adversary import kinds
from tasks.evaluation.metrics.adversary.matching import Compared, Values, compare
from tasks.evaluation.metrics.adversary.notes import NO_RESULT, few, joined, unvaried
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Better, Definition, Figure, Numbers
from tasks.evaluation.metrics.faces import Faces

NO_LABELS = "Nobody is named: --person or --people says who is who, --others brings other pictures of the people."
NO_OTHERS = "Nobody with a result is in another file; --others brings other pictures of the people."
NO_STRANGERS = "None of the people who are named is a stranger of the kind of one with a result."
_SOURCE = "Own: what an owner fears of an attacker who has other pictures of a person"
_PAIRS = (
    "that match at the embedder's distance of 1 % false accepts, single pairs of faces; every file of a person and "
    "every person counts the same. Only people who are named by a label take part, each by the faces of whom the file "
    "mostly shows, and never a picture from the result's own file."
)


def _share(name: str, title: str, meaning: str, better: Better = Better.LOWER) -> Definition:
    return Definition(name, title, "share", better, meaning, _SOURCE)


def _rank(name: str, title: str, meaning: str, better: Better = Better.HIGHER) -> Definition:
    return Definition(name, title, "rank", better, meaning, _SOURCE)


MATCHED = _share(
    "outsider_matched",
    "Outsider: results that match other pictures of their person",
    f"Share of the pairs of a result's face and a face of its person's originals in other files {_PAIRS}",
)
STRANGERS = _share(
    "outsider_strangers_matched",
    "Outsider: results that match strangers of the kind",
    f"The same with originals of other people of the person's kind ({kinds.WORDS}); every stranger counts the same.",
    Better.NEITHER,
)
EXCESS = _share(
    "outsider_excess",
    "Outsider: matched beyond strangers of the kind",
    "Difference of the two shares before, person by person. Where there is none, a result gives away the kind of its "
    "person, which it keeps on purpose, and no more; an interval that holds 0 proves the less the wider it is.",
)
FIRST = _share(
    "outsider_rank_1",
    "Outsider: the true person comes first",
    "Share of the results' faces whose person is the most similar of all people who are named, each by the most "
    "similar face of their other files; every person counts the same.",
)
STRANGERS_FIRST = _share(
    "outsider_strangers_rank_1",
    "Outsider: a stranger of the kind comes first",
    "The chance that a stranger of the person's kind comes first there, the mean over those strangers.",
    Better.NEITHER,
)
RANK = _rank(
    "outsider_rank_median",
    "Outsider: median rank of the true person",
    "Median over people of the median place of the true person among all people who are named, over their results' "
    "faces. Guessing gives about half the number of people.",
)
STRANGERS_RANK = _rank(
    "outsider_strangers_rank_median",
    "Outsider: median rank of strangers of the kind",
    "The same of the median place of the strangers of the person's kind.",
    Better.NEITHER,
)
DEFINITIONS = (MATCHED, STRANGERS, EXCESS, FIRST, STRANGERS_FIRST, RANK, STRANGERS_RANK)


@dataclass(frozen=True)
class _Side:
    """Results, or originals, against other files.

    Attributes:
        people: (k,) ascending.
        faces: (k,) how many faces of each person.
        values: Definition -> (k,) one value per person, NaN where not known.
        choice: Mean number of people to choose from.
    """

    people: NDArray[np.int64]
    faces: NDArray[np.int64]
    values: Mapping[Definition, Values]
    choice: float


def numbers(
    clips: Sequence[Clip],
    others: Sequence[Clip],
    labelled: frozenset[int],
    embedder: str,
    threshold: float,
    footage: Mapping[int, int] | None = None,
) -> Numbers:
    """Work out the outsider's figures by one embedder, which is their variant.

    Args:
        clips: the originals, with their results where they have one.
        others: more pictures of people, without results; their originals alone are used.
        labelled: numbers of the people who are named. A person who is not could be one of them under another number.
        embedder: name of the network.
        threshold: cosine distance under which it takes 1 % of pairs of strangers for one person.
        footage: index of a clip -> index of the first with the same content, where that is another.

    Returns:
        All `DEFINITIONS`. `original` is the same of the originals of the files that have a result. What cannot be known
        says why; unembedded faces are in no share.
    """
    usable = [clip for clip in (*clips, *others) if clip.person in labelled and embedder in clip.originals]
    unclear = sum(not clip.clear for clip in usable)
    usable = [clip for clip in usable if clip.clear]
    results = {clip.index for clip in clips if clip.shared}
    gallery = _of_main(usable, embedder, False, footage or {})
    shown = [clip for clip in usable if clip.index in results and len(clip.anonymized[embedder])]
    probes, before = (_of_main(shown, embedder, anonymized, footage or {}) for anonymized in (True, False))
    if not len(probes):
        unknown = Figure.unknown(joined(NO_RESULT if labelled else NO_LABELS, _unclear(unclear)))
        return {(definition, embedder): unknown for definition in DEFINITIONS}
    people = kinds.of(usable)
    ours = _side(probes, compare(gallery, probes, people, threshold))
    theirs = _side(before, compare(gallery, before, people, threshold))
    return {(one, embedder): _figure(one, ours, theirs, unclear) for one in DEFINITIONS}


def _of_main(clips: Sequence[Clip], embedder: str, anonymized: bool, footage: Mapping[int, int]) -> Faces:
    """The faces of the person whom each file mostly shows; `clip` is the footage."""
    parts = []
    for clip in clips:
        faces = (clip.anonymized if anonymized else clip.originals)[embedder]
        own = faces.take(faces.person == clip.person)
        parts.append(replace(own, clip=np.full(len(own), footage.get(clip.index, clip.index), np.int64)))
    empty: Floats = np.zeros((0, parts[0].vectors.shape[1] if parts else 0), np.float32)
    none = np.zeros(0, np.int64)
    parts.append(Faces(empty, none, none, none))
    columns = ([part.vectors, part.person, part.clip, part.frame] for part in parts)
    return Faces(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _side(probes: Faces, found: Compared) -> _Side:
    people, counts = np.unique(probes.person, return_counts=True)
    matched, strangers, first, strangers_first = (
        _per_person(values, probes, people)
        for values in (found.own, found.strangers, found.first, found.strangers_first)
    )
    rank, strangers_rank = (_medians(values, probes, people) for values in (found.rank, found.strangers_rank))
    known = found.choice[np.isfinite(found.choice)]
    values = {
        MATCHED: matched,
        STRANGERS: strangers,
        EXCESS: matched - strangers,
        FIRST: first,
        STRANGERS_FIRST: strangers_first,
        RANK: rank,
        STRANGERS_RANK: strangers_rank,
    }
    # A stranger's share is there to be compared: of people without other pictures it would be a share of others.
    values = {one: np.where(np.isfinite(matched), column, np.nan) for one, column in values.items()}
    return _Side(people, counts, values, float(known.mean()) if len(known) else float("nan"))


def _per_person(values: Values, probes: Faces, people: NDArray[np.int64]) -> Values:
    """(k,) mean over each person's files of the mean over their faces."""
    return np.array([_mean_of_files(values[own], probes.clip[own]) for own in (probes.person == one for one in people)])


def _mean_of_files(values: Values, clips: NDArray[np.int64]) -> float:
    known = np.isfinite(values)
    if not known.any():
        return float("nan")
    _, which = np.unique(clips[known], return_inverse=True)
    return float((np.bincount(which, values[known]) / np.bincount(which)).mean())


def _medians(values: Values, probes: Faces, people: NDArray[np.int64]) -> Values:
    result = np.full(len(people), np.nan)
    for k, one in enumerate(people):
        own = values[(probes.person == one) & np.isfinite(values)]
        result[k] = np.median(own) if len(own) else np.nan
    return result


def _figure(one: Definition, ours: _Side, theirs: _Side, unclear: int) -> Figure:
    values = ours.values[one]
    known = np.isfinite(values)
    if not known.any():
        why = NO_STRANGERS if np.isfinite(ours.values[MATCHED]).any() else NO_OTHERS
        return Figure.unknown(joined(why, _unclear(unclear)))
    values, people = values[known], ours.people[known]
    middle = one in (RANK, STRANGERS_RANK)
    figure = (
        bootstrap.interval(lambda rows: float(np.median(values[rows])), people)
        if middle
        else bootstrap.mean(values, people)
    )
    before = theirs.values[one][np.isfinite(theirs.values[one])]
    original = float("nan")
    if len(before):
        original = float(np.median(before) if middle else before.mean())
    return replace(
        figure,
        samples=int(ours.faces[known].sum()),
        original=original,
        chance=_chance(one, ours.choice),
        note=joined(
            figure.note,
            few(len(people)),
            unvaried(values),
            _left_out(known, np.isfinite(ours.values[MATCHED])),
            _unclear(unclear),
        ),
    )


def _chance(one: Definition, choice: float) -> float:
    if one in (FIRST, STRANGERS_FIRST):
        return 1.0 / choice
    return (choice + 1.0) / 2.0 if one in (RANK, STRANGERS_RANK) else float("nan")


def _left_out(known: NDArray[np.bool_], others: NDArray[np.bool_]) -> str:
    """How many people have no value, and why; `others` says whether there are other files of each."""
    alone, unlike = int((~others).sum()), int((others & ~known).sum())
    return joined(
        f"{alone} people with a result are left out: no other file shows them." if alone else "",
        f"{unlike} people are left out of what is said of strangers: no person of their kind is named."
        if unlike
        else "",
    )


def _unclear(files: int) -> str:
    return f"{files} files are left out: it is not clear whom their label means." if files else ""
