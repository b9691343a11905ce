"""A twin painted into sampled frames of its source, and what embedders see there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.process.parallel import batches, ordered
from models.interfaces.capabilities import Embedder, Face, Floats, Image, Landmarker
from models.interfaces.twins import AnimatedFace, DrivingMotion, MotionModel, Strength, Twin
from models.motion.mesh import rows
from tasks.analysis.framing import framed
from tasks.analysis.samples import Sample
from tasks.generation.site import shifted

LOOKED_AT = 6
"""Samples into which a twin is painted to verify it."""


@dataclass(frozen=True)
class Trial:
    """A twin that is painted into sampled frames.

    Attributes:
        twin: The twin.
        drivings: The driving motion of each track.
        motion: Performs the twin.
        strength: How far it departs from the source's geometry.
    """

    twin: Twin
    drivings: Mapping[int, DrivingMotion]
    motion: MotionModel
    strength: Strength

    def animate(self, samples: Sequence[Sample]) -> Iterator[tuple[Sample, AnimatedFace | None]]:
        """Perform the twin on samples, as many at a time as the model likes.

        Args:
            samples: The samples.

        Yields:
            Each sample with the twin's performance on its crop, None where there is none.
        """
        for some in batches(samples, self.motion.batch):
            driving = rows.joined([shifted(self.drivings[sample.track], sample) for sample in some])
            yield from zip(some, self.motion.animate(self.twin, driving, range(len(some)), self.strength), strict=True)

    def paint(self, animated: tuple[Sample, AnimatedFace | None]) -> tuple[Image, Face] | None:
        """Paint the twin into a sample's crop.

        Args:
            animated: The sample with the animated face of the twin on it.

        Returns:
            The picture (uint8 BGR) and where its face is; None where it cannot be painted.
        """
        sample, shown = animated
        patch = None if shown is None else shown.paint(sample.crop)
        if patch is None:
            return None
        image: Image = sample.crop.copy()
        patch.window(image)[:] = patch.pixels
        return image, Face(patch.box, 1.0, patch.points)


@dataclass(frozen=True)
class Shown:
    """A twin on samples.

    Attributes:
        samples: Those that it could be painted into.
        vectors: Per embedder (m, D).
    """

    samples: tuple[Sample, ...]
    vectors: tuple[Floats, ...]


def show(
    trial: Trial,
    samples: Sequence[Sample],
    landmarker: Landmarker,
    embedders: Sequence[Embedder],
    workers: int = 1,
) -> Shown:
    """Paint a twin into samples and embed its face in each.

    Args:
        trial: the twin.
        samples: into which it is painted.
        landmarker: frames the painted faces.
        embedders: networks that look at them.
        workers: threads.

    Returns:
        The samples that could be painted, and what each embedder sees there.
    """

    def look(animated: tuple[Sample, AnimatedFace | None]) -> tuple[Sample, list[Floats]] | None:
        painted = trial.paint(animated)
        if painted is None:
            return None
        image, place = painted
        face = framed(image, place, landmarker) or place
        return animated[0], [embedder.embed([image], [face])[0] for embedder in embedders]

    seen = [one for one in ordered(look, trial.animate(samples), workers, 2 * workers) if one is not None]
    width = range(len(embedders))
    return Shown(
        tuple(sample for sample, _ in seen),
        tuple(np.array([vectors[k] for _, vectors in seen], np.float32) for k in width),
    )


def spread(samples: Sequence[Sample], most: int = LOOKED_AT) -> list[Sample]:
    """Return some of the samples, spread evenly.

    Args:
        samples: The samples.
        most: How many at most.

    Returns:
        The chosen ones, in order.
    """
    at = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int))
    return [samples[k] for k in at]
