"""One twin per identity, with verification and retry (AnonNET sections 3.4 and 3.5).

An attempt that fails is followed by one with more stochasticity: another candidate, a larger geometric change, a
wider mask. Every attempt is recorded. When attempts run out there is no twin, never the last one tried.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from infra.errors import AttemptFailed, Withheld
from models.embedding.calibration import calibration
from models.interfaces.capabilities import Appearance, Embedder, Floats, Landmarker
from models.interfaces.twins import Inpainter, MotionModel, Strength, Twin, TwinJob
from tasks.analysis.identities import Identity
from tasks.generation import limits, verify
from tasks.generation.controls import Controls
from tasks.generation.site import Site
from tasks.records import Attempt

VERSION = 16
TOO_CLOSE, TOO_CLOSE_IN_PLACE = "too_close", "too_close_in_place"
"""Reasons of an attempt: a general matcher takes the twin for the source; the twin is not far enough from the source
beside strangers in the same place."""
KIND_TRIES = 3
"""The first so many tries, and no more than half of all, go to people of the source's kind. Whoever lies far from the
source is of another group more often than not."""
KINDRED = 0.05
"""Share of a general matcher's threshold by which a control stranger must exceed it to be tried first."""


@dataclass(frozen=True)
class TwinSettings:
    """attempts: at most. first: number of the first attempt; a retry after the audit starts above 1. seed: of the run.
    strict: a general matcher must not take the twin for the source by any pair of a painted and a source sample; else
    by the score over the painted ones, where it tells strangers apart (see `limits.InPlace.asked`)."""

    attempts: int = 5
    first: int = 1
    seed: int = 0
    strict: bool = True


@dataclass(frozen=True)
class TwinResult:
    """What became of one identity: twin is None when every attempt failed or nothing could be tried."""

    identity: int
    twin: Twin | None
    strength: Strength
    attempts: tuple[Attempt, ...]


def strength_of(attempt: int) -> Strength:
    """How strongly attempt 1, 2, ... departs from the source.

    The change grows slowly: from 1.0 to 1.8 it moves the judges' distances by 3 to 17 % only, another candidate by far
    more, and an exaggerated mouth follows the source's less well.
    """
    return Strength(change=min(1.4 + 0.05 * (attempt - 1), 1.6), feather=min(0.1 + 0.02 * (attempt - 1), 0.16))


def seed_of(run_seed: int, key: str) -> int:
    """A 63-bit seed from the run's seed and the identity's key; says nothing about either without the other."""
    digest = hashlib.sha256(f"{run_seed}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True)
class Request:
    """Whose twin is wanted.

    key: what makes the identity the same in every run (public id of the video and its number, or the dataset-wide
    pseudonym). prefer: candidate that the identity already has elsewhere, or -1. others: (m, D) embeddings that the
    twin must not resemble. taken: candidates already in use or already rejected. settled: only the preferred one is
    tried, each time stronger; otherwise only the first attempt tries it. anybody: see
    `models.interfaces.twins.TwinJob`.
    """

    identity: Identity
    key: str
    prefer: int
    others: Floats
    taken: tuple[int, ...]
    settled: bool = False
    anybody: bool = False

    def digest(self) -> str:
        """Hex SHA-256 of what the choice depends on, for a cache key."""
        parts = (self.identity.index, self.key, self.prefer, self.settled, self.anybody, self.taken)
        digest = hashlib.sha256("\x00".join(map(str, parts)).encode())
        digest.update(np.ascontiguousarray(self.others, dtype=np.float32).tobytes())
        return digest.hexdigest()


def run(
    request: Request,
    site: Site,
    controls: Controls,
    appearance: Appearance,
    inpainter: Inpainter,
    motion: MotionModel,
    embedder: Embedder,
    landmarker: Landmarker,
    settings: TwinSettings,
    workers: int = 1,
) -> TwinResult:
    """Find a twin for one identity.

    Args:
        request: whose twin is wanted.
        site: where it is painted.
        controls: by which it is measured, the verifying embedder first.
        appearance: of the identity.
        inpainter: makes it.
        motion: paints it.
        embedder: verifies it, the one behind the identity's embeddings.
        landmarker: frames painted faces for it.
        settings: how often it is tried.
        workers: threads that verify.
    """
    identity = request.identity
    first = strength_of(settings.first)
    some = list(site.samples) if settings.strict else verify.spread(site.samples)
    general = calibration(embedder.name).far_1
    attempts: list[Attempt] = []
    rejected: list[int] = []
    kindred, unfit = _kindred(controls, inpainter, request, settings)
    kind_tries = min(KIND_TRIES, (settings.first + settings.attempts) // 2)
    for number in range(settings.first, settings.first + settings.attempts):
        strength = strength_of(number)
        if request.settled and number > 1 and strength == strength_of(number - 1):
            # The only twin there is, as strong as the last time: its result is known.
            break
        job = TwinJob(
            frame=site.surroundings,
            mesh=site.mesh,
            appearance=appearance,
            source=identity.embeddings,
            others=request.others,
            embedder=embedder.name,
            taken=(*request.taken, *rejected),
            prefer=request.prefer if request.settled or number == settings.first else -1,
            seed=seed_of(settings.seed, request.key),
            attempt=number,
            anybody=request.anybody,
            kind_first=number <= kind_tries,
            kindred=kindred,
            unfit=unfit,
        )
        tried = Attempt(number, -1, strength.change, float("nan"), general, False, "")
        try:
            twin = inpainter.inpaint(job)
        except AttemptFailed as failed:
            attempts.append(replace(tried, reason=failed.reason, made_with=failed.made_with))
            continue
        except Withheld as reason:
            attempts.append(replace(tried, reason=reason.reason))
            break
        twin = site.fit(twin, motion, strength)
        trial = verify.Trial(twin, site.drivings, motion, strength)
        shown = verify.show(trial, some, landmarker, [embedder], workers)
        tried = replace(tried, candidate=twin.candidate, made_with=twin.made_with)
        if not shown.samples:
            attempts.append(replace(tried, reason="not_paintable"))
            rejected.append(twin.candidate)
            continue
        measured = controls.of(0, twin.candidate if inpainter.name == controls.made_by else -1)
        score = float(limits.score(controls.sources[0].distances(shown.vectors[0], shown.samples)))
        smallest = float((1.0 - shown.vectors[0] @ controls.sources[0].vectors.T).min())
        apart, wanted = (smallest, general) if settings.strict else (score, measured.asked(general))
        why = "accepted"
        # Not <: a distance that is no number proves nothing.
        if not apart > wanted:
            why = TOO_CLOSE
        elif measured.refuses(score):
            why, apart, wanted = TOO_CLOSE_IN_PLACE, score, measured.limit
        attempts.append(
            replace(
                tried,
                distance=apart,
                threshold=wanted,
                genuine=measured.reach,
                strangers=measured.typical,
                accepted=why == "accepted",
                reason=why,
            )
        )
        if why == "accepted":
            return TwinResult(identity.index, twin, strength, tuple(attempts))
        rejected.append(twin.candidate)
    return TwinResult(identity.index, None, first, tuple(attempts))


def _kindred(
    controls: Controls, inpainter: Inpainter, request: Request, settings: TwinSettings
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The control strangers who may serve, in the order in which chance, not their distance, wants them tried, and
    those who may not."""
    if inpainter.name != controls.made_by:
        return (), ()
    fine = controls.suitable(settings.strict, KINDRED)
    order = np.random.default_rng(seed_of(settings.seed, request.key)).permutation(len(fine))
    return tuple(fine[k] for k in order), tuple(one for one in controls.candidates if one not in fine)
