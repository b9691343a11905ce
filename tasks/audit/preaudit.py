"""Preaudit: the audit's question, put to all sampled frames before the whole video is rendered.

A twin that the audit will reject is found out in seconds instead of a render. It replaces nothing: what passes is
rendered, encoded and audited on every frame all the same. It also learns what the audit must see where the twin is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.motion.mesh.backend import face_of
from models.selection import profiles
from tasks.analysis.samples import Sample
from tasks.audit.networks import ROLES, is_strict, panel
from tasks.audit.recognisers import AuditNetworks, Reference
from tasks.generation import limits
from tasks.generation.controls import Controls
from tasks.generation.painting import Trial, show
from tasks.generation.site import Site
from tasks.generation.twin import Candidate
from tasks.stage import Work, stage

VERSION = 7


@dataclass(frozen=True)
class PreauditResult:
    """What the judges say of a candidate.

    Attributes:
        recognised: A judge takes the twin for the source.
        twin: How each judge knows the twin: by its picture and the general threshold.
    """

    recognised: bool
    twin: tuple[Reference, ...]


@stage("preaudit", "rehearse", VERSION, "3.5 (5)", ("motion", "inpainter", *ROLES), cached=False, timed_as="rehearsal")
def preaudit(
    work: Work, site: Site, controls: Controls, candidate: Candidate, check: PreauditRequest
) -> PreauditResult:
    """Ask the audit's judges about an accepted candidate, see `run`.

    Args:
        work: Loads the networks; holds the settings.
        site: Samples of the identity on which the twin is shown.
        controls: What was measured of the identity in place.
        candidate: The accepted candidate.
        check: How it is looked at.

    Returns:
        What the judges say.

    Raises:
        ValueError: When the candidate has no twin.
    """
    if candidate.twin is None:
        raise ValueError("There is no twin to look at.")
    settings = work.settings
    (inpainter,) = profiles.roles(settings)["inpainter"].backends
    trial = Trial(candidate.twin, site.drivings, work.load("motion"), candidate.strength)
    own = candidate.twin.candidate if inpainter == controls.made_by else -1
    judges = panel(work, check.still, is_strict(settings.surroundings))
    return run(trial, site.samples, judges, controls, own, settings.threads, check.margin)


@dataclass(frozen=True)
class PreauditRequest:
    """How a candidate is asked about.

    Attributes:
        label: What tells one attempt from another.
        margin: Share of what is asked by which it must be exceeded.
        still: Whether the input is a picture.
    """

    label: str
    margin: float
    still: bool


def run(
    trial: Trial,
    samples: Sequence[Sample],
    panel: AuditNetworks,
    controls: Controls,
    candidate: int = -1,
    workers: int = 2,
    margin: float = 0.0,
) -> PreauditResult:
    """Ask the audit's judges about a twin on its samples.

    Args:
        trial: the twin.
        samples: of its identity.
        panel: whose judges are asked.
        controls: of the identity; the verifying embedder comes first there, then the judges.
        candidate: which of the control strangers the twin is, or -1.
        workers: threads.
        margin: share of what is asked of the score, or of every distance by a strict judge, by which it must be
            exceeded.

    Returns:
        Whether a judge recognises the source, by a single sample or by the score over all, and how judges know the
        twin. Where nothing can be painted nothing is recognised, and the twin is known nowhere.

    Not asked: the encoder's losses, the frames between the samples, and whether a face was left.
    """
    shown = show(trial, samples, panel.landmarker, [judge.embedder for judge in panel.judges], workers)
    if not shown.samples:
        return PreauditResult(False, ())
    recognised = False
    twins = []
    for k, vectors in enumerate(shown.vectors, 1):
        measured, source = controls.of(k, candidate), controls.sources[k]
        distances = source.distances(vectors, shown.samples)
        score = float(limits.score(distances))
        recognised |= measured.refuses(score)
        recognised |= not bool((distances > measured.limit).all())
        judge = panel.judges[k - 1]
        apart, asked = score, measured.asked(judge.threshold)
        if judge.strict:
            apart, asked = float((1.0 - vectors @ source.vectors.T).min()), judge.threshold
        # Not <: a distance that is no number proves nothing.
        recognised |= not apart >= (1.0 + margin) * asked
        portrait = judge.embedder.embed([trial.twin.picture], [face_of(trial.twin.mesh)])[0]
        # By how it looks here, garbage that is like itself would be a twin.
        twins.append(Reference(portrait, judge.threshold))
    return PreauditResult(recognised, tuple(twins))
