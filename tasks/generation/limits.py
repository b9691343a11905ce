"""How near is too near, measured in an identity's own footage (AnonNET section 3.5).

Strangers who are painted into one person's frames lie nearer to that person than strangers do in general: hair, light,
tilt and blur stay. So a distance says something only beside two others that were measured in the same frames: how far
the source's own samples lie from one another, and how far control strangers do, people of the source's kind who were
drawn without a look at their distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.analysis.analysis import Analysis
from tasks.analysis.identities import Identity, pool
from tasks.analysis.samples import Sample

SHARE = 0.5
"""Where the limit lies between the genuine distances (0) and those of control strangers (1)."""
GENUINE = 0.95
"""Quantile of the genuine distances that counts as their end."""
LOW = 0.25
"""Quantile of a person's distances over the sampled frames that is their score."""
OUTLIER = 4.0
"""Robust deviations below the typical control stranger from which a score is an outlier."""
LEAST_SPREAD = 0.08
"""Least deviation of control strangers, as a share of their distance from the genuine ones: eight of them tell little
about how far strangers spread."""
LEAST_ASKED = 2 / 3
"""Least share of a general matcher's threshold that is asked of a score. Strangers in dim light had .75 (dlib)."""
APART_FRAMES = 12
"""Samples nearer in time than so many frames are left out of a sample's template: they show the same moment."""
_DEVIATION = 1.4826
"""A normal distribution's deviation, in median absolute deviations."""


@dataclass(frozen=True)
class Source:
    """What one network sees of one identity.

    Attributes:
        vectors: (n, D) unit vectors of its samples.
        track: (n,) track of each sample.
        frame: (n,) frame of each sample.
    """

    vectors: Floats
    track: NDArray[np.int64]
    frame: NDArray[np.int64]

    @property
    def template(self) -> Floats:
        """(D,) unit mean of all samples."""
        return pool(self.vectors)

    def apart(self, index: int) -> Floats:
        """Return the unit mean of the samples apart in time from one of them.

        It is of the other samples where none is apart in time, and of all where there is no other.

        Args:
            index: The sample.

        Returns:
            (D,) unit vector.
        """
        others = np.arange(len(self.vectors)) != index
        far = others & ((self.track != self.track[index]) | (abs(self.frame - self.frame[index]) >= APART_FRAMES))
        chosen = next((some for some in (far, others) if some.any()), np.ones(len(others), bool))
        return pool(self.vectors[chosen])

    def genuine(self, samples: Sequence[Sample]) -> Floats:
        """Return the distance of some samples of the identity from the template of those apart from each.

        Args:
            samples: The samples.

        Returns:
            (m,) float32 cosine distances.
        """
        return self.distances(self.vectors[self._places(samples)], samples)

    def distances(self, vectors: Floats, samples: Sequence[Sample]) -> Floats:
        """Return the distances of faces painted into samples, each from the template apart from its own sample.

        Args:
            vectors: (m, D) unit vectors of the painted faces.
            samples: The m samples of the identity that they were painted into.

        Returns:
            (m,) float32 cosine distances.
        """
        pairs = zip(vectors, self._places(samples), strict=True)
        return np.array([1.0 - v @ self.apart(i) for v, i in pairs], np.float32)

    def _places(self, samples: Sequence[Sample]) -> list[int]:
        places = {(t, f): i for i, (t, f) in enumerate(zip(self.track.tolist(), self.frame.tolist(), strict=True))}
        return [places[sample.track, sample.frame] for sample in samples]


def source_of(vectors: Floats, samples: Sequence[Sample]) -> Source:
    """Return the vectors of an identity's samples with their places in time.

    Args:
        vectors: (n, D) unit vectors.
        samples: The n samples.

    Returns:
        What the network sees of the identity.
    """
    track, frame = (np.array([getattr(s, name) for s in samples], np.int64) for name in ("track", "frame"))
    return Source(vectors, track, frame)


def sources_of(faces: Analysis, person: Identity) -> list[Source]:
    """Return what the verifying embedder, and then each of the audit's, sees of an identity.

    Args:
        faces: What was found about the input's faces.
        person: The identity.

    Returns:
        One source per embedder.
    """
    samples = faces.samples.samples
    own = [k for k, sample in enumerate(samples) if sample.track in person.tracks]
    vectors = [person.embeddings, *(some[own] for some in faces.references.vectors)]
    return [source_of(some, [samples[k] for k in own]) for some in vectors]


@dataclass(frozen=True)
class InPlace:
    """What one network measured in one identity's footage: cosine distances to the source's template.

    Attributes:
        genuine: (n,) of the source's own samples.
        strangers: (k, m) of k control strangers, each on m of the samples.
    """

    genuine: Floats
    strangers: Floats

    @property
    def reach(self) -> float:
        """Distance within which the source's own samples lie."""
        return float(np.quantile(self.genuine, GENUINE))

    @property
    def typical(self) -> float:
        """Score of a typical control stranger."""
        return float(np.median(score(self.strangers)))

    @property
    def limit(self) -> float:
        """Distance up to which a face is taken for the source."""
        return self.reach + SHARE * max(self.typical - self.reach, 0.0)

    def asked(self, general: float) -> float:
        """Return the score that a twin must reach.

        It is a general matcher's threshold, or a typical control stranger's score, where that is nearer. Hair, glasses
        and light are then what the matcher takes for the source, independent of the person that is painted. It is
        `LEAST_ASKED` of the threshold at least: a network that sees every person near every other proves nothing.

        Args:
            general: Threshold of the general matcher, a cosine distance.

        Returns:
            The score, a cosine distance.
        """
        return min(general, max(self.typical, LEAST_ASKED * general))

    @property
    def separable(self) -> bool:
        """Whether the network tells the source from control strangers in this footage.

        It does when three in four are farther than the limit, and that is beyond the source's own samples.
        """
        return bool(np.quantile(score(self.strangers), 0.25) > self.limit > self.reach)

    def without(self, index: int) -> InPlace:
        """Return the same without one of the control strangers, who is to be measured by the others.

        Args:
            index: The control stranger.

        Returns:
            What is left.
        """
        return replace(self, strangers=np.delete(self.strangers, index, axis=0))

    def refuses(self, scored: float) -> bool:
        """Return whether a score is within the source's limit, or an outlier on the source's side.

        Outliers are counted among the control strangers.

        Args:
            scored: The score, a cosine distance.

        Returns:
            Whether it is refused.
        """
        away = abs(score(self.strangers) - self.typical)
        spread = max(_DEVIATION * float(np.median(away)), LEAST_SPREAD * (self.typical - self.reach))
        # Not <=: a score that is no number proves nothing.
        return not (scored > self.limit and scored > self.typical - OUTLIER * spread)


def score(distances: Floats) -> Floats:
    """Return the score of distances over sampled frames.

    It is low among them, so that a face which is near on a part of the frames is not hidden by the others, but no
    smallest of many.

    Args:
        distances: (..., m) cosine distances.

    Returns:
        (...) float32 scores, the quantile `LOW`.
    """
    return np.asarray(np.quantile(distances, LOW, axis=-1), np.float32)
