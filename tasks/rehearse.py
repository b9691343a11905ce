"""The rehearsal: the audit's question, put to the sampled frames before the whole video is rendered.

A twin that the audit will reject is found out in a second instead of a round. It replaces nothing: what passes is
rendered, encoded and audited on every frame all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from infra.parallel import ordered
from models.capabilities import Driving, Floats, MotionModel, Strength, Twin
from tasks import audit, verify
from tasks.audit import Panel
from tasks.samples import Sample

VERSION = 1


def recognises(
    twin: Twin,
    samples: Sequence[Sample],
    drivings: Mapping[int, Driving],
    motion: MotionModel,
    strength: Strength,
    panel: Panel,
    sources: Sequence[Floats],
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> bool:
    """Whether any judge recognises the source in any sample that the twin is painted into.

    Stops at the first one. sources: (n, D) references per judge. Not asked: the encoder's losses, the frames between
    the samples, and whether a face was left.
    """

    def look(sample: Sample) -> bool:
        painted = verify.painted(twin, sample, drivings[sample.track], motion, strength)
        if painted is None:
            return False
        image, face = painted
        views = [face, *(seen for seen in audit.framings(image, face, panel.framing) if seen is not None)]
        distances = panel.distances(image, views, sources)
        # A distance that is no number proves nothing.
        return not all(d > judge.threshold for d, judge in zip(distances, panel.judges, strict=True))

    for done, found in enumerate(ordered(look, samples, workers, 2 * workers), 1):
        if progress is not None:
            progress(done)
        if found:
            return True
    return False
