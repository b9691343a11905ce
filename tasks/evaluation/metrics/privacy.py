"""Every attack on a dataset by one embedder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics.adversary import attributes, reidentified, reversal
from tasks.evaluation.metrics.bands import Groups
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Numbers
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity import identification, linkage, verification
from tasks.evaluation.metrics.identity.linkage import Match
from tasks.evaluation.metrics.identity.verification import Roc
from tasks.evaluation.metrics.usefulness import parrot


@dataclass(frozen=True)
class Attack:
    """What one embedder finds.

    Attributes:
        numbers: with its name as variant.
        people: in the gallery.
        cmc, cmc_originals: (people,) cumulative match of anonymized faces, and of originals against the other
            originals.
        matches: different people with anonymized clips that match.
        named: person -> share of the faces of their results that are named rightly. Identifying.
    """

    embedder: str
    numbers: Numbers
    people: int
    cmc: NDArray[np.float64]
    cmc_originals: NDArray[np.float64]
    roc: Roc
    matches: tuple[Match, ...]
    named: Mapping[int, float] = field(default_factory=dict, repr=False)


def gather(clips: Sequence[Clip], embedder: str, anonymized: bool) -> Faces:
    """Gather the faces of all clips on one side.

    Args:
        clips: the clips.
        embedder: name of the network.
        anonymized: which side.

    Returns:
        The faces.
    """
    parts = [(clip.anonymized if anonymized else clip.originals)[embedder] for clip in clips]
    return Faces(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.clip for part in parts]),
        np.concatenate([part.frame for part in parts]),
    )


def attack(clips: Sequence[Clip], embedder: str, threshold: float, groups: Groups | None = None) -> Attack:
    """Attack all clips at once: the gallery is all originals, those without a result included.

    Args:
        clips: the clips.
        embedder: name of the network.
        threshold: cosine distance under which it takes two faces for one person.
        groups: labels by hand, for the attacker who goes by attributes alone.

    Returns:
        What it finds.
    """
    original, anonymized = gather(clips, embedder, False), gather(clips, embedder, True)
    people = len(np.unique(original.person))
    found = identification.ranks(original, anonymized)
    before = identification.ranks(original, original, exclude_near_frames=identification.NEAR)
    numbers: Numbers = {}
    rates = identification.rates(found, anonymized.person, people)
    baseline = identification.rates(before, original.person, people)
    for k, figure in rates.items():
        numbers[identification.RATES[k], embedder] = replace(figure, original=baseline[k].value)
    numbers |= reidentified.numbers(clips, original, anonymized, embedder, threshold)
    numbers |= reversal.numbers(original, anonymized.take(_seen(clips, anonymized)), embedder)
    numbers |= attributes.beyond(clips, original, anonymized, found, groups or Groups(), embedder)
    least = identification.worst(before, original.person)
    numbers[identification.WORST, embedder] = replace(
        identification.worst(found, anonymized.person), original=least.value
    )
    truth, known = (
        identification.rank_of_truth(ranks, faces.person, people)
        for ranks, faces in ((found, anonymized), (before, original))
    )
    numbers[identification.MEDIAN_RANK, embedder] = replace(truth.median, original=known.median.value)
    deviation = f" Standard deviation {truth.deviation:.1f}." if truth.mean.known else ""
    note = f"{truth.mean.note}{deviation}".strip()
    numbers[identification.MEAN_RANK, embedder] = replace(truth.mean, original=known.mean.value, note=note)
    trials = verification.pairs(original, anonymized)
    for far, figure in verification.tar_at_far(trials).items():
        numbers[verification.TAR[far], embedder] = figure
    links = linkage.linkage(original, anonymized, threshold)
    numbers[linkage.SAME_PERSON, embedder] = links.same_person
    numbers[linkage.SHARED_TWIN, embedder] = links.shared_twin
    numbers[parrot.PARROT, embedder] = parrot.parrot(original, anonymized)
    return Attack(
        embedder,
        numbers,
        people,
        identification.cmc(found, people),
        identification.cmc(before, people),
        verification.roc(trials),
        links.matches,
        _named(found, anonymized),
    )


def _seen(clips: Sequence[Clip], anonymized: Faces) -> NDArray[np.bool_]:
    """(n,) faces of people of whom a face is seen in the result: a place without one teaches nothing."""
    seen = {
        (clip.index, person) for clip in clips for person, looks in clip.result_looks.items() if np.isfinite(looks[0])
    }
    keys = zip(anonymized.clip.tolist(), anonymized.person.tolist(), strict=True)
    return np.array([key in seen for key in keys], np.bool_)


def _named(ranks: NDArray[np.int64], anonymized: Faces) -> dict[int, float]:
    known = ranks > 0
    people, which = np.unique(anonymized.person[known], return_inverse=True)
    shares = np.bincount(which, ranks[known] == 1, len(people)) / np.maximum(
        np.bincount(which, minlength=len(people)), 1
    )
    return dict(zip(people.tolist(), shares.tolist(), strict=True))
