"""The people of the catalogue who are of a source's kind: control strangers, and the first candidates of a search.

They are drawn by chance from those who fit the source's appearance best. Whether one of them may serve is decided in
the source's own footage (see `tasks.generation.controls`, `tasks.generation.twin`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.inpainting import catalogue
from models.inpainting.catalogue import Catalogue
from models.inpainting.choosing import APART, best
from models.interfaces.capabilities import Floats
from models.interfaces.twins import TwinJob

CELL = 20
"""Among how many of the best fitting they are drawn."""
HOPEFUL = 0.72
"""Cosine distance (FaceNet) of a picture from the source from which a person who was not yet seen in the footage is
tried: painted there, hair, light and expression take about a sixth of it away, and the rest must exceed a threshold."""

OTHER_BEARD = 0.35
"""Difference of beard scores from which it is another kind of beard: shaven faces have up to .3, full ones from .6."""


def strangers(people: Catalogue, job: TwinJob, count: int) -> list[int]:
    """Return people of the source's kind, drawn by the job's seed.

    They are drawn regardless of their distance from the source and of other identities that have them. Where fewer are
    of the kind, the best fitting of the others fill up, and at last those next in age, of any gender and with or
    without glasses.

    Args:
        people: The catalogue.
        job: The source.
        count: Number of people wanted.

    Returns:
        `count` indices of entries.
    """
    cost, alike = _fitting(people, job)
    cell = _drawn(best(cost, alike)[: max(CELL, count)], job.seed)
    others = np.argsort(np.abs(people.age - job.appearance.age), kind="stable")
    return list(dict.fromkeys([*cell, *best(cost, np.isfinite(cost)), *(int(i) for i in others)]))[:count]


def kindred(people: Catalogue, job: TwinJob) -> list[int]:
    """Return free entries of the source's kind who are far from all other people.

    First `job.kindred` in its order, then others drawn by the job's seed, but none of `job.unfit`; of both, where the
    source looks like two groups, those of the likelier one first: the others lie farther, so chance alone would pass
    more of them. Among these, those near in age with glasses and a beard, or none, as the source has.

    Args:
        people: The catalogue.
        job: The source, and the other people of the run.

    Returns:
        Indices of entries; none at all unless the kind comes first, or where a candidate is preferred.
    """
    if job.prefer >= 0 or not job.kind_first:
        return []
    cost, alike = _fitting(people, job)
    free = alike & ~np.isin(np.arange(len(people)), job.taken)
    if job.embedder == people.embedder and len(job.others):
        free &= (1.0 - people.embeddings @ job.others.T).min(axis=1) >= APART
    source = _comparable(people, job)
    likelier = np.zeros(len(people)) if source is None else catalogue.of_group(people, job.appearance, source)
    off = (people.glasses != catalogue.wears(job.appearance)).astype(int)
    off += np.abs(people.beard - job.appearance.beard) > OTHER_BEARD
    off += np.abs(people.age - job.appearance.age) > catalogue.NEAR_AGE
    seen = [one for one in job.kindred if one < len(people) and free[one]]
    free &= ~np.isin(np.arange(len(people)), job.unfit)
    if source is not None:
        free &= (1.0 - people.embeddings @ source.T).min(axis=1) >= HOPEFUL
    drawn = _drawn(best(cost, free)[:CELL], job.seed)
    seen, drawn = (sorted(some, key=lambda one: (-likelier[one], off[one])) for some in (seen, drawn))
    return list(dict.fromkeys([*seen, *drawn]))


def _fitting(people: Catalogue, job: TwinJob) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """((n,) how badly entries fit, (n,) entries of the source's kind)."""
    source = _comparable(people, job)
    cost = catalogue.mismatch(people, job.appearance, source).astype(np.float64)
    return cost, catalogue.alike(people, job.appearance, source, np.isfinite(cost))


def _comparable(people: Catalogue, job: TwinJob) -> Floats | None:
    """The source's embeddings where the catalogue's can be compared with them."""
    return job.source if job.embedder == people.embedder and len(job.source) else None


def _drawn(entries: list[int], seed: int) -> list[int]:
    return [entries[k] for k in np.random.default_rng(seed).permutation(len(entries))]
