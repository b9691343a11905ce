"""Who audits: detectors that look for faces, and embedders that compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.interfaces.capabilities import Detector, Embedder, Face, Floats, Image, Landmarker
from tasks.analysis.framing import framed, framings
from tasks.audit.residual import FaceSearch

_ROUGHLY = 0.06
"""Share of a limit by which a quick distance must exceed it to count. In bfloat16 the largest error over 4,186 pairs of
real faces was 2 % of the general threshold (dlib) and 1.3 % (SFace)."""
QUICK = frozenset({"dlib-resnet", "sface"})
"""The embedders of which that was measured; others are not asked at a lower precision."""
_NOBODY: Floats = np.zeros((0, 1), np.float32)


@dataclass(frozen=True)
class Reference:
    """A person as one embedder knows them in one video. Identifying.

    Attributes:
        template: (D,) unit vector.
        limit: Cosine distance up to which a face is taken for this person, see `tasks.generation.limits`.
        vectors: (n, D) of single samples, for what a general matcher would say; none for a twin.
        asked: Score over all frames that a twin must reach; as a rule the general threshold.
    """

    template: Floats
    limit: float
    vectors: Floats = field(default_factory=lambda: _NOBODY)
    asked: float = np.inf


@dataclass(frozen=True)
class Likeness:
    """What one judge says of one face.

    `distance`, `limit` and `asked` are to and of the source to which the face is nearest, measured by the limits.

    Attributes:
        distance: Cosine distance to that source.
        limit: Of that source.
        matched: A general matcher takes the face for a sample of some source.
        to_twin: Distance from the twin's template, NaN without a twin.
        unlike: The face is farther from the twin than its limit.
        strict: A face that is matched is recognised.
        asked: Of that source, for the score over all frames.
    """

    distance: float
    limit: float
    matched: bool = False
    to_twin: float = float("nan")
    unlike: bool = False
    strict: bool = False
    asked: float = np.inf

    @property
    def recognised(self) -> bool:
        """Whether it is taken for a source. A distance that is no number proves nothing, so it counts."""
        return not self.distance > self.limit or (self.strict and self.matched)


@dataclass(frozen=True)
class AuditRecogniser:
    """An embedder that judges faces.

    Attributes:
        embedder: The embedder.
        threshold: Cosine distance under which 1 % of all pairs of strangers lie.
        quick: The same network at a lower precision, asked first; its answer counts only where it is far from every
            limit, so that the verdict is the embedder's own. None: there is no quicker way on this machine.
        strict: A face that a general matcher takes for a source by any single sample is recognised, however near
            strangers in the same place are.
    """

    embedder: Embedder
    threshold: float
    quick: Embedder | None = None
    strict: bool = False

    def compare(
        self, image: Image, face: Face, sources: Sequence[Reference], twin: Reference | None = None
    ) -> Likeness:
        """Return how like a face is to the sources and to the twin that is to be seen.

        Without sources it is recognised: no comparison is possible.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            face: The face in it, in pixels.
            sources: Every person who must not be recognised.
            twin: The twin that is to be seen, None when it is not known.

        Returns:
            What the judge says of the face.
        """
        if not sources:
            return Likeness(0.0, 0.0, asked=self.threshold)
        if self.quick is not None:
            found = self._likeness(self.quick.embed([image], [face])[0], sources, twin, 1 + _ROUGHLY * self.strict)
            least = found.limit if self.strict else max(found.limit, found.asked)
            sure = found.distance > least * (1 + _ROUGHLY)
            if sure and not (self.strict and found.matched):
                return found
        return self._likeness(self.embedder.embed([image], [face])[0], sources, twin)

    def _likeness(
        self, vector: Floats, sources: Sequence[Reference], twin: Reference | None, slack: float = 1.0
    ) -> Likeness:
        each = [(1.0 - float(s.template @ vector), s.limit, min(s.asked, self.threshold)) for s in sources]
        # A distance that is no number is the nearest of all.
        distance, limit, asked = min(each, key=lambda one: float(np.nan_to_num(one[0] - one[1], nan=-np.inf)))
        near = slack * self.threshold
        samples = [source.vectors for source in sources if len(source.vectors)]
        matched = any(not bool((1.0 - vectors @ vector >= near).all()) for vectors in samples)
        if twin is None:
            return Likeness(distance, limit, matched, strict=self.strict, asked=asked)
        away = 1.0 - float(twin.template @ vector)
        return Likeness(distance, limit, matched, away, not away <= twin.limit, self.strict, asked)


@dataclass(frozen=True)
class AuditNetworks:
    """The networks that audit.

    Attributes:
        search: Looks for faces that were left.
        witness: The audit's own detector, asked on an upright crop of each face (`framing.UPRIGHT` pixels wide) whether
            it sees one there.
        landmarker: Frames faces for the judges.
        judges: Compare faces.
    """

    search: FaceSearch
    witness: Detector
    landmarker: Landmarker
    judges: tuple[AuditRecogniser, ...]

    def view(self, image: Image, expected: Face) -> tuple[Face, bool]:
        """Look at an expected face by detector and landmarker.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            expected: The expected face, in pixels.

        Returns:
            (the face as the judges are to see it, whether a face is seen there by detector and landmarker).
        """
        (found,) = framings(image, expected, [self.witness])
        face = framed(image, expected, self.landmarker)
        return face or expected, found is not None and face is not None

    def compare(
        self, image: Image, face: Face, sources: Sequence[Sequence[Reference]], twin: Sequence[Reference] | None = None
    ) -> list[Likeness]:
        """Return what each judge says of a face.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            face: The face in it, in pixels.
            sources: Per judge, every person who must not be recognised.
            twin: Per judge, the twin that is to be seen; None when it is not known.

        Returns:
            One likeness per judge.
        """
        twins = [None] * len(self.judges) if twin is None else list(twin)
        return [
            judge.compare(image, face, known, own)
            for judge, known, own in zip(self.judges, sources, twins, strict=True)
        ]
