"""The audit's part in the chain: references from the source before the twins, judgement on each result after."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from flows.recipes.stage_runner import Steps
from infra.errors import Withheld
from infra.settings import Surroundings
from models.detection import turned
from models.embedding.calibration import calibration
from models.interfaces.twins import Twin
from models.runtime import openvino_runtime
from models.selection import profiles
from tasks.analysis.faces import OpenFrames
from tasks.analysis.samples import Samples
from tasks.audit import audit, framing, residual
from tasks.audit.audit import References
from tasks.audit.recognisers import QUICK, Judge, Panel, Reference
from tasks.audit.report import Report
from tasks.audit.residual import FaceSearch
from tasks.generation import preaudit as rehearse_task
from tasks.generation.controls import Controls
from tasks.generation.preaudit import Rehearsal
from tasks.generation.site import Site
from tasks.generation.twin import TwinResult
from tasks.generation.verify import Trial
from tasks.output.reassemble import Painted

_WITNESSES = ("audit_detector", "framing_detector", "confirming_detector")


def panel(steps: Steps, strict: bool = False) -> Panel:
    """The auditing networks; the embedders with the distances at which they confuse 1 % of strangers. strict: what
    these confuse is recognised."""
    own = steps.load_all("audit_embedders")
    hasty = {e.name for e in own} & QUICK if openvino_runtime.quick() else set()
    quick = [profiles.load("embedder", e.name, precision="bf16") if e.name in hasty else None for e in own]
    return Panel(
        search=search(steps),
        witness=steps.load("audit_detector", long_side=framing.UPRIGHT),
        landmarker=steps.load("landmarker"),
        judges=tuple(
            Judge(embedder, calibration(embedder.name).far_1, rough, strict)
            for embedder, rough in zip(own, quick, strict=True)
        ),
    )


def _strict(steps: Steps) -> bool:
    return steps.context.settings.surroundings is Surroundings.STRICT


def search(steps: Steps) -> FaceSearch:
    """The search of a result for faces that were left."""
    still = steps.frames == 1
    return FaceSearch(
        detector=steps.load("audit_detector", long_side=turned.AS_IT_IS, min_score=residual.CANDIDATE),
        witnesses=tuple(steps.load(role, long_side=framing.UPRIGHT, min_score=0.1) for role in _WITNESSES),
        landmarker=steps.load("landmarker"),
        every=1 if still else FaceSearch.every,
        still=still,
    )


def references(steps: Steps, samples: Samples, inputs: tuple[str, ...]) -> tuple[References, str]:
    """Embeddings of the sources for every judge, and their digest; inputs: digests of the tracks and samples."""
    return steps.cached(
        "references",
        audit.VERSION,
        References,
        lambda _: audit.references(samples, panel(steps)),
        inputs,
        ("audit_embedders",),
    )


def rehearse(
    steps: Steps, result: TwinResult, twin: Twin, site: Site, controls: Controls, margin: float = 0.0
) -> Rehearsal:
    """Whether the audit would recognise an identity behind its twin, or nearly would, as far as the samples tell, and
    how it knows the twin there."""
    motion, (inpainter,) = steps.load("motion"), profiles.roles(steps.context.settings)["inpainter"].backends
    trial = Trial(twin, site.drivings, motion, result.strength)
    own = twin.candidate if inpainter == controls.made_by else -1
    return steps.context.stage(
        "rehearsal",
        lambda _: rehearse_task.run(
            trial, site.samples, panel(steps, _strict(steps)), controls, own, steps.context.settings.threads, margin
        ),
        len(site.samples),
        f"rehearsal {result.identity + 1} attempt {result.attempts[-1].number}",
    )


def judge(
    steps: Steps,
    frames: OpenFrames,
    painted: Painted,
    sources: Sequence[Sequence[Reference]],
    twins: Mapping[int, Sequence[Reference]],
    cuts: Collection[int] = (),
    label: str = "",
    people: Mapping[int, int] | None = None,
) -> Report:
    """Audit a finished file, every frame of it. Raises Withheld when it has more or fewer frames than the input.

    sources: per judge, everybody of the input. twins: track -> per judge, the twin that is to be seen on it. cuts: the
    first frames of scenes. people: track -> number of its identity.
    """
    threads, judges = steps.context.settings.threads, panel(steps, _strict(steps))
    report = steps.plain(
        "audit",
        lambda advance: audit.run(frames, painted, sources, judges, threads, advance, twins, cuts, people),
        label,
    )
    # What the audit did not see may still show the source, and after a lost frame it compared the wrong places.
    if report.frames != steps.frames:
        raise Withheld(
            "audit_incomplete",
            f"The audit saw {report.frames} frames of a result that must have {steps.frames}; nothing is published.",
        )
    return report
