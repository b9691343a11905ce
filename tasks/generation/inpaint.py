"""Inpainting (AnonNET section 3.4): a new person for one identity, asked of the inpainter and fitted to its place."""

from __future__ import annotations

import numpy as np

from infra.errors import AttemptFailed, Withheld
from models.interfaces.twins import Inpainter, MotionModel, TwinJob
from tasks.analysis.analysis import Analysis
from tasks.analysis.identities import Identity
from tasks.generation.controls import Controls
from tasks.generation.site import Site
from tasks.generation.strength import seed_of, strength_of
from tasks.generation.twin import Candidate, TwinRequest
from tasks.stage import Work, stage

VERSION = 17
KINDRED = 0.05
"""Share of a general matcher's threshold by which a control stranger must exceed it to be tried first."""


@stage("inpaint", "twin", VERSION, "3.4", ("inpainter", "motion", "parser"))
def inpaint(
    work: Work, faces: Analysis, site: Site, person: Identity, controls: Controls, request: TwinRequest
) -> Candidate:
    """Ask for one twin of an identity, see `run`.

    Args:
        work: Loads the inpainter and the motion model.
        faces: What is known of the input's faces.
        site: Samples of the identity on which a twin can be shown.
        person: The identity.
        controls: What was measured of it in place.
        request: Which twin is asked for.

    Returns:
        The candidate.
    """
    kindred, unfit = _kindred(controls, work.load("inpainter"), request)
    job = TwinJob(
        frame=site.surroundings,
        mesh=site.mesh,
        appearance=faces.appearance(person),
        source=person.embeddings,
        others=request.others,
        embedder=faces.identities.embedder,
        taken=request.taken,
        prefer=request.prefer,
        seed=seed_of(request.seed, request.key),
        attempt=request.number,
        kindred=kindred,
        unfit=unfit,
    )
    return run(job, site, work.load("inpainter"), work.load("motion"))


def run(job: TwinJob, site: Site, inpainter: Inpainter, motion: MotionModel) -> Candidate:
    """Make one twin and fit it to its place.

    Args:
        job: What is asked of the inpainter.
        site: Where the twin is painted.
        inpainter: Makes it.
        motion: Paints it.

    Returns:
        The twin, or why there is none.
    """
    strength = strength_of(job.attempt)
    try:
        twin = inpainter.inpaint(job)
    except AttemptFailed as failed:
        return Candidate(None, strength, failed.reason, failed.made_with)
    except Withheld as refusal:
        return Candidate(None, strength, refusal.reason, last=True, missing=str(refusal))
    return Candidate(site.fit(twin, motion, strength), strength, made_with=twin.made_with)


def _kindred(controls: Controls, inpainter: Inpainter, request: TwinRequest) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The control strangers who may serve, in the order in which chance, not their distance, wants them tried, and
    those who may not."""
    if inpainter.name != controls.made_by:
        return (), ()
    fine = controls.suitable(request.strict, KINDRED)
    order = np.random.default_rng(seed_of(request.seed, request.key)).permutation(len(fine))
    return tuple(fine[k] for k in order), tuple(one for one in controls.candidates if one not in fine)
