"""The rehearsal: the audit's question, put to the sampled frames before the whole video is rendered.

A twin that the audit will reject is found out in seconds instead of a round. It replaces nothing: what passes is
rendered, encoded and audited on every frame all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from infra.parallel import ordered
from models.capabilities import Floats
from models.twins import Performance
from tasks.judges import Panel
from tasks.samples import Sample
from tasks.verify import Trial

VERSION = 3


def recognises(
    trial: Trial,
    samples: Sequence[Sample],
    panel: Panel,
    sources: Sequence[Floats],
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
    margin: float = 0.0,
) -> bool:
    """Whether any judge recognises the source in any sample that the twin is painted into.

    Stops at the first one. sources: (n, D) references per judge. margin: share of a judge's threshold by which every
    distance must exceed it. Not asked: the encoder's losses, the frames between the samples, and whether a face was
    left. Tilted faces are framed as a detector does on the sample's crop, not on the whole frame as in the audit.
    """

    def look(performed: tuple[Sample, Performance | None]) -> bool:
        painted = trial.paint(performed)
        if painted is None:
            return False
        image, face = painted
        distances = panel.distances(image, panel.views(image, face)[0], sources)
        # A distance that is no number proves nothing.
        return not all(d > (1.0 + margin) * judge.threshold for d, judge in zip(distances, panel.judges, strict=True))

    for done, found in enumerate(ordered(look, trial.perform(samples), workers, 2 * workers), 1):
        if progress is not None:
            progress(done)
        if found:
            return True
    return False
