"""The embedded inpainter: a person from the catalogue, generated anew.

Who is chosen: of the entries that fit the source's appearance and are far from everybody, one of the ten that fit
best, in later attempts of the ten farthest from the source in embedding space; at random, so that the twin does not
encode the source. When too few entries are left (large datasets use up the catalogue, and no two people may share a
twin) the middle between two of them serves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infra.errors import Withheld
from models import profiles
from models.capabilities import Floats
from models.inpainting import catalogue
from models.inpainting.catalogue import Catalogue
from models.inpainting.mobilestylegan import MobileStyleGAN
from models.twins import AT_REST, Twin, TwinJob

SHORTLIST = (10, 60, 95)
"""How many of the best fitting likely entries are considered at each attempt, the last for all that follow. At first
those that fit best, of the source's kind if there are any; then the farther ones, which pass more often: of ten each
with `LIKELY` 0.8, 5 against 8 passed for one man, 7 against 10 for a woman, 3 against 4 and 1 against 3 for two men.
"""
POOL = 10
"""Among how many of the shortlist's farthest from the source one is drawn."""
FEW_LIKELY = 25
"""How many of the best fitting entries are considered at least where too few are likely."""
NEAR_TONE, NEAR_AGE = 20.0, 10.0
"""Degrees of ITA and years that an entry may be off, while enough others remain: what is farthest from a face otherwise
tends to have another skin, and a dark face lightened to a pale one looks like chalk. With 15 years a man of about
thirty, measured 35, became one of fifty with grey hair."""
PARENTS = 24
"""Blends are made among this many of the best fitting entries."""
FAR = 0.55
"""Cosine distance (FaceNet) that a candidate's picture must keep from the source at the first attempt: about where its
errors are equal. The painted face must keep more, see `tasks.verify`."""
LIKELY = 0.85
"""Cosine distance (FaceNet) of a candidate's picture from the source that is asked for while enough entries have it:
painted into the source's frames, hair, light and expression take about a sixth of the distance away, and the rest must
exceed the threshold of verification. Of 43 candidates nearer than 0.72, painted, three did; of 21 farther ones seven.
With 0.8 the best fitting twins passed the audit, but measured again a few frames of two clips lay below a threshold.
Among groups that FaceNet hardly tells apart (East Asian faces) this leaves hardly anybody, and a twin of another group.
"""
APART = 0.45
"""Cosine distance (FaceNet) that a candidate must keep from everybody else."""


class CatalogueInpainter:
    """Inpainter over MobileStyleGAN and the catalogue; safe for several threads."""

    name = "mobilestylegan"

    def __init__(self) -> None:
        self._generator = MobileStyleGAN()

    def inpaint(self, job: TwinJob) -> Twin:
        """Return a neutral, frontal twin. Raises Withheld `no_candidate` when nobody in the catalogue fits."""
        people = catalogue.load()
        chosen = choose(people, job)
        first, second = parents(chosen, len(people))
        if second < 0:
            picture = self._generator.picture(people.latents[first])
            return Twin(picture, people.meshes[first], chosen, AT_REST, people.embeddings[first])
        picture = self._generator.picture((people.latents[first] + people.latents[second]) / 2)
        # Only a blend has to be measured, so the networks for that are not loaded earlier.
        faces = profiles.load("detector", "retinaface-mobilenet").detect([picture])[0]
        if not faces:
            raise Withheld("no_candidate", "A blended synthetic person shows no clear face.")
        mesh = profiles.load("landmarker", "mesh").locate([picture], faces[:1])[0]
        embedding = profiles.load("embedder", people.embedder).embed([picture], faces[:1])[0]
        return Twin(picture, mesh.points, chosen, AT_REST, embedding)


def parents(candidate: int, count: int) -> tuple[int, int]:
    """(entry, -1) of a plain candidate, or the two entries that a blended one lies between."""
    if candidate < count:
        return candidate, -1
    return divmod(candidate - count, count)


def choose(people: Catalogue, job: TwinJob) -> int:
    """The candidate for this job, an entry's index or the number of a blend (see `parents`); deterministic in the
    job's seed and attempt."""
    if job.prefer >= 0:
        return job.prefer
    comparable = job.embedder == people.embedder and len(job.source) > 0
    source = job.source if comparable else None
    cost = catalogue.mismatch(people, job.appearance, source, job.attempt).astype(np.float64)
    if not np.isfinite(cost).any():
        raise Withheld("no_candidate", "No synthetic person of the catalogue fits this face; withhold or redact it.")
    cost[~_acceptable(people.embeddings, people, job)] = np.inf
    alike = (np.abs(people.ita - catalogue.tone_wanted(job.appearance, source)) <= NEAR_TONE) & (
        np.abs(people.age - job.appearance.age) <= NEAR_AGE
    )
    free_alike = alike & np.isfinite(cost) & ~np.isin(np.arange(len(people)), job.taken)
    if free_alike.sum() >= POOL:
        cost[~alike] = np.inf
    ranked = [int(i) for i in np.argsort(cost, kind="stable") if np.isfinite(cost[i])]
    taken = set(job.taken)
    free = [i for i in ranked if i not in taken]
    longest = SHORTLIST[min(job.attempt, len(SHORTLIST)) - 1]
    if comparable:
        away = (1.0 - people.embeddings @ job.source.T).min(axis=1)
        likely = [i for i in free if away[i] >= LIKELY]
        near = likely[:longest] if len(likely) >= POOL else free[: max(longest, FEW_LIKELY)]
        free = sorted(near, key=lambda i: -away[i])
    else:
        free = free[:longest]
    free = free[:POOL]
    if len(free) < POOL // 2:
        free += _blends(people, ranked[:PARENTS], taken, job)[:POOL]
    if not free:
        raise Withheld("no_candidate", "Every fitting synthetic person is too close to a face of the dataset.")
    rng = np.random.default_rng([job.seed & 0xFFFFFFFF, job.seed >> 32 & 0xFFFFFFFF, job.attempt])
    return free[int(rng.integers(len(free)))]


def _blends(people: Catalogue, ranked: list[int], taken: set[int], job: TwinJob) -> list[int]:
    """Free blends of well fitting entries, best pairs first, judged by the middle of the parents' embeddings."""
    pairs = [(a, b) for k, b in enumerate(ranked) for a in ranked[:k]]
    numbers = [len(people) + a * len(people) + b for a, b in pairs]
    if not pairs:
        return []
    middle = np.stack([people.embeddings[a] + people.embeddings[b] for a, b in pairs])
    good = _acceptable(middle / np.linalg.norm(middle, axis=1, keepdims=True), people, job)
    return [number for number, fine in zip(numbers, good, strict=True) if fine and number not in taken]


def _acceptable(embeddings: Floats, people: Catalogue, job: TwinJob) -> NDArray[np.bool_]:
    """(n,) whether each embedding is far enough from the source and is nobody else; all when not comparable."""
    result = np.ones(len(embeddings), dtype=bool)
    if job.embedder != people.embedder:
        return result
    if len(job.source):
        result &= (1.0 - embeddings @ job.source.T).min(axis=1) >= FAR + 0.02 * (job.attempt - 1)
    if len(job.others):
        result &= (1.0 - embeddings @ job.others.T).min(axis=1) >= APART
    return result
