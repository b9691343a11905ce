"""Orientation: by how much the frames of a file must be turned so that its people stand upright.

A camera held on its side, or a file that lost its rotation flag, shows all faces lying. Detectors, mesh and twins want
them upright, so such a file is turned for processing and turned back when it is written.
"""

from __future__ import annotations

import numpy as np

from models.detection.turned import QUARTERS, Look, look
from models.interfaces.capabilities import Detector, Image
from tasks.analysis.framing import roll

_EVERY = 30
_LYING = 90.0
"""Degrees of roll from which a face counts as lying."""
_GAIN = 8.0
"""Degrees, on average over the faces, for which a file is turned."""
_SURE = 0.6
"""Score from which a face is counted."""


class OrientationVotes:
    """Counts on every 30th frame which way up the faces are. Several threads may push.

    Args:
        detector: The pipeline's.
        side: Longer side in pixels of the frames that it looks at.
    """

    def __init__(self, detector: Detector, side: int) -> None:
        self._detector = detector
        self._looks = [Look(angle, side) for angle in QUARTERS]
        self._rolls: list[float] = []

    def push(self, index: int, image: Image) -> None:
        """See a frame.

        Args:
            index: Number of the frame.
            image: (H, W, 3) uint8 BGR.
        """
        if index % _EVERY:
            return
        faces = look(self._detector, image, self._looks)
        # A large face is seen in several looks; the one in which it scored best is kept, and its points tell its roll.
        self._rolls += [float(np.degrees(roll(face))) for face in faces if face.score >= _SURE]

    def turn(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270, after which the faces stand most upright; 0 where none gains much."""
        rolls = np.array(self._rolls)
        # A face that lies is as badly off as one upside down, or a few of these would turn all others.
        off = [float(np.minimum(np.abs((rolls + turn + 180) % 360 - 180), _LYING).sum()) for turn in QUARTERS]
        best = int(np.argmin(off))
        return QUARTERS[best] if off[0] - off[best] > _GAIN * len(rolls) else 0
