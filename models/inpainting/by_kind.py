"""Who of the catalogue is of a source's kind: control strangers, and the first whom a search for a twin tries.

They are drawn by chance from those who fit the source's appearance and coarse kind best, however near they are and
whoever else has them; whether one of them may serve is decided in the source's own footage (see `tasks.controls`).
"""

from __future__ import annotations

import numpy as np

from models.capabilities import Floats
from models.inpainting import catalogue
from models.inpainting.catalogue import Catalogue
from models.inpainting.choosing import APART, best
from models.twins import TwinJob

CELL = 20
"""Among how many of the best fitting they are drawn. The five best by FaceNet's axes of kind are so near that a matcher
with another picture names the source, see docs/results.md, "Outsiders"."""


def strangers(people: Catalogue, job: TwinJob, count: int) -> list[int]:
    """`count` entries of the source's kind, drawn by the job's seed.

    Where fewer are of the kind, those next in age fill up, whatever their gender and glasses.
    """
    cost = catalogue.mismatch(people, job.appearance, comparable(people, job)).astype(np.float64)
    alike = np.isfinite(cost) & catalogue.alike(people, job.appearance, comparable(people, job))
    cell = best(cost, alike if alike.sum() >= count else np.isfinite(cost))[: max(CELL, count)]
    rng = np.random.default_rng(job.seed)
    found = [cell[k] for k in rng.permutation(len(cell))[:count]]
    others = np.argsort(np.abs(people.age - job.appearance.age), kind="stable")
    return [*found, *(int(i) for i in others if int(i) not in found)][:count]


def kindred(people: Catalogue, job: TwinJob) -> list[int]:
    """Those of `job.kindred` who are free, far from everybody else, and of the source's kind in every respect; none
    where a candidate is preferred."""
    if job.prefer >= 0 or not job.kindred:
        return []
    cost = catalogue.mismatch(people, job.appearance, comparable(people, job)).astype(np.float64)
    free = np.isfinite(cost) & catalogue.alike(people, job.appearance, comparable(people, job))
    if job.embedder == people.embedder and len(job.others):
        free &= (1.0 - people.embeddings @ job.others.T).min(axis=1) >= APART
    return [one for one in job.kindred if one not in job.taken and free[one]]


def comparable(people: Catalogue, job: TwinJob) -> Floats | None:
    """The source's embeddings where the catalogue's can be compared with them."""
    return job.source if job.embedder == people.embedder and len(job.source) else None
