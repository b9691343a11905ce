"""Which frame of an anonymized file belongs to a frame of its original, and which face to which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.media.frame import YuvFrame
from models.interfaces.capabilities import Floats
from tasks.analysis.tracking import best_pairs, overlap
from tasks.records import Track

OVERLAP = 0.25
"""Intersection over union from which two faces stand in the same place."""


@dataclass(frozen=True)
class FacePosition:
    """A face of a track on one frame.

    Attributes:
        row: of the track.
    """

    track: Track
    row: int

    @property
    def box(self) -> Floats:
        """(4,) pixels."""
        return np.asarray(self.track.boxes[self.row])

    @property
    def seen(self) -> bool:
        """Whether a detector, or the mesh, sees a face there."""
        return bool(self.track.detected[self.row]) or float(self.track.presence[self.row]) > 0.5

    @property
    def meshed(self) -> bool:
        """Whether its mesh is to be trusted."""
        return float(self.track.presence[self.row]) > 0.5 and bool(np.isfinite(self.track.mesh[self.row]).all())


def by_frame(tracks: Sequence[Track], every: int = 1) -> dict[int, list[FacePosition]]:
    """Sort the faces of all tracks by frame.

    Args:
        tracks: the tracks.
        every: only every `every`-th frame is taken.

    Returns:
        Frame -> the places of all tracks on it.
    """
    found: dict[int, list[FacePosition]] = {}
    for track in tracks:
        for row in range(track.length):
            if (track.first + row) % every == 0:
                found.setdefault(track.first + row, []).append(FacePosition(track, row))
    return found


def counterparts(boxes: Sequence[Floats], scale: Floats, others: Sequence[FacePosition]) -> list[FacePosition | None]:
    """Find the seen face of the anonymized file that stands where a face of the original does.

    No face stands in two places: they are given out so that all together overlap most.

    Args:
        boxes: (4,) each, of the original's faces, pixels.
        scale: (2,) size of the anonymized frame over that of the original, per axis.
        others: faces of the anonymized file on the frame.

    Returns:
        A place for each box, None when no face stands there.
    """
    wanted = [(box * np.tile(scale, 2)).astype(np.float32) for box in boxes]
    seen = [place for place in others if place.seen]
    shared = np.array([[overlap(place.box, box) for place in seen] for box in wanted]).reshape(len(wanted), len(seen))
    # What does not count must not tip the balance either.
    shared[shared <= OVERLAP] = 0.0
    found: list[FacePosition | None] = [None] * len(wanted)
    for row, column in best_pairs(shared):
        if shared[row, column]:
            found[row] = seen[column]
    return found


def same_time(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the frame of the other file that is nearest in time to each frame.

    Files with as many frames are taken to have the same ones.

    Args:
        ours: (n,) seconds of the frames.
        theirs: (m,) seconds of the other file's frames.

    Returns:
        (n,) index in the other file; -1 where that is more than half a frame of the other file away.
    """
    if len(ours) == len(theirs):
        return np.arange(len(ours), dtype=np.int64)
    if not len(theirs):
        return np.full(len(ours), -1, np.int64)
    # A single frame has no length, and does not stand for a whole video.
    step = float(np.median(np.diff(theirs))) if len(theirs) > 1 else 0.0
    after = np.clip(np.searchsorted(theirs, ours), 1, max(len(theirs) - 1, 1))
    after = np.minimum(after, len(theirs) - 1)
    before = np.maximum(after - 1, 0)
    # In the middle between two, the earlier one is still shown; rounding is not to decide.
    nearest = np.where(np.abs(theirs[before] - ours) <= np.abs(theirs[after] - ours) + 1e-6, before, after)
    return np.where(np.abs(theirs[nearest] - ours) <= 0.5 * step + 1e-6, nearest, -1).astype(np.int64)


def together(
    ours: Iterator[YuvFrame], theirs: Iterator[YuvFrame], mapping: NDArray[np.int64]
) -> Iterator[tuple[YuvFrame, YuvFrame | None]]:
    """Pair each frame of the original with its counterpart; both streams are read once, in order.

    Args:
        ours: frames of the original.
        theirs: frames of the anonymized file.
        mapping: (n,) as `same_time` gives it.

    Yields:
        Both frames; None where there is no counterpart.
    """
    held: YuvFrame | None = None
    for frame in ours:
        wanted = int(mapping[frame.index]) if frame.index < len(mapping) else -1
        while wanted >= 0 and (held is None or held.index < wanted):
            held = next(theirs, None)
            if held is None:
                break
        yield frame, held if held is not None and held.index == wanted else None
