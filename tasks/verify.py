"""Anonymity verification (AnonNET section 3.5): is the twin, in the place of the source, still the source?

The twin is painted into the sampled frames and each painted face is compared with every sample of the source. The
auditing embedders take no part, so that the audit stays an independent judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.parallel import ordered
from models.capabilities import Driving, Embedder, Face, Floats, Image, MotionModel, Strength, Twin
from models.motion.animate import animate
from tasks.samples import Sample

VERSION = 1


@dataclass(frozen=True)
class Trial:
    """A twin that is painted into sampled frames. drivings: the driving motion of each track."""

    twin: Twin
    drivings: Mapping[int, Driving]
    motion: MotionModel
    strength: Strength

    def paint(self, sample: Sample) -> tuple[Image, Face] | None:
        """A sample's crop with the twin in it, and where its face is; None where it cannot be painted."""
        driving = shifted(self.drivings[sample.track], sample)
        (patch,) = animate(self.motion, self.twin, driving, [sample.crop], [0], self.strength)
        if patch is None:
            return None
        image: Image = sample.crop.copy()
        height, width = patch.pixels.shape[:2]
        image[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels
        return image, Face(patch.box, 1.0, patch.points)


def smallest_distance(
    trial: Trial, samples: Sequence[Sample], source: Floats, embedder: Embedder, workers: int = 1
) -> float:
    """Smallest cosine distance between the painted samples and the (n, D) source embeddings.

    NaN when no sample could be painted, which the caller must treat as a failure.
    """

    def look(sample: Sample) -> float | None:
        shown = trial.paint(sample)
        if shown is None:
            return None
        return float((1.0 - embedder.embed([shown[0]], [shown[1]]) @ source.T).min())

    distances = [d for d in ordered(look, samples, workers, 2 * workers) if d is not None]
    return float(np.min(distances)) if distances else float("nan")


def shifted(driving: Driving, sample: Sample) -> Driving:
    """The one row of a driving motion that belongs to a sample, in the coordinates of its crop."""
    row = slice(sample.row, sample.row + 1)
    move = np.array([sample.x, sample.y, 0], np.float32)
    return Driving(
        first=sample.frame,
        meshes=(driving.meshes[row] - move).astype(np.float32),
        shapes=driving.shapes[row],
        scale=driving.scale[row],
        rotation=driving.rotation[row],
        shift=(driving.shift[row] - move).astype(np.float32),
        rest=driving.rest,
        usable=driving.usable[row],
        presence=driving.presence[row],
        hidden=driving.hidden[row],
        template=driving.template[row],
    )
