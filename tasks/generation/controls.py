"""Control strangers (see `tasks.generation.limits`): people of the source's kind, painted into its own sampled frames.

They are drawn by the sampler of people, whichever backend makes the twins, and painted by the mesh, so that a backend
which lets the source through is measured against people who are none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from infra.errors import Withheld
from infra.reasons import Reason
from infra.settings import Settings
from models.embedding.calibration import calibration
from models.interfaces.capabilities import Embedder, FaceAttributes, Floats, Landmarker
from models.interfaces.twins import MotionModel, Strangers, Twin, TwinJob
from models.selection import profiles
from tasks.analysis import framing
from tasks.analysis.analysis import Analysis
from tasks.analysis.identities import Identity
from tasks.analysis.samples import Sample
from tasks.generation import limits
from tasks.generation.limits import InPlace, Source
from tasks.generation.painting import Trial, show, spread
from tasks.generation.site import Site
from tasks.generation.strength import seed_of, strength_of
from tasks.stage import Advance, Work, stage

VERSION = 4
TOO_FEW, INDISTINCT = Reason.NO_CONTROLS, Reason.INDISTINCT
"""Reasons where there are not enough control strangers, and where an embedder does not tell them from the source."""
COUNT = 8
"""Control strangers of an identity."""
_FEW = 4
"""Samples below which the source's own distances are taken from mirrored ones: there are no others."""


@dataclass(frozen=True)
class Controls:
    """What was measured of one identity in place. Identifying.

    Attributes:
        made_by: Backend that the control strangers come from; empty where nothing was measured.
        candidates: (k,) who the control strangers are.
        measured: Per embedder, the verifying one first.
        sources: What each embedder sees of the source.
        general: Per embedder the threshold of a general matcher (1 % false accepts).
        nearest: Per embedder (k,) the least distance of a pair of a control stranger's painted sample and a source
            sample.
        false_matches: Share of such pairs below that threshold, the largest over the embedders.
        failure: Reason for which nothing was measured.
    """

    made_by: str
    candidates: tuple[int, ...]
    measured: tuple[InPlace, ...]
    sources: tuple[Source, ...]
    general: tuple[float, ...]
    nearest: tuple[Floats, ...]
    false_matches: float
    failure: str = ""

    @property
    def doubt(self) -> str:
        """Reason for which no twin can be measured by them, empty when one can."""
        return self.failure or ("" if all(one.separable for one in self.measured) else INDISTINCT)

    def digest(self) -> str:
        """Hex SHA-256 of what a twin is measured by, for a cache key."""
        digest = hashlib.sha256(repr((self.made_by, self.candidates, self.general)).encode())
        for one, nearest in zip(self.measured, self.nearest, strict=True):
            for part in (one.genuine, one.strangers, nearest):
                digest.update(np.ascontiguousarray(part, np.float32).tobytes())
        return digest.hexdigest()

    def suitable(self, strict: bool, margin: float) -> tuple[int, ...]:
        """Return those control strangers that may serve as twins.

        Beside the others none is too near, and no general matcher takes them for the source: by their score where it
        tells strangers apart, or, strictly, by any pair of samples.

        Args:
            strict: Whether any pair of samples counts.
            margin: Share of what is asked by which they must exceed it.

        Returns:
            Their candidates.
        """
        fine = np.ones(len(self.candidates), bool)
        for measured, general, nearest in zip(self.measured, self.general, self.nearest, strict=True):
            scores = limits.score(measured.strangers)
            others = [measured.without(k) for k in range(len(scores))]
            asked = np.array([general if strict else one.asked(general) for one in others])
            fine &= (nearest if strict else scores) >= (1.0 + margin) * asked
            fine &= [not one.refuses(float(scored)) for one, scored in zip(others, scores, strict=True)]
        return tuple(candidate for candidate, one in zip(self.candidates, fine, strict=True) if one)

    def of(self, embedder: int, candidate: int) -> InPlace:
        """Return what a twin is measured by: all control strangers but itself, when it is one of them.

        Args:
            embedder: Number of the embedder.
            candidate: The twin.

        Returns:
            What that embedder measured.
        """
        found = self.measured[embedder]
        if candidate in self.candidates:
            return found.without(self.candidates.index(candidate))
        return found


def _parameters(settings: Settings) -> dict[str, object]:
    known = profiles.roles(settings)
    names = (*known["embedder"].backends, *known["audit_embedders"].backends)
    return {"seed": settings.seed, "general": [calibration(name).far_1 for name in names]}


@stage(
    "measure control strangers",
    "controls",
    VERSION,
    "3.5 (5)",
    ("strangers", "strangers_motion", "embedder", "audit_embedders", "landmarker", "parser"),
    _parameters,
)
def measure_controls(work: Work, faces: Analysis, site: Site, person: Identity) -> Controls:
    """Measure one identity in place, see `run`; where that cannot be done, the result says why.

    Args:
        work: Loads the networks; holds the settings.
        faces: What is known of the input's faces.
        site: Samples of the identity on which a twin can be shown.
        person: The identity.

    Returns:
        What was measured, or the reason why nothing was.
    """
    tools = Tools(
        work.load("strangers"),
        work.load("strangers_motion"),
        work.load("landmarker"),
        (work.load("embedder"), *work.load_all("audit_embedders")),
        work.settings.threads,
    )
    seed = seed_of(work.settings.seed, f"{work.public_id}:{person.index}")
    try:
        return run(site, person, faces.appearance(person), limits.sources_of(faces, person), tools, seed, work.advance)
    except Withheld as doubt:
        return Controls("", (), (), (), (), (), 0.0, doubt.reason)


@dataclass(frozen=True)
class Tools:
    """By what an identity is measured.

    Attributes:
        strangers: Makes people of a kind.
        motion: Paints them.
        landmarker: Frames painted faces.
        embedders: The verifying one, then the audit's.
        workers: Threads.
    """

    strangers: Strangers
    motion: MotionModel
    landmarker: Landmarker
    embedders: tuple[Embedder, ...]
    workers: int = 1


def run(
    site: Site,
    identity: Identity,
    appearance: FaceAttributes,
    sources: Sequence[Source],
    tools: Tools,
    seed: int,
    advance: Advance = lambda done: None,
) -> Controls:
    """Measure one identity in place.

    Args:
        site: Where twins of the identity are painted.
        identity: The identity.
        appearance: Its attributes, by which people of its kind are found.
        sources: What each embedder sees of it.
        tools: By what it is measured.
        seed: Of the identity, by which the strangers are drawn.
        advance: Called with the number of strangers that were painted, which takes seconds for each.

    Returns:
        What was measured.

    Raises:
        Withheld: `no_controls` where fewer than `COUNT` people could be painted.
    """
    embedders, landmarker = tools.embedders, tools.landmarker
    people, seen, shown = _painted(site, job_of(site, identity, appearance, embedders[0].name, seed), tools, advance)
    if len(people) < COUNT:
        raise Withheld(TOO_FEW, TOO_FEW.meaning)
    general = tuple(calibration(embedder.name).far_1 for embedder in embedders)
    measured, pairs = [], []
    for k, (embedder, source) in enumerate(zip(embedders, sources, strict=True)):
        strange = np.stack([source.distances(vectors[k], shown) for vectors in seen])
        measured.append(InPlace(_genuine(source, site, embedder, landmarker), strange))
        pairs.append(np.stack([1.0 - vectors[k] @ source.vectors.T for vectors in seen]))
    return Controls(
        tools.strangers.name,
        tuple(twin.candidate for twin in people),
        tuple(measured),
        tuple(sources),
        general,
        tuple(away.min(axis=(1, 2)) for away in pairs),
        max(float((away < near).mean()) for away, near in zip(pairs, general, strict=True)),
    )


def _painted(
    site: Site, job: TwinJob, tools: Tools, advance: Advance
) -> tuple[list[Twin], list[tuple[Floats, ...]], tuple[Sample, ...]]:
    """Control strangers, what each embedder sees of them, and the samples into which all of them were painted."""
    some, strength = spread(site.samples), strength_of(1)
    people: list[Twin] = []
    seen: list[tuple[Floats, ...]] = []
    shown: tuple[Sample, ...] | None = None
    for tried, twin in enumerate(tools.strangers.strangers(job, COUNT), start=1):
        trial = Trial(site.fit(_halved(twin), tools.motion, strength), site.drivings, tools.motion, strength)
        one = show(trial, some, tools.landmarker, tools.embedders, tools.workers)
        # All are compared on the same samples; where one person cannot be painted, none can.
        shown = one.samples if shown is None else shown
        if one.samples and one.samples == shown:
            people.append(twin)
            seen.append(one.vectors)
        advance(tried)
    return people, seen, shown or ()


def job_of(site: Site, identity: Identity, appearance: FaceAttributes, embedder: str, seed: int) -> TwinJob:
    """Return the job by which people of an identity's kind are found.

    Args:
        site: Samples of the identity.
        identity: The identity.
        appearance: Its attributes.
        embedder: Name of the network behind its embeddings.
        seed: Of the job.

    Returns:
        The job.
    """
    return TwinJob(
        frame=site.surroundings,
        mesh=site.mesh,
        appearance=appearance,
        source=identity.embeddings,
        others=np.zeros((0, identity.embeddings.shape[1]), np.float32),
        embedder=embedder,
        taken=(),
        seed=seed,
        attempt=1,
    )


def _halved(twin: Twin) -> Twin:
    """The twin with a picture of half the size: it is never seen, and fitting it costs a quarter."""
    height, width = twin.picture.shape[:2]
    small = cv2.resize(twin.picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return replace(twin, picture=np.asarray(small, np.uint8), mesh=np.asarray(twin.mesh / 2, np.float32))


def _genuine(source: Source, site: Site, embedder: Embedder, landmarker: Landmarker) -> Floats:
    """Distances of the source's samples from one another, or, of few, of the mirrored ones from them."""
    # Where no twin is shown, as on profiles, the source need not be like itself.
    if len(site.samples) >= _FEW:
        return source.genuine(site.samples)
    pairs = [framing.mirrored(sample.crop, sample.face) for sample in site.samples]
    faces = [framing.framed(crop, face, landmarker) or face for crop, face in pairs]
    return np.asarray(1.0 - embedder.embed([crop for crop, _ in pairs], faces) @ source.template, np.float32)
