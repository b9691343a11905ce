"""Naming the person behind an anonymized face by the most similar original faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.faces import Faces

AT = (1, 5, 20)
TIE = 1e-6
"""Cosine similarities that differ by no more are tied; float32 products of equal unit vectors differ by about 1e-7."""
NEAR = 12
"""Frames, half a second of most videos: when originals are named by originals, a face of the same clip so near is
almost the same picture, and does not count."""
_CELLS = 1 << 23
"""Most similarities that are held at a time."""


def _rate(k: int) -> Definition:
    return Definition(
        f"re_at_{k}",
        "Re-identified by the nearest neighbour" if k == 1 else f"True person among the {k} nearest",
        "share",
        Better.LOWER,
        f"Share of anonymized faces whose true person is among the {k} people with the most similar original faces, "
        "each person counting by the most similar of theirs (cosine similarity).",
        "AnonNET, 4.2 (Re@1)" if k == 1 else "AnonNET, 4.2 (Re@1), carried on to higher ranks",
    )


RATES = {k: _rate(k) for k in AT}
WORST = Definition(
    "re_at_1_worst",
    "Re-identified, the person worst off",
    "share",
    Better.LOWER,
    "The same share for the one person who is named most often: a mean over all hides who is always found. Of persons "
    "with few faces, guessing finds one of a few always.",
    "AnonNET, 4.2 (Re@1), for each person by themselves",
)
_RANKED = (
    "The people of the originals are sorted by the cosine similarity of the most similar of their faces to an "
    "anonymized face (the paper sorts the class probabilities of a network trained on 54,000 people); "
)
MEDIAN_RANK = Definition(
    "true_rank_median",
    "Median rank of the true person",
    "rank",
    Better.HIGHER,
    _RANKED + "the median over all faces of the true person's place. Guessing gives about half the number of people.",
    "Live face de-identification in video, table 4",
)
MEAN_RANK = Definition(
    "true_rank_mean",
    "Mean rank of the true person",
    "rank",
    Better.HIGHER,
    _RANKED + "the mean over all faces of the true person's place. Guessing gives about half the number of people.",
    "Live face de-identification in video, table 4",
)


@dataclass(frozen=True)
class TrueRank:
    """Ranks of the true person.

    Attributes:
        median, mean: over all ranks.
        deviation: standard deviation of all ranks about their mean.
        per_person: median, mean and standard deviation of each person's ranks.
    """

    median: Figure
    mean: Figure
    deviation: float
    per_person: dict[int, tuple[float, float, float]]


def ranks(
    gallery: Faces, probes: Faces, exclude_same_clip: bool = False, block: int = 1024, exclude_near_frames: int = 0
) -> NDArray[np.int64]:
    """Work out the ranks of the probes' true people among the people of the gallery.

    People are sorted by their face that is most similar to the probe; those who are left without a face come last.
    People as similar as the true one to within `TIE` come after the true one: a person who is in the originals under
    two names must not hide behind the second.

    Args:
        gallery: faces of known people.
        probes: faces to name.
        exclude_same_clip: a probe is not compared with faces of its own clip.
        block: probes that are compared at a time; fewer where the gallery is large.
        exclude_near_frames: if above 0, a probe is not compared with faces of its own clip that are so many frames away
            or fewer.

    Returns:
        (len(probes),) ranks, from 1, or 0 where the true person has no face there.

    Raises:
        ValueError: a vector is not finite.
    """
    if not (np.isfinite(gallery.vectors).all() and np.isfinite(probes.vectors).all()):
        raise ValueError("An embedded face is not finite.")
    found = np.zeros(len(probes), np.int64)
    if not len(gallery):
        return found
    gallery = gallery.take(np.argsort(gallery.person, kind="stable"))
    names, starts = np.unique(gallery.person, return_index=True)
    truth = np.minimum(np.searchsorted(names, probes.person), len(names) - 1)
    there = names[truth] == probes.person
    size = max(1, min(block, _CELLS // len(gallery)))
    for start in range(0, len(probes), size):
        part = slice(start, start + size)
        similar = probes.vectors[part] @ gallery.vectors.T
        if exclude_same_clip or exclude_near_frames > 0:
            hidden = probes.clip[part, None] == gallery.clip
            if not exclude_same_clip:
                hidden &= np.abs(probes.frame[part, None] - gallery.frame) <= exclude_near_frames
            similar[hidden] = -np.inf
        found[part] = np.where(there[part], _places(np.maximum.reduceat(similar, starts, axis=1), truth[part]), 0)
    return found


def cmc(ranks: NDArray[np.int64], people_count: int) -> NDArray[np.float64]:
    """Work out the cumulative match characteristic. Guessing gives k / people_count.

    Args:
        ranks: (n,) of the probes; those of rank 0 are left out.
        people_count: people in the gallery.

    Returns:
        (people_count,) shares of probes of rank 1, at most 2, ...; NaN when all ranks are 0.
    """
    counts = np.bincount(ranks[ranks > 0], minlength=people_count + 1)[1 : people_count + 1]
    if not counts.sum():
        return np.full(people_count, np.nan)
    return np.cumsum(counts) / counts.sum()


def rates(
    ranks: NDArray[np.int64], person: NDArray[np.int64], gallery_people: int, at: Sequence[int] = AT
) -> dict[int, Figure]:
    """Work out the share of probes with a rank of at most k.

    Args:
        ranks: (n,) of the probes; those of rank 0 are left out.
        person: (n,) of the probes.
        gallery_people: how many there were to choose from.
        at: values of k.

    Returns:
        k -> the share; not known where the gallery has fewer than k people.
    """
    result = {}
    for k in at:
        if gallery_people < k:
            result[k] = Figure.unknown(f"The originals show {gallery_people} people, fewer than {k}.")
            continue
        hits = np.where(ranks > 0, (ranks <= k).astype(np.float64), np.nan)
        figure = bootstrap.mean(hits, person)
        result[k] = replace(figure, chance=k / gallery_people, note=_note(figure.note, ranks))
    return result


def worst(ranks: NDArray[np.int64], person: NDArray[np.int64]) -> Figure:
    """Find the largest share of rank 1 that any person has.

    No interval: the largest of many shares has none by drawing.

    Args:
        ranks: (n,) of the probes; those of rank 0 are left out.
        person: (n,) of the probes.

    Returns:
        The share; samples: of that person, people: how many there are.
    """
    known = ranks > 0
    if not known.any():
        return Figure.unknown("No anonymized face's person is among the originals.")
    names, which = np.unique(person[known], return_inverse=True)
    counts = np.bincount(which)
    shares = np.bincount(which, ranks[known] == 1) / counts
    most = int(np.argmax(shares))
    return Figure(float(shares[most]), samples=int(counts[most]), people=len(names), note=_note("", ranks))


def rank_of_truth(ranks: NDArray[np.int64], person: NDArray[np.int64], gallery_people: int) -> TrueRank:
    """Work out median and mean of the probes' ranks.

    Args:
        ranks: (n,) of the probes; those of rank 0 are left out.
        person: (n,) of the probes.
        gallery_people: how many there were to choose from.

    Returns:
        The ranks of the true person.
    """
    known = ranks > 0
    values, people = ranks[known].astype(np.float64), person[known]
    if not len(values):
        nothing = Figure.unknown("No anonymized face's person is among the originals.")
        return TrueRank(nothing, nothing, float("nan"), {})

    def complete(figure: Figure) -> Figure:
        return replace(figure, chance=(gallery_people + 1) / 2, note=_note(figure.note, ranks))

    names, counts = np.unique(people, return_counts=True)
    each = np.split(values[np.argsort(people, kind="stable")], np.cumsum(counts)[:-1])
    return TrueRank(
        complete(bootstrap.interval(lambda rows: float(np.median(values[rows])), people)),
        complete(bootstrap.mean(values, people)),
        float(values.std()),
        {
            int(name): (float(np.median(own)), float(own.mean()), float(own.std()))
            for name, own in zip(names, each, strict=True)
        },
    )


def _places(best: Floats, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """The (n,) places of people `truth` (n,) in the rows of (n, P) similarities; 0 where it is minus infinity."""
    own = best[np.arange(len(truth)), truth][:, None]
    ahead = (best > own + TIE).sum(axis=1)
    return np.where(np.isfinite(own[:, 0]), ahead + 1, 0)


def _note(note: str, ranks: NDArray[np.int64]) -> str:
    lost = int((ranks == 0).sum())
    return f"{note} {lost} faces are left out: no original face of their person to find.".strip() if lost else note
