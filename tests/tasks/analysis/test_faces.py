"""The pass that looks for faces: what a detector gets at a time changes nothing in what is found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.interfaces.capabilities import Face, Image
from tasks.analysis import faces
from tests.tasks import support


class Counting:
    """Takes frames in batches, and sees a face where the frame's brightness says."""

    name = "counting"

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.sizes: list[int] = []

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        self.sizes.append(len(frames))
        return [[self._face(float(frame.mean()))] for frame in frames]

    def _face(self, x: float) -> Face:
        points = np.array([[x + 15, 20], [x + 35, 20], [x + 25, 32], [x + 17, 44], [x + 33, 44]], np.float32)
        return Face(np.array([x, 5, x + 50, 60], np.float32), 0.9, points)


def tracks(detector: Counting) -> faces.Tracks:
    pictures = [np.full((90, 160, 3), 30 + k, np.uint8) for k in range(11)]
    return faces.run(
        support.opener(pictures), (160, 90), support.OneScene(),
        faces.FaceNetworks(detector, detector, support.Landmarker()), faces.FaceSettings(workers=2),
    )[1]  # fmt: skip


@pytest.mark.parametrize("batch", [2, 4, 16])
def test_batches_find_what_single_frames_find(batch: int) -> None:
    single, together = Counting(1), Counting(batch)
    expected, found = tracks(single), tracks(together)
    assert sum(together.sizes) == sum(single.sizes) == 11
    assert max(together.sizes) == min(batch, 11) and set(single.sizes) == {1}
    assert found.frame_count == expected.frame_count == 11 and len(found.tracks) == len(expected.tracks) == 1
    for name in ("boxes", "points", "mesh", "presence", "angles"):
        assert np.array_equal(getattr(found.tracks[0], name), getattr(expected.tracks[0], name), equal_nan=True), name
    assert np.ptp(found.tracks[0].boxes[:, 0]) > 8
