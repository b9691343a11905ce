"""What the audit's embedders see of the sources, before there is any twin."""

from __future__ import annotations

from tasks.analysis.samples import Samples
from tasks.audit import audit
from tasks.audit.networks import ROLES, panel
from tasks.audit.recognisers import AuditNetworks
from tasks.records import References
from tasks.stage import Work, stage


@stage("embed references", "references", audit.VERSION, "3.5 (5)", ROLES, counted_as="audit")
def embed_references(work: Work, samples: Samples) -> References:
    """Embed every sample for every judge, see `run`.

    Args:
        work: Loads the networks.
        samples: Sampled faces.

    Returns:
        The embeddings.
    """
    return run(samples, panel(work, still=False))


def run(samples: Samples, panel: AuditNetworks) -> References:
    """Embed every sample for every judge.

    Args:
        samples: Of the sources.
        panel: Whose judges embed them.

    Returns:
        The embeddings.
    """
    crops = [sample.crop for sample in samples.samples]
    faces = [sample.face for sample in samples.samples]
    return References(tuple(judge.embedder.embed(crops, faces) for judge in panel.judges))
