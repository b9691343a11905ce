"""How much more often people are named rightly than their kind and guessing explain.

A twin keeps the kind of its person on purpose, so that a result names people of that kind more often than guessing
does. Where the person is named no more often than a stranger of the kind, the result gives away the kind and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.adversary import kinds
from tasks.evaluation.metrics.adversary.matching import Values, compare
from tasks.evaluation.metrics.adversary.notes import joined
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Better, Definition, Figure, Numbers
from tasks.evaluation.metrics.faces import Faces

_SOURCE = "Own, on AnonNET 4.2 (Re@1)"
EXPLAINED = Definition(
    "re_at_1_strangers",
    "Re-identified as a stranger of the kind",
    "share",
    Better.NEITHER,
    "How often a stranger of the person's kind comes first where the person might: of all originals, the very footage "
    f"too. Of the kind: {kinds.WORDS}. The mean over those strangers; every person counts the same.",
    _SOURCE,
)
EXCESS = Definition(
    "re_at_1_excess",
    "Re-identified beyond kind and guessing",
    "share",
    Better.LOWER,
    "How much more often the person comes first than a stranger of the kind does, person by person; every person "
    "counts the same. Guessing, and a result that gives away the kind alone, come to 0. The interval is that of Bonett "
    "and Price (2012) for a difference of paired shares, over people.",
    _SOURCE,
)
NO_STRANGERS = "Nobody with a result has a stranger of their kind among the originals."
_DEVIATIONS = 1.959964
"""Within so many of them lie 95 % of a normal distribution."""


def numbers(clips: Sequence[Clip], original: Faces, anonymized: Faces, embedder: str, threshold: float) -> Numbers:
    """Work out both figures by one embedder, which is their variant.

    Args:
        clips: the originals, for the kinds of their people.
        original: their faces.
        anonymized: faces of the results.
        embedder: name of the network.
        threshold: cosine distance under which it takes two faces for one person.

    Returns:
        `EXPLAINED` and `EXCESS`, of the people of whom there is a stranger of the kind; their sum is how often these
        people are named. Where labels are missing, strangers may be the person under another number: then the excess is
        too low.
    """
    # An attacker who has all originals has the result's own footage, too: no file is hidden.
    probes = replace(anonymized, clip=np.full(len(anonymized), -1, np.int64))
    found = compare(original, probes, kinds.of(clips, bystanders=True), threshold)
    strangers, beyond = found.strangers_first, found.first - found.strangers_first
    known = np.isfinite(beyond)
    if not known.any():
        return {(one, embedder): Figure.unknown(NO_STRANGERS) for one in (EXPLAINED, EXCESS)}
    people, which = np.unique(probes.person[known], return_inverse=True)
    explained, excess = (_means(values[known], which) for values in (strangers, beyond))
    low, high = interval(excess)
    without = len(np.unique(probes.person)) - len(people)
    note = f"{without} people are left out: no stranger of their kind is in the originals." if without else ""
    chance = float(1.0 / found.choice[known].mean())
    samples = int(known.sum())
    baseline = bootstrap.mean(explained, people)
    return {
        (EXPLAINED, embedder): replace(baseline, samples=samples, chance=chance, note=joined(baseline.note, note)),
        (EXCESS, embedder): Figure(float(excess.mean()), low, high, samples, len(people), chance=0.0, note=note),
    }


def interval(values: Values) -> tuple[float, float]:
    """Work out the 95 % interval of a mean difference of paired shares.

    As Bonett and Price do, it counts two people more, one of either extreme. So it keeps a width where all people have
    the same value, and holds what it promises of few people, too: of fewer than 20 it is more than 0.25 wide.

    Args:
        values: (n,) differences, one for each person, in [-1, 1].

    Returns:
        Both ends.
    """
    more = np.append(values, [-1.0, 1.0])
    half = _DEVIATIONS * more.std() / np.sqrt(len(more))
    return max(-1.0, float(more.mean() - half)), min(1.0, float(more.mean() + half))


def _means(values: Values, which: NDArray[np.int64]) -> Values:
    """(people,) means over the faces of each."""
    return np.asarray(np.bincount(which, values) / np.bincount(which))
