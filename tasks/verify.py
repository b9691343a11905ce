"""Anonymity verification (AnonNET section 3.5): is the twin, in the place of the source, still the source?

The twin is painted into the sampled frames and each painted face is compared with every sample of the source. The
auditing embedders take no part, so that the audit stays an independent judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.parallel import batches, ordered
from models.capabilities import Embedder, Face, Floats, Image
from models.motion import rows
from models.twins import Driving, MotionModel, Performance, Strength, Twin
from tasks.samples import Sample

VERSION = 1


@dataclass(frozen=True)
class Trial:
    """A twin that is painted into sampled frames. drivings: the driving motion of each track."""

    twin: Twin
    drivings: Mapping[int, Driving]
    motion: MotionModel
    strength: Strength

    def perform(self, samples: Sequence[Sample]) -> Iterator[tuple[Sample, Performance | None]]:
        """Each sample with the twin's performance on its crop, performed as many at a time as the model likes."""
        for some in batches(samples, self.motion.batch):
            driving = rows.joined([shifted(self.drivings[sample.track], sample) for sample in some])
            yield from zip(some, self.motion.perform(self.twin, driving, range(len(some)), self.strength), strict=True)

    def paint(self, performed: tuple[Sample, Performance | None]) -> tuple[Image, Face] | None:
        """A sample's crop with the twin in it, and where its face is; None where it cannot be painted."""
        sample, shown = performed
        patch = None if shown is None else shown.paint(sample.crop)
        if patch is None:
            return None
        image: Image = sample.crop.copy()
        patch.window(image)[:] = patch.pixels
        return image, Face(patch.box, 1.0, patch.points)


def smallest_distance(
    trial: Trial, samples: Sequence[Sample], source: Floats, embedder: Embedder, workers: int = 1
) -> float:
    """Smallest cosine distance between the painted samples and the (n, D) source embeddings.

    NaN when no sample could be painted, which the caller must treat as a failure.
    """

    def look(performed: tuple[Sample, Performance | None]) -> float | None:
        shown = trial.paint(performed)
        if shown is None:
            return None
        return float((1.0 - embedder.embed([shown[0]], [shown[1]]) @ source.T).min())

    distances = [d for d in ordered(look, trial.perform(samples), workers, 2 * workers) if d is not None]
    return float(np.min(distances)) if distances else float("nan")


def shifted(driving: Driving, sample: Sample) -> Driving:
    """The one row of a driving motion that belongs to a sample, in the coordinates of its crop."""
    return rows.moved(rows.take(driving, sample.row), -sample.x, -sample.y)
