"""The audit's part in the chain: references from the source before the twins, judgement on each result after."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flows.progress import Advance
from flows.steps import Steps
from infra.errors import Withheld
from models import profiles, runtime
from models.capabilities import Floats
from models.detection import turned
from models.embedding.calibration import calibration
from models.twins import Twin
from tasks import audit, framing, residual
from tasks import rehearse as rehearse_task
from tasks.audit import References
from tasks.audit_report import Report
from tasks.faces import OpenFrames
from tasks.identities import Identity
from tasks.judges import QUICK, Judge, Panel
from tasks.motion import Drivings
from tasks.reassemble import Painted
from tasks.records import Tracks
from tasks.residual import FaceSearch
from tasks.samples import Samples
from tasks.twin import TwinResult
from tasks.verify import Trial

_WITNESSES = ("audit_detector", "framing_detector", "confirming_detector")


def panel(steps: Steps) -> Panel:
    """The auditing networks; the embedders with the distances at which they confuse 1 % of strangers."""
    own = steps.load_all("audit_embedders")
    hasty = {e.name for e in own} & QUICK if runtime.quick() else set()
    quick = [profiles.load("embedder", e.name, precision="bf16") if e.name in hasty else None for e in own]
    return Panel(
        search=search(steps),
        careless=steps.load("framing_detector"),
        framing=tuple(steps.load(role, long_side=framing.UPRIGHT) for role in ("audit_detector", "framing_detector")),
        judges=tuple(
            Judge(embedder, calibration(embedder.name).far_1, rough) for embedder, rough in zip(own, quick, strict=True)
        ),
    )


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


def references(steps: Steps, tracks: Tracks, samples: Samples, inputs: tuple[str, ...]) -> tuple[References, str]:
    """Embeddings of the sources for every judge, and their digest; inputs: digests of the tracks and samples."""
    return steps.cached(
        "references",
        audit.VERSION,
        References,
        lambda _: audit.references(tracks, samples, panel(steps)),
        inputs,
        ("audit_detector", "framing_detector", "audit_embedders"),
    )


def rehearse(
    steps: Steps,
    identity: Identity,
    result: TwinResult,
    samples: Samples,
    drivings: Drivings,
    sources: list[Floats],
    margin: float = 0.0,
) -> bool:
    """Whether the audit would recognise an identity behind its twin, or nearly would, as far as the samples tell."""
    motions = {index: drivings.drivings[index] for index in identity.tracks}
    own = [sample for index in identity.tracks for sample in samples.of(index)]
    if result.twin is None:
        return False
    trial = Trial(result.twin, motions, steps.load("motion"), result.strength)
    return steps.context.stage(
        "rehearsal",
        lambda advance: rehearse_task.recognises(
            trial, own, panel(steps), sources, steps.context.settings.threads, advance, margin
        ),
        len(own),
        f"rehearsal {identity.index + 1} attempt {result.attempts[-1].number}",
    )


def judge(
    steps: Steps,
    frames: OpenFrames,
    painted: Painted,
    sources: list[Floats],
    twins: Mapping[int, Twin],
    cuts: Collection[int] = (),
    label: str = "",
) -> Report:
    """Audit a finished file, every frame of it. Raises Withheld when it has more or fewer frames than the input.

    twins: track -> the twin that is to be seen on it. cuts: the first frames of scenes.
    """
    threads, judges = steps.context.settings.threads, panel(steps)

    def look(advance: Advance) -> Report:
        seen = {id(twin): judges.portrait(twin) for twin in twins.values()}
        portraits = {track: seen[id(twin)] for track, twin in twins.items()}
        return audit.run(frames, painted, sources, judges, threads, advance, portraits, cuts)

    report = steps.plain("audit", look, label)
    # What the audit did not see may still show the source, and after a lost frame it compared the wrong places.
    if report.frames != steps.frames:
        raise Withheld(
            "audit_incomplete",
            f"The audit saw {report.frames} frames of a result that must have {steps.frames}; nothing is published.",
        )
    return report
