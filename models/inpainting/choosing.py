"""The people of the catalogue who serve as a twin where it must look far from the source, for any embedder.

Of the entries that fit the source's appearance and are far from all other people, one of the ten that fit best, in
later attempts of the ten farthest from the source in embedding space; at random, so that the twin does not encode the
source. Where other people have those already (large datasets use up the catalogue) the middle between two entries of
that age and tone serves, and only at last any entry that is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infra.errors import Withheld
from infra.reasons import Reason
from models.inpainting import catalogue
from models.inpainting.catalogue import Catalogue
from models.interfaces.capabilities import Floats
from models.interfaces.twins import TwinJob

SHORTLIST = (10, 60, 95)
"""How many of the best fitting likely entries are considered at each attempt, the last for all that follow. At first
those that fit best, of the source's kind if there are any; then the farther ones, which pass more often: of ten each
with `LIKELY` 0.8, 5 against 8 passed for one man, 7 against 10 for a woman, 3 against 4 and 1 against 3 for two men.
"""
POOL = 10
"""Among how many of the shortlist's farthest from the source one is drawn."""
FEW_LIKELY = 25
"""How many of the best fitting candidates are considered at least where too few are likely, or where they are blends.
"""
PARENTS = 95
"""Blends are made among this many of the best fitting entries. Among 24, too few lie far from the source: of 276 pairs
0 to 83 for five people, of the 4,465 among 95 between 461 and 3,164; 25 of those, made and measured, kept .85 and more.
"""
FAR = 0.55
"""Cosine distance (FaceNet) that a candidate's picture must keep from the source at the first attempt: about where its
errors are equal. The painted face must keep more, see `tasks.generation.verify`."""
LIKELY = 0.85
"""Cosine distance (FaceNet) of a candidate's picture from the source that is asked for while enough entries have it:
painted into the source's frames, hair, light and expression take about a sixth of the distance away, and the rest must
exceed the threshold of verification. Of 43 candidates nearer than 0.72, painted, three did; of 21 farther ones seven.
With 0.8 the best fitting twins passed the audit, but measured again a few frames of two clips lay below a threshold.
Among groups that FaceNet hardly tells apart (East Asian faces) it leaves hardly any entry, and a twin of another group.
"""
APART = 0.45
"""Cosine distance (FaceNet) that a candidate must keep from all other people."""
AT_A_TIME = 64


def parents(candidate: int, count: int) -> tuple[int, int]:
    """Return the entries that a candidate is made of.

    Args:
        candidate: Index of an entry, or number of a blend.
        count: Number of entries in the catalogue.

    Returns:
        (entry, -1) of a plain candidate, or the two entries that a blended one lies between.
    """
    if candidate < count:
        return candidate, -1
    return divmod(candidate - count, count)


def candidates(people: Catalogue, job: TwinJob) -> list[int]:
    """Return candidates in the order in which they are to be tried; deterministic in the job's seed and attempt.

    Blends are judged by the middle of their parents' embeddings only.

    Args:
        people: The catalogue.
        job: The source, and the other people of the run.

    Returns:
        Entries' indices, or numbers of blends (see `parents`); at least one.

    Raises:
        Withheld: `no_candidate`: no entry fits, or, unless `job.allow_any_candidate`, those who would probably pass are
            all too near to others.
    """
    if job.prefer >= 0:
        return [job.prefer]
    comparable = job.embedder == people.embedder and len(job.source) > 0
    source = job.source if comparable else None
    cost = catalogue.mismatch(people, job.appearance, source, job.attempt).astype(np.float64)
    if not np.isfinite(cost).any():
        raise Withheld(
            Reason.NO_CANDIDATE, "No synthetic person of the catalogue fits this face; withhold or redact it."
        )
    # Not by group: a person far enough away is of another one more often than not, and the cost puts those of it first.
    alike = catalogue.near(people, job.appearance, source)
    pool, reserve = _pools(people, job, cost, alike, comparable)
    if not pool and not reserve:
        raise Withheld(Reason.NO_CANDIDATE, "Every fitting synthetic person is too close to a face of the dataset.")
    rng = np.random.default_rng([job.seed & 0xFFFFFFFF, job.seed >> 32 & 0xFFFFFFFF, job.attempt])
    return _turned(pool, rng) + _turned(reserve, rng)


def acceptable(embeddings: Floats, people: Catalogue, job: TwinJob) -> NDArray[np.bool_]:
    """Return which faces are far enough from the source and from all other people.

    Args:
        embeddings: (n, D) unit vectors.
        people: The catalogue, whose embedder made them.
        job: The source, and the other people of the run.

    Returns:
        (n,) bool; all True when they cannot be compared with the job's.
    """
    result = np.ones(len(embeddings), dtype=bool)
    if job.embedder != people.embedder:
        return result
    if len(job.source):
        result &= (1.0 - embeddings @ job.source.T).min(axis=1) >= FAR + 0.02 * (job.attempt - 1)
    if len(job.others):
        result &= (1.0 - embeddings @ job.others.T).min(axis=1) >= APART
    return result


def _pools(
    people: Catalogue, job: TwinJob, cost: NDArray[np.float64], alike: NDArray[np.bool_], comparable: bool
) -> tuple[list[int], list[int]]:
    """Up to POOL candidates, among whom chance decides, and as many in reserve, for when none of the first will do."""
    longest = SHORTLIST[min(job.attempt, len(SHORTLIST)) - 1]
    fits = np.isfinite(cost)
    free = fits & acceptable(people.embeddings, people, job) & ~np.isin(np.arange(len(people)), job.taken)
    away = _away(people.embeddings, people, job)

    def farthest(entries: list[int]) -> list[int]:
        return sorted(entries, key=lambda i: -away[i])[:POOL]

    promising = alike & (away >= LIKELY)
    crowded: list[int] = []
    # The attempts before this one have rejected one each; a shortage beyond that is other people's doing.
    if comparable and (fits & promising).sum() - (job.attempt - 1) >= POOL:
        likely = best(cost, free & promising)
        if len(likely) >= POOL:
            return farthest(likely[:longest]), []
        crowded = farthest(likely)
        if len(crowded) < POOL // 2:
            mates = best(cost, fits & alike & (away >= FAR))[:PARENTS]
            crowded = (crowded + _blends(people, mates, cost, job, LIKELY, longest))[:POOL]
        # Those who are left look like the source.
        if not job.allow_any_candidate:
            return crowded, []
    near = alike if (free & alike).sum() >= POOL else np.ones_like(alike)
    likely = best(cost, free & near & (away >= LIKELY))
    last = farthest(likely[:longest] if len(likely) >= POOL else best(cost, free & near)[: max(longest, FEW_LIKELY)])
    if len(last) < POOL // 2:
        mates = best(cost, fits & near & (away >= FAR))[:PARENTS]
        last = (last + _blends(people, mates, cost, job, 0.0, longest))[:POOL]
    return (crowded, last) if crowded else (last, [])


def _turned(pool: list[int], rng: np.random.Generator) -> list[int]:
    """The same ones, beginning somewhere."""
    first = int(rng.integers(len(pool))) if pool else 0
    return pool[first:] + pool[:first]


def best(cost: NDArray[np.float64], among: NDArray[np.bool_]) -> list[int]:
    """Return entries, the best fitting first.

    Args:
        cost: (n,) how badly each entry fits.
        among: (n,) entries that count.

    Returns:
        Indices of entries.
    """
    return [int(i) for i in np.argsort(cost, kind="stable") if among[i]]


def _blends(
    people: Catalogue, mates: list[int], cost: NDArray[np.float64], job: TwinJob, least: float, longest: int
) -> list[int]:
    """Free blends of well fitting entries, of the best pairs those farthest from the source.

    least: distance from the source that the middle of their embeddings must keep, besides being acceptable.
    """
    first, second = (np.array(mates, int)[k] for k in np.triu_indices(len(mates), 1))
    # One face, one number, whichever of its parents fits this source better.
    numbers = len(people) + np.minimum(first, second) * len(people) + np.maximum(first, second)
    # A blend of a face with glasses and one without would show them half.
    open_ = ~np.isin(numbers, job.taken) & (people.glasses[first] == people.glasses[second])
    first, second, numbers = first[open_], second[open_], numbers[open_]
    order = np.argsort(cost[first] + cost[second], kind="stable")
    wanted, found = max(longest, FEW_LIKELY), []
    # All people of a large dataset beside every pair would be gigabytes.
    for start in range(0, len(order), AT_A_TIME):
        part = order[start : start + AT_A_TIME]
        middle = people.embeddings[first[part]] + people.embeddings[second[part]]
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        away = _away(middle, people, job)
        fine = acceptable(middle, people, job) & (away >= least)
        found += [(float(away[k]), int(numbers[part[k]])) for k in np.flatnonzero(fine)]
        if len(found) >= wanted:
            break
    return [number for _, number in sorted(found[:wanted], key=lambda one: -one[0])[:POOL]]


def _away(embeddings: Floats, people: Catalogue, job: TwinJob) -> Floats:
    """(n,) distance of each embedding from the nearest of the source's; infinite where they cannot be compared."""
    if job.embedder != people.embedder or len(job.source) == 0:
        return np.full(len(embeddings), np.inf, np.float32)
    return np.asarray((1.0 - embeddings @ job.source.T).min(axis=1), np.float32)
