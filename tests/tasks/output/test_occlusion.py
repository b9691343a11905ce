"""Something held before the face: it stays one track, and where nothing of the face is seen it is covered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from models.interfaces.capabilities import Image
from models.motion.mesh.reenact import PoseLimits
from tasks.analysis import motion
from tests.tasks import support

_FRAMES = 26
_LOWER = range(5, 10)
_WHOLE = range(13, 19)


def held_before(path: Path) -> list[Image]:
    """The clip's first frames; a flat red board hides mouth and chin on `_LOWER` and the whole head on `_WHOLE`."""
    pictures = support.first_frames(path, _FRAMES)
    for index in _LOWER:
        pictures[index][195:280, 120:245] = (40, 60, 200)
    for index in _WHOLE:
        pictures[index][20:280, 90:270] = (40, 60, 200)
    return pictures


def test_a_board_before_the_face_leaves_no_frame_out(clip: Callable[[str], Path]) -> None:
    pictures = held_before(clip("grid_id2_swwp2s.mpg"))
    found = support.found_in(pictures)
    (track,) = found.tracks
    assert (track.first, track.last) == (0, _FRAMES - 1)
    (driving,) = motion.run(found, support.people(found)).drivings
    assert driving.usable[[0, 1, 2, *_LOWER, _FRAMES - 1]].all()
    assert not driving.usable[list(_WHOLE)].any()
    # The mesh must not run away when half of it has to be guessed.
    clear = track.mesh[_LOWER.start - 1]
    for index in _LOWER:
        assert np.linalg.norm(track.mesh[index, :468, :2] - clear[:468, :2], axis=1).mean() < 8


class Reader(support.Painter):
    """Reads frames, so that the stage looks at them."""

    def __init__(self) -> None:
        super().__init__(batch=8, columns=1)


def hidden_shares(pictures: list[Image]) -> np.ndarray:
    found = support.found_in(pictures)
    (driving,) = motion.run(found, support.people(found), None, support.opener(pictures), Reader()).drivings
    return driving.hidden


def test_what_hides_a_part_of_the_face_is_seen_though_the_mesh_is_sure(clip: Callable[[str], Path]) -> None:
    limit = PoseLimits().most_hidden
    shares = hidden_shares(held_before(clip("grid_id2_swwp2s.mpg")))
    clear = [i for i in range(_FRAMES) if i not in _LOWER and i not in _WHOLE]
    assert (shares[list(_LOWER)] > limit).all() and shares[clear].max() < limit / 2


def test_a_hand_in_the_colour_of_the_face_is_seen_and_a_change_of_light_is_not(clip: Callable[[str], Path]) -> None:
    limit = PoseLimits().most_hidden
    pictures = support.first_frames(clip("grid_id2_swwp2s.mpg"), _FRAMES)
    cheek = np.median(pictures[0][200:206, 140:146].reshape(-1, 3), axis=0)
    for index in range(5, 10):
        cv2.ellipse(pictures[index], (174, 220), (48, 34), 20, 0, 360, cheek.tolist(), -1)
    for index in range(15, 20):
        pictures[index] = np.clip(pictures[index].astype(np.float32) * 0.8, 0, 255).astype(np.uint8)
    shares = hidden_shares(pictures)
    assert (shares[5:10] > limit).all()
    assert shares[[*range(5), *range(10, _FRAMES)]].max() < limit
