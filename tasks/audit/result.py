"""The audit of a finished result (AnonNET section 3.5, for every frame instead of one picture)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infra.errors import Withheld
from infra.reasons import Reason
from models.embedding.calibration import calibration
from tasks.analysis.analysis import Analysis
from tasks.audit.audit import VERSION, Known, run
from tasks.audit.networks import ROLES, is_strict, panel
from tasks.audit.recognisers import Reference
from tasks.audit.report import Report
from tasks.generation.controls import Controls
from tasks.generation.limits import sources_of
from tasks.output.reassemble import Rendered, RenderPlan
from tasks.stage import Work, stage


@stage("audit", "audit", VERSION, "3.5 (5)", ROLES, cached=False)
def audit(work: Work, result: Rendered, faces: Analysis, plan: RenderPlan, known: Known) -> Report:
    """Audit every frame of a finished result, see `run`.

    Args:
        work: Loads the networks; holds the settings.
        result: The finished result.
        faces: What is known of the input's faces.
        plan: What was to be painted.
        known: Sources and twins as the judges know them.

    Returns:
        What the audit found.

    Raises:
        Withheld: `audit_incomplete` when it has more or fewer frames than the input: what the audit did not see may
            still show the source, and after a lost frame it compared the wrong places.
    """
    video, settings = faces.video, work.settings
    report = run(
        result.frames,
        result.painted,
        known,
        panel(work, video.frames == 1, is_strict(settings.surroundings)),
        settings.threads,
        work.advance,
        [scene.first for scene in faces.scan.scenes],
    )
    if report.frames != video.frames:
        raise Withheld(
            Reason.AUDIT_INCOMPLETE,
            f"The audit saw {report.frames} frames of a result that must have {video.frames}; nothing is published.",
        )
    return report


def known_people(faces: Analysis, measured: Mapping[int, Controls], embedders: Sequence[str]) -> list[list[Reference]]:
    """Return who must not be recognised in a result.

    Args:
        faces: What was found about the input's faces.
        measured: Identity -> what was measured of it in its own footage, of those of whom something was.
        embedders: Names of the audit's, in their order.

    Returns:
        Per embedder, every identity: with the limit in its own footage and what is asked of the score there, or, where
        nothing was measured, with the general distance under which hardly any two strangers lie.
    """
    found: list[list[Reference]] = [[] for _ in embedders]
    for identity in faces.people:
        controls = measured.get(identity.index)
        for k, (name, source) in enumerate(zip(embedders, sources_of(faces, identity)[1:], strict=True)):
            general = calibration(name)
            limit, asked = general.nearest_stranger, general.far_1
            if controls is not None:
                limit, asked = controls.measured[k + 1].limit, controls.measured[k + 1].asked(asked)
            found[k].append(Reference(source.template, limit, source.vectors, asked))
    return found
