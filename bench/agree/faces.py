"""Faces of two videos, matched by place: their distances, their meshes, what lies outside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.media.decode import open_frames
from infra.media.frame import YuvFrame
from infra.media.video_info import VideoInfo
from models.interfaces.capabilities import Face, Floats, Image
from models.landmarks import topology
from models.selection import profiles
from tasks.analysis import framing
from tasks.analysis.tracking import overlap
from tasks.evaluation.measure import figures
from tasks.evaluation.measure.outside import mask

EMBEDDERS = ("dlib-resnet", "sface", "facenet")
FIRST, SECOND = "retinaface-mobilenet", "yunet"
AGREE = 0.1
"""Points found on the whole frame count as well placed within this share of the face's size from those found on an
upright crop."""
SAMPLED = 24
LEAST_SCORE = 0.7
FLAT = 4.0
"""Spread of brightness, in grey levels, under which a face's place counts as filled with one colour."""
CHANGED = 8
"""Difference of brightness, in grey levels, from which a pixel outside the heads counts as changed."""


@dataclass
class Person:
    """One face followed by its place through the source: its last box and frame, and the measurements of each frame.

    rows: per frame the source's and the result's `figures.figures`, (2, k).
    """

    box: Floats
    frame: int
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    last_pair: tuple[Image, Image] | None = None


@dataclass
class Tally:
    """Counts of faces and lists of measurements over the whole video."""

    distances: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in EMBEDDERS})
    faces: int = 0
    lost: int = 0
    lost_by_both: int = 0
    badly_framed: int = 0
    redacted: int = 0
    without_mesh: int = 0
    outside: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    unrest: list[tuple[float, float]] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)


def best_match(faces: Sequence[Face], box: Floats, least: float = 0.25) -> Face | None:
    """The face that overlaps a (4,) box most, None when none does by at least `least` (IoU)."""
    best = max(faces, key=lambda face: overlap(face.box, box), default=None)
    return best if best is not None and overlap(best.box, box) > least else None


def framings(image: Image, first: Face | None, second: Face | None, known: Face) -> tuple[list[Face], bool]:
    """(ways to frame one face for an embedder, whether the points found on the whole frame agree with the rest).

    By both detectors on an upright crop; by the first on the whole frame, and by the second where it agrees with the
    first: its points stay upright on a head that is tilted far, and cut by them all people look alike to an embedder.
    known: where the face is, when neither found it.
    """
    face = first or second or known
    mesh = profiles.load("landmarker", "mesh").locate([image], [face])[0]
    expected = Face(face.box, face.score, topology.five_points(mesh.points)) if mesh.presence > 0.5 else face
    closer = [profiles.load("detector", name, long_side=framing.UPRIGHT) for name in (FIRST, SECOND)]
    upright = [seen for seen in framing.framings(image, expected, closer) if seen is not None]
    found = [view for view in (first, second) if view is not None]
    whole = found if len(found) == 2 and _apart(*found) < AGREE else [first] if first is not None else []
    agreed = all(_apart(view, one) < AGREE for view in upright for one in found or [known])
    return [*upright, *whole] or [face], agreed


def _apart(one: Face, other: Face) -> float:
    """Largest difference of two faces' points, as a share of the first one's size."""
    return float(np.abs(one.points - other.points).max()) / max(one.size, 1.0)


def references(path: Path, info: VideoInfo) -> dict[str, Floats]:
    """(n, D) embeddings per embedder of the faces on evenly spread frames of the source, see
    `framings`."""
    wanted = set(np.linspace(0, info.frame_count - 1, min(SAMPLED, info.frame_count)).round().astype(int).tolist())
    vectors: dict[str, list[Floats]] = {name: [] for name in EMBEDDERS}
    with open_frames(path, info) as frames:
        for frame in frames:
            if frame.index not in wanted:
                continue
            image = frame.to_bgr()
            first, second = (profiles.load("detector", name).detect([image])[0] for name in (FIRST, SECOND))
            sure = [face for face in first if face.score >= LEAST_SCORE]
            views = [view for face in sure for view in framings(image, face, best_match(second, face.box), face)[0]]
            for name in EMBEDDERS:
                vectors[name].append(profiles.load("embedder", name).embed([image] * len(views), views))
    return {name: np.concatenate(parts) for name, parts in vectors.items()}


def follow(people: list[Person], box: Floats, frame: int) -> Person:
    """The person last seen about here within the last ten frames, or a new one."""
    near = [p for p in people if frame - 10 <= p.frame < frame and overlap(p.box, box) > 0.3]
    person = max(near, key=lambda p: overlap(p.box, box), default=None)
    if person is None:
        person = Person(box, frame)
        people.append(person)
    person.box, person.frame = box, frame
    return person


def compare_frame(source: YuvFrame, result: YuvFrame, known: dict[str, Floats], tally: Tally) -> None:
    """Add one pair of frames to the tally."""
    before, after = source.to_bgr(), result.to_bgr()
    found = {name: profiles.load("detector", name).detect([before, after]) for name in (FIRST, SECOND)}
    for face in (f for f in found[FIRST][0] if f.score >= LEAST_SCORE):
        compare_face(face, (before, after), {name: pair[1] for name, pair in found.items()}, known, tally, source.index)
    everyone = [face for pair in found.values() for side in pair for face in side if face.score >= 0.3]
    _compare_outside(source.planes[0], result.planes[0], everyone, tally)


def _compare_outside(before: NDArray[np.uint8], after: NDArray[np.uint8], faces: list[Face], tally: Tally) -> None:
    """Difference of brightness away from all heads: its mean in grey levels, and the share of changed pixels."""
    outside = mask(before.shape[:2], [face.box for face in faces])
    if outside.any():
        difference = cv2.absdiff(before, after)[outside]
        tally.outside.append(float(difference.mean()))
        tally.changed.append(float((difference > CHANGED).mean()))


def compare_face(
    face: Face,
    images: tuple[Image, Image],
    after: dict[str, list[Face]],
    known: dict[str, Floats],
    tally: Tally,
    frame: int,
) -> None:
    """Add one face of the source and what stands in its place to the tally. after: the result's faces by detector."""
    tally.faces += 1
    x0, y0, x1, y1 = np.maximum(np.round(face.box), 0).astype(int)
    inner = images[1][y0:y1, x0:x1]
    if inner.size and float(inner.reshape(-1, 3).std(axis=0).max()) < FLAT:
        tally.redacted += 1
        return
    first, second = (best_match(after[name], face.box) for name in (FIRST, SECOND))
    views, agreed = framings(images[1], first, second, face)
    tally.lost += second is None
    tally.lost_by_both += first is None and second is None
    tally.badly_framed += not agreed
    for name in EMBEDDERS:
        vectors = profiles.load("embedder", name).embed([images[1]] * len(views), views)
        if len(known[name]):
            tally.distances[name].append(float((1.0 - vectors @ known[name].T).min()))
    _compare_motion(face, views[0], images, tally, frame)


def _compare_motion(face: Face, twin: Face, images: tuple[Image, Image], tally: Tally, frame: int) -> None:
    meshes = profiles.load("landmarker", "mesh").locate(list(images), [face, twin])
    if min(mesh.presence for mesh in meshes) < 0.5:
        tally.without_mesh += 1
        return
    person = follow(tally.people, face.box, frame)
    height, width = images[0].shape[:2]
    person.rows.append(np.stack([figures.figures(mesh, width, height) for mesh in meshes]))
    pair = figures.aligned(images, meshes[0])
    if person.last_pair is not None:
        before, now = (figures.unrest(new, old) for new, old in zip(pair, person.last_pair, strict=True))
        tally.unrest.append((before, now))
    person.last_pair = (pair[0], pair[1])
