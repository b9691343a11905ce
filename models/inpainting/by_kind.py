"""Who of the catalogue serves where the kind comes first: one of those who are most of the source's kind, at random.

The distance from the source takes no part: whether a face is too near is asked where it is painted, beside strangers in
the same place (see `tasks.limits`). So the kind does not suffer, but the choice tells more about the source, see
docs/results.md, "Outsiders". Where other people have those already (large datasets use up the catalogue) the middle
between two entries of that age and tone serves, and only at last whoever else is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infra.errors import Withheld
from models.capabilities import Floats
from models.inpainting import catalogue
from models.inpainting.catalogue import Catalogue
from models.inpainting.choosing import APART, AT_A_TIME, NEAR_AGE, NEAR_TONE, PARENTS, best
from models.twins import TwinJob

POOL = 5
"""Among how many of the best fitting one is drawn."""


def candidates(people: Catalogue, job: TwinJob) -> list[int]:
    """Entries' indices, or numbers of blends (see `choosing.parents`), in the order in which they are to be tried; at
    least one, and deterministic in the job's seed and attempt. Blends are judged by the middle of their parents'
    embeddings only.

    Raises Withheld `no_candidate` when nobody fits, or, unless `job.anybody`, when all of the kind are other people's
    or too near to others.
    """
    if job.prefer >= 0:
        return [job.prefer]
    cost = _cost(people, job)
    kindred = _kindred(people, job, cost)
    rng = np.random.default_rng([job.seed & 0xFFFFFFFF, job.seed >> 32 & 0xFFFFFFFF, job.attempt])
    pools = [_pool(people, job, cost, kindred)]
    if job.anybody:
        pools.append([one for one in _pool(people, job, cost, np.isfinite(cost)) if one not in pools[0]])
    found = [one for pool in pools for one in _shuffled(pool, rng)]
    if not found:
        raise Withheld("no_candidate", "Every fitting synthetic person is too close to a face of the dataset.")
    return found


def strangers(people: Catalogue, job: TwinJob, count: int) -> list[int]:
    """`count` entries of the source's kind, the best fitting first, whoever else has them: against whom a twin is
    measured. Where fewer are of the kind, those next in age fill up, whatever their gender and glasses."""
    cost = catalogue.mismatch(people, job.appearance, _comparable(people, job)).astype(np.float64)
    found = best(cost, _kindred(people, job, cost, count))[:count]
    others = np.argsort(np.abs(people.age - job.appearance.age), kind="stable")
    return [*found, *(int(i) for i in others if int(i) not in found)][:count]


def acceptable(embeddings: Floats, people: Catalogue, job: TwinJob) -> NDArray[np.bool_]:
    """(n,) whether each of (n, D) unit embeddings is nobody else; all when they cannot be compared with the job's."""
    if job.embedder != people.embedder or not len(job.others):
        return np.ones(len(embeddings), dtype=bool)
    return np.asarray((1.0 - embeddings @ job.others.T).min(axis=1) >= APART)


def _comparable(people: Catalogue, job: TwinJob) -> Floats | None:
    """The source's embeddings where the catalogue's can be compared with them."""
    return job.source if job.embedder == people.embedder and len(job.source) else None


def _cost(people: Catalogue, job: TwinJob) -> NDArray[np.float64]:
    cost = catalogue.mismatch(people, job.appearance, _comparable(people, job)).astype(np.float64)
    if not np.isfinite(cost).any():
        raise Withheld("no_candidate", "No synthetic person of the catalogue fits this face; withhold or redact it.")
    return cost


def _kindred(people: Catalogue, job: TwinJob, cost: NDArray[np.float64], least: int = POOL) -> NDArray[np.bool_]:
    """(n,) who is near in tone and age; everybody who fits where those are fewer than `least`."""
    source = _comparable(people, job)
    fits = np.isfinite(cost)
    alike = (np.abs(people.ita - catalogue.tone_wanted(job.appearance, source)) <= NEAR_TONE) & (
        np.abs(people.age - job.appearance.age) <= NEAR_AGE
    )
    return fits & alike if (fits & alike).sum() >= least else fits


def _pool(people: Catalogue, job: TwinJob, cost: NDArray[np.float64], among: NDArray[np.bool_]) -> list[int]:
    """Up to POOL free candidates, the best fitting; blends where fewer than half as many entries are left."""
    free = among & acceptable(people.embeddings, people, job) & ~np.isin(np.arange(len(people)), job.taken)
    pool = best(cost, free)[:POOL]
    if len(pool) < POOL // 2:
        pool = (pool + _blends(people, best(cost, among)[:PARENTS], cost, job))[:POOL]
    return pool


def _shuffled(pool: list[int], rng: np.random.Generator) -> list[int]:
    return [pool[k] for k in rng.permutation(len(pool))]


def _blends(people: Catalogue, mates: list[int], cost: NDArray[np.float64], job: TwinJob) -> list[int]:
    """Free blends of well fitting entries, those of the best pairs first."""
    first, second = (np.array(mates, int)[k] for k in np.triu_indices(len(mates), 1))
    # One face, one number, whichever of its parents fits this source better.
    numbers = len(people) + np.minimum(first, second) * len(people) + np.maximum(first, second)
    open_ = ~np.isin(numbers, job.taken)
    first, second, numbers = first[open_], second[open_], numbers[open_]
    order = np.argsort(cost[first] + cost[second], kind="stable")
    found: list[int] = []
    # Everybody of a large dataset beside every pair would be gigabytes.
    for start in range(0, len(order), AT_A_TIME):
        part = order[start : start + AT_A_TIME]
        middle = people.embeddings[first[part]] + people.embeddings[second[part]]
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        found += [int(numbers[part[k]]) for k in np.flatnonzero(acceptable(middle, people, job))]
        if len(found) >= POOL:
            break
    return found[:POOL]
