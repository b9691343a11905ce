"""Residual faces: the search of a finished file for faces that were neither replaced nor covered.

The search looks at a frame turned by every 45 degrees, since a detector sees hardly any small face that is turned by
more than 30. What it finds is doubtful more often than with upright looks alone, so each detection is looked at again,
closely and upright, by networks of other kinds, before it counts as a face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.detection.looks import looks
from models.detection.turned import look
from models.interfaces.capabilities import Detector, Face, Floats, Image, Landmarker
from tasks.analysis.framing import framings
from tasks.analysis.tracking import overlap

CANDIDATE = 0.3
"""Least score of a detection that is looked at again."""
SURE = 0.95
"""Score from which a detection is a face whatever the others say. Without a face the best scored 0.88, a fist before a
suit; of 970 pasted and some 400 real faces of 0.8 and more (stills, also on their side, and clips) the others
confirmed every one."""
_WEIGHTS = (2.3, 3.0, 0.6, 8.0, 1.1)
"""What each network's score counts: the detection's own, then those of the audit's detector, RetinaFace and CenterFace
on an upright crop, then the presence of a mesh. By logistic regression on 960 detections of faces (16 to 128 pixels,
eight angles, bright, dim, noisy, partly covered) and 268 where there was
none: textures, plants, an animal, hands, hair."""
_ENOUGH = 5.4
"""Sum from which a detection counts as a face."""
_SAME = 0.3
"""Overlap from which a witness's face is the one that was detected."""


@dataclass(frozen=True)
class FaceSearch:
    """Looks for faces.

    Not guaranteed: faces under 24 pixels where the longer side is 1280 (2560 in stills), in videos under 48 where they
    are turned by other angles than quarters, and profiles; see docs/results.md.

    Attributes:
        detector: Takes pictures as they are, with scores from CANDIDATE on.
        witnesses: Detectors that look at an upright crop (`framing.UPRIGHT` pixels wide) with scores from 0.1 on: the
            audit's own, RetinaFace, CenterFace.
        landmarker: Of the pipeline.
        every: Frames from one thorough look to the next; a face that is on show in between only is seen upright alone.
        still: For a picture, which is looked at as closely as can be.
    """

    detector: Detector
    witnesses: tuple[Detector, ...]
    landmarker: Landmarker
    every: int = 12
    still: bool = False

    def find(self, image: Image, thorough: bool) -> list[Face]:
        """Return all detections on a frame, doubtful ones too.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            thorough: Whether this is a thorough look.

        Returns:
            The detections, best score first; points follow the head's own axes.
        """
        wanted = looks(image.shape[1], image.shape[0], thorough, self.still)
        return look(self.detector, image, wanted)

    def confirmed(self, image: Image, faces: Sequence[Face], replaced: Sequence[Floats] = ()) -> list[Face]:
        """Return those detections that count as faces and belong to no replaced one.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            faces: The detections.
            replaced: (4,) boxes of replaced faces, in pixels.

        Returns:
            The confirmed ones.
        """
        loose = [face for face in faces if not any(belongs(face, box) for box in replaced)]
        return [face for face in loose if self.is_face(image, face, replaced)]

    def is_face(self, image: Image, face: Face, replaced: Sequence[Floats] = ()) -> bool:
        """Return whether a detection is a sure one, or is confirmed by others that look at it upright and closely.

        What these see of replaced faces confirms nothing: a look at a head from aside finds it a second time, beside
        its place.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            face: The detection.
            replaced: (4,) boxes of replaced faces, in pixels.

        Returns:
            Whether it counts as a face.
        """
        if face.score >= SURE:
            return True
        if face.score < CANDIDATE:
            return False
        closer = [_score(seen, face, replaced) for seen in framings(image, face, self.witnesses)]
        *weights, meshed = _WEIGHTS
        total = sum(weight * score for weight, score in zip(weights, (face.score, *closer), strict=True))
        if total >= _ENOUGH or total + meshed < _ENOUGH:
            return total >= _ENOUGH
        return total + meshed * self.landmarker.locate([image], [face])[0].presence >= _ENOUGH


def belongs(face: Face, box: Floats) -> bool:
    """Return whether a detection is the replaced face in a box, or a part of it.

    A part counts too: what is painted over shows nothing of the source.

    Args:
        face: The detection.
        box: (4,) pixels of the replaced face.

    Returns:
        Whether it belongs to that face.
    """
    middle = (face.box[:2] + face.box[2:]) / 2
    inside = bool((middle >= box[:2]).all() and (middle <= box[2:]).all())
    side = float(np.sqrt(max(np.prod(box[2:] - box[:2]), 0.0)))
    return overlap(face.box, box) > 0.25 or (inside and face.size <= side)


def _score(seen: Face | None, face: Face, replaced: Sequence[Floats]) -> float:
    """What a witness's face says of a detection: nothing when it lies elsewhere, as a twin beside it does."""
    if seen is None or overlap(seen.box, face.box) <= _SAME or any(belongs(seen, box) for box in replaced):
        return 0.0
    return seen.score
