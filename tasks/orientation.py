"""Orientation: by how much the frames of a file must be turned so that its people stand upright.

A camera held on its side, or a file that lost its rotation flag, shows all faces lying. Detectors, mesh and twins want
them upright, so such a file is turned for processing and turned back when it is written.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from models.capabilities import Detector, Image
from models.detection.turned import QUARTERS, Look, look
from tasks.framing import roll

_EVERY = 30
_SURE = 0.6
"""Score from which a face is counted."""


class OrientationVotes:
    """Counts on every 30th frame which way up the faces are.

    detector: the pipeline's. side: longer side in pixels of the frames that it looks at. Several threads may push.
    """

    def __init__(self, detector: Detector, side: int) -> None:
        self._detector = detector
        self._looks = [Look(angle, side) for angle in QUARTERS]
        self._seen: list[int] = []

    def push(self, index: int, image: Image) -> None:
        """See a frame: its number, (H, W, 3) uint8 BGR."""
        if index % _EVERY:
            return
        faces = look(self._detector, image, self._looks)
        # A large face is seen in several looks; the one in which it scored best is kept, and its points tell its roll.
        self._seen += [round(float(np.degrees(roll(face))) / 90) * 90 for face in faces if face.score >= _SURE]

    def turn(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270, after which most of the faces stand upright; 0 without a majority."""
        votes = Counter(-angle % 360 for angle in self._seen)
        if not votes:
            return 0
        best, count = votes.most_common(1)[0]
        return best if 2 * count > len(self._seen) else 0
