"""Anonymity verification (AnonNET section 3.5): is the twin, in the place of the source, still the source?

The twin is painted into sampled frames, and how far the painted faces lie from the source is compared with strangers in
the same place (see `tasks.generation.limits`). The auditing embedders take no part here; they rule out, and never rank.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from infra.reasons import Reason
from models.embedding.calibration import calibration
from models.interfaces.capabilities import Embedder, Landmarker
from models.interfaces.twins import MotionModel
from models.selection import profiles
from tasks.generation import limits
from tasks.generation.controls import Controls
from tasks.generation.painting import Trial, show, spread
from tasks.generation.site import Site
from tasks.generation.twin import Candidate, TwinRequest, Verification
from tasks.records import AttemptRecord
from tasks.stage import Work, stage

VERSION = 3


@stage("verify anonymity", "verify", VERSION, "3.5 (5)", ("motion", "embedder", "landmarker", "inpainter"))
def verify_anonymity(
    work: Work, site: Site, controls: Controls, candidate: Candidate, request: TwinRequest
) -> Verification:
    """Compare a candidate with its source, see `run`.

    Args:
        work: Loads the networks; holds the settings.
        site: Samples of the identity on which the twin is shown.
        controls: What was measured of the identity in place.
        candidate: The candidate.
        request: Which twin was asked for.

    Returns:
        Whether the candidate may serve.
    """
    (inpainter,) = profiles.roles(work.settings)["inpainter"].backends
    tools = Tools(work.load("motion"), work.load("embedder"), work.load("landmarker"), work.settings.threads)
    return run(candidate, request, site, controls, tools, inpainter == controls.made_by)


@dataclass(frozen=True)
class Tools:
    """By what a twin is verified.

    Attributes:
        motion: Paints it.
        embedder: Looks at it, the one behind the identity's embeddings.
        landmarker: Frames painted faces for it.
        workers: Threads.
    """

    motion: MotionModel
    embedder: Embedder
    landmarker: Landmarker
    workers: int = 1


def run(
    candidate: Candidate, request: TwinRequest, site: Site, controls: Controls, tools: Tools, may_be_control: bool
) -> Verification:
    """Verify one candidate.

    Args:
        candidate: What the inpainter made.
        request: What it was asked for.
        site: Where it is painted.
        controls: By which it is measured, the verifying embedder first.
        tools: The networks.
        may_be_control: Whether candidates are numbered as the control strangers are, so that it may be one of them.

    Returns:
        The record of the attempt, accepted or not.
    """
    twin, general = candidate.twin, calibration(tools.embedder.name).far_1
    tried = AttemptRecord(
        request.number, -1, candidate.strength.change, float("nan"), general, False, candidate.reason,
        candidate.made_with or {}, missing=candidate.missing,
    )  # fmt: skip
    if twin is None:
        return Verification(tried, candidate.last)
    some = list(site.samples) if request.strict else spread(site.samples)
    trial = Trial(twin, site.drivings, tools.motion, candidate.strength)
    shown = show(trial, some, tools.landmarker, [tools.embedder], tools.workers)
    tried = replace(tried, candidate=twin.candidate)
    if not shown.samples:
        return Verification(replace(tried, reason=Reason.NOT_PAINTABLE))
    measured = controls.of(0, twin.candidate if may_be_control else -1)
    score = float(limits.score(controls.sources[0].distances(shown.vectors[0], shown.samples)))
    smallest = float((1.0 - shown.vectors[0] @ controls.sources[0].vectors.T).min())
    apart, wanted = (smallest, general) if request.strict else (score, measured.asked(general))
    reason = Reason.ACCEPTED
    # Not <: a distance that is no number proves nothing.
    if not apart > wanted:
        reason = Reason.TOO_CLOSE
    elif measured.refuses(score):
        reason, apart, wanted = Reason.TOO_CLOSE_IN_PLACE, score, measured.limit
    return Verification(
        replace(
            tried,
            distance=apart,
            threshold=wanted,
            genuine=measured.reach,
            strangers=measured.typical,
            accepted=reason is Reason.ACCEPTED,
            reason=reason,
        )
    )
