"""From detections to tracks: one person's faces through one scene.

Strong detections start a track; weak ones only continue one, where they are expected. Gaps are filled from both
sides and the ends are stretched a little, because a face does not vanish when a detector loses it: whether the
stretched frames show a face is decided by a second look (`tasks.analysis.faces`), and by the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Face, Floats, Mesh
from tasks.records import Scene


@dataclass(frozen=True)
class Seen:
    """A detection on one frame with its mesh."""

    face: Face
    mesh: Mesh


@dataclass(eq=False)
class Draft:
    """A track while it grows.

    Attributes:
        scene: Index of its scene.
        seen: Frame -> what was seen there.
    """

    scene: int
    seen: dict[int, Seen] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Its first frame so far."""
        return min(self.seen)

    @property
    def last(self) -> int:
        """Its last frame so far."""
        return max(self.seen)

    def expected(self, frame: int) -> Floats:
        """Return where the box should be: moved on by the speed of the last two sightings, at most five frames far.

        Args:
            frame: Number of a frame after the last sighting.

        Returns:
            (4,) float32 pixels.
        """
        last = self.last
        box = self.seen[last].face.box
        before = [f for f in range(last - 3, last) if f in self.seen]
        if not before:
            return box
        speed = (box - self.seen[before[0]].face.box) / (last - before[0])
        return np.asarray(box + speed * min(frame - last, 5), dtype=np.float32)


def overlap(a: Floats, b: Floats) -> float:
    """Return the intersection over union of two boxes.

    Args:
        a: (4,) box.
        b: (4,) box.

    Returns:
        The ratio in [0, 1].
    """
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    both = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared
    return shared / both if both > 0 else 0.0


def closeness(a: Floats, b: Floats) -> float:
    """Return how close two boxes are.

    Args:
        a: (4,) box.
        b: (4,) box.

    Returns:
        1 for the same box, 0 for boxes whose centres lie a box side apart or whose sizes differ threefold.
    """
    size_a, size_b = float(np.sqrt(np.prod(a[2:] - a[:2]))), float(np.sqrt(np.prod(b[2:] - b[:2])))
    if min(size_a, size_b) <= 0:
        return 0.0
    apart = float(np.hypot(*((a[:2] + a[2:]) - (b[:2] + b[2:])))) / 2 / max(size_a, size_b)
    grown = abs(np.log(size_a / size_b)) / np.log(3.0)
    return max(0.0, 1.0 - apart - 0.5 * grown)


def link(
    frames: Sequence[Sequence[Seen]], scenes: Sequence[Scene], *, strong: float = 0.6, weak: float = 0.2, gap: int = 20
) -> list[Draft]:
    """Join the sightings of each frame to drafts, scene by scene.

    Args:
        frames: For each frame of the video what was seen there.
        scenes: The scenes of the video.
        strong: Score that starts a track.
        weak: Score that continues one.
        gap: Frames after which a lost track ends.

    Returns:
        The drafts, by first frame and then from left to right.
    """
    finished: list[Draft] = []
    for scene in scenes:
        active: list[Draft] = []
        for frame in range(scene.first, scene.last + 1):
            seen = [s for s in frames[frame] if s.face.score >= weak]
            active, ended = _split(active, frame, gap)
            finished += ended
            used: set[int] = set()
            if active and seen:
                cost = np.array([[closeness(d.expected(frame), s.face.box) for s in seen] for d in active])
                for row, column in best_pairs(cost):
                    if cost[row, column] > 0.3:
                        active[row].seen[frame] = seen[column]
                        used.add(int(column))
            for index, sighting in enumerate(seen):
                if index in used or sighting.face.score < strong:
                    continue
                if any(overlap(sighting.face.box, seen[other].face.box) > 0.4 for other in used):
                    continue
                active.append(Draft(scene.index, {frame: sighting}))
        finished += active
    return sorted(finished, key=lambda d: (d.first, float(d.seen[d.first].face.box[0])))


def best_pairs(closeness: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs with the largest sum, each row and column once at most.

    Args:
        closeness: (rows, columns) matrix.

    Returns:
        (row, column) pairs.
    """
    if closeness.size <= 1:
        return [(0, 0)] * closeness.size
    # Takes a third of a second to load, and most videos show one face.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-closeness)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _split(active: list[Draft], frame: int, gap: int) -> tuple[list[Draft], list[Draft]]:
    alive = [d for d in active if frame - d.last <= gap]
    return alive, [d for d in active if frame - d.last > gap]


def span(draft: Draft, scene: Scene, stretch: int) -> tuple[int, int]:
    """Return the first and last frame of a track with its ends stretched, within the scene.

    Args:
        draft: The track.
        scene: Its scene.
        stretch: Frames by which both ends are stretched.

    Returns:
        (first, last) frame, inclusive.
    """
    return max(scene.first, draft.first - stretch), min(scene.last, draft.last + stretch)


def fill(draft: Draft, first: int, last: int) -> tuple[Floats, Floats]:
    """Return boxes and points of a track, linear between sightings, constant beyond them.

    Args:
        draft: The track.
        first: First frame.
        last: Last frame, inclusive.

    Returns:
        (boxes (n, 4), points (n, 5, 2)) float32 pixels for frames first .. last.
    """
    known = sorted(draft.seen)
    boxes = np.stack([draft.seen[f].face.box for f in known])
    points = np.stack([draft.seen[f].face.points for f in known]).reshape(len(known), -1)
    wanted = np.arange(first, last + 1)
    values = np.concatenate([boxes, points], axis=1)
    filled = np.stack([np.interp(wanted, known, values[:, k]) for k in range(values.shape[1])], axis=1)
    return filled[:, :4].astype(np.float32), filled[:, 4:].reshape(-1, 5, 2).astype(np.float32)
