"""Who audits: detectors that look for faces, and embedders that compare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.capabilities import Detector, Embedder, Face, Floats, Image
from models.motion.mesh import face_of
from models.twins import Twin
from tasks.framing import framings, roll
from tasks.residual import FaceSearch
from tasks.tracking import overlap

_ROUGHLY = 0.06
"""Share of a threshold by which a quick distance must exceed it to count. In bfloat16 the largest error over 4,186
pairs of real faces was 2 % of the threshold (dlib) and 1.3 % (SFace)."""
_TILTED = 25.0
"""Degrees of roll from which a face is framed as a detector does on the whole frame, too. Up to 30 degrees its points
lay within 9 % of the face's size of the mesh's (eight people); beyond, up to 13 % off, they show embedders less of the
face and more of what is the source's still: a twin came to 0.54 from its source, strangers as tilted to 0.69 (SFace).
"""
QUICK = frozenset({"dlib-resnet", "sface"})
"""The embedders of which that was measured; others are not asked at a lower precision."""


@dataclass(frozen=True)
class Judge:
    """An embedder with the cosine distance under which a face counts as recognised.

    quick: the same network at a lower precision, asked first; its answer counts only where it is far from the
    threshold, so that the verdict is the embedder's own. None: there is no quicker way on this machine.
    """

    embedder: Embedder
    threshold: float
    quick: Embedder | None = None

    def compare(
        self, image: Image, faces: Sequence[Face], sources: Floats, twin: Floats | None = None
    ) -> tuple[float, float]:
        """Cosine distances of a face, framed in several ways: the smallest to (n, D) references, and that of the first
        framing to the twin (D,).

        The first is 0 when there are no references, so that a face nobody can compare counts as recognised; the second
        is NaN without a twin or references.
        """
        if not len(sources):
            return 0.0, float("nan")
        if self.quick is not None:
            found = _compare(self.quick, image, faces, sources, twin)
            if found[0] > self.threshold * (1 + _ROUGHLY):
                return found
        return _compare(self.embedder, image, faces, sources, twin)


def _compare(
    embedder: Embedder, image: Image, faces: Sequence[Face], sources: Floats, twin: Floats | None
) -> tuple[float, float]:
    vectors = embedder.embed([image] * len(faces), faces)
    nearest = float((1.0 - vectors @ sources.T).min())
    if twin is None:
        return nearest, float("nan")
    # A distance that is no number is no likeness.
    return nearest, float(np.nan_to_num(1.0 - vectors[0] @ twin, nan=np.inf))


@dataclass(frozen=True)
class Panel:
    """Who audits. search: looks for faces that were left. framing: look at an upright crop of each face (`UPRIGHT`
    pixels wide) and give the points by which the judges frame it, beside those it was painted at; the first is the
    audit's own, by the others the thresholds were calibrated. careless: frames tilted faces as it finds them on the
    whole frame.
    """

    search: FaceSearch
    careless: Detector
    framing: tuple[Detector, ...]
    judges: tuple[Judge, ...]

    def views(self, image: Image, expected: Face) -> tuple[list[Face], bool]:
        """(every way to frame one face for the judges, whether the audit's own detector sees it on an upright crop)."""
        framed = framings(image, expected, self.framing)
        result = [expected, *(face for face in framed if face is not None)]
        if abs(roll(expected)) >= np.radians(_TILTED):
            near = [face for face in self.careless.detect([image])[0] if overlap(face.box, expected.box) > 0.25]
            result += sorted(near, key=lambda face: -overlap(face.box, expected.box))[:1]
        return result, bool(framed) and framed[0] is not None

    def distances(self, image: Image, views: Sequence[Face], sources: Sequence[Floats]) -> list[float]:
        """Each judge's smallest distance of a face, framed in several ways, to its (n, D) references."""
        return [judge.compare(image, views, own)[0] for judge, own in zip(self.judges, sources, strict=True)]

    def portrait(self, twin: Twin) -> list[Floats]:
        """Each judge's embedding (D,) of a twin's picture."""
        face = face_of(twin.mesh)
        return [judge.embedder.embed([twin.picture], [face])[0] for judge in self.judges]
