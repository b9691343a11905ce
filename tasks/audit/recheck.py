"""Looking again at a finished file with the present audit, without the state of the run that made it.

Every face that the audit finds in a result must be one that was replaced. Where that was done is known from the record
beside the result. A result that was made before there were records was audited by one look at the upright frame; what
that look sees was replaced, since the result would not have been published otherwise, and what only the present audit
sees was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.media.frame import YuvFrame
from infra.media.turn import OpenFrames
from infra.process.parallel import ordered
from models.interfaces.capabilities import Detector, Face, Floats, Image
from tasks.analysis.tracking import overlap
from tasks.audit import audit
from tasks.audit.recognisers import AuditNetworks, Reference
from tasks.audit.report import Report, ResidualFace
from tasks.records import FaceEdits

VERSION = 2
_SAME = 0.25
"""Overlap from which two boxes are of one face, as in the audit."""
_REACH = 5
"""A twin that the earlier look lost counts as seen when it saw one there both so many frames before and after, at most.
Tracks of faces were bridged over more than that, so that the twin was painted in between."""


@dataclass(frozen=True)
class Earlier:
    """How audits looked before there were records.

    Attributes:
        detector: The one detector, which looked at the upright frame.
    """

    detector: Detector

    def twins(self, image: Image) -> list[Face]:
        """Return the faces of one picture that such an audit knew of, and so were replaced.

        Args:
            image: (H, W, 3) uint8 BGR picture.

        Returns:
            The faces, in pixels.
        """
        return self.detector.detect([image])[0]


@dataclass(frozen=True)
class Looked:
    """What was seen in a file.

    Attributes:
        frames: Their number.
        strays: Faces that are no twin's.
        twins: Frame -> the faces that are a twin's, as the record or the earlier look places them.
    """

    frames: int
    strays: tuple[ResidualFace, ...]
    twins: Mapping[int, Sequence[Face]]


def look(
    frames: OpenFrames,
    panel: AuditNetworks,
    earlier: Earlier,
    record: FaceEdits | None,
    workers: int = 2,
    check: Callable[[], None] = lambda: None,
) -> Looked:
    """Look at every frame of a finished file for faces that were not replaced.

    Args:
        frames: Opens its decoded frames.
        panel: The present audit's networks.
        earlier: How audits looked before there were records.
        record: What was painted where, None when that is not known.
        workers: Threads.
        check: Called for every frame; what it raises passes.

    Returns:
        What was seen.
    """
    known = _recorded(record) if record is not None else None

    def one(frame: YuvFrame) -> tuple[int, list[Face], list[Face]]:
        image = frame.to_bgr()
        twins = earlier.twins(image) if known is None else known.get(frame.index, [])
        found = panel.search.find(image, frame.index % panel.search.every == 0)
        return frame.index, list(twins), panel.search.confirmed(image, found, [twin.box for twin in twins])

    seen: dict[int, list[Face]] = {}
    left: list[tuple[int, Face]] = []
    with frames() as stream:
        for index, twins, loose in ordered(one, _checked(stream, check), workers, 2 * workers + 2):
            seen[index] = twins
            left += [(index, face) for face in loose]
    if known is None:
        left = [(index, face) for index, face in left if not _between(index, face, seen)]
    return Looked(len(seen), tuple(ResidualFace(index, face.box, face.score) for index, face in left), seen)


def compare(
    frames: OpenFrames,
    looked: Looked,
    sources: Sequence[Sequence[Reference]],
    panel: AuditNetworks,
    workers: int = 2,
    check: Callable[[], None] = lambda: None,
) -> Report:
    """Compare every twin with its sources as the present audit does.

    Strays of the report say nothing, since `look` knows better which faces were replaced.

    Args:
        frames: Opens the decoded frames of the file.
        looked: What was seen in it.
        sources: Per judge, every person who must not be recognised.
        panel: The present audit's networks.
        workers: Threads.
        check: Called for every frame; what it raises passes.

    Returns:
        The report, with a score per judge.
    """
    rows = [(frame, face) for frame, faces in sorted(looked.twins.items()) for face in faces]
    painted = FaceEdits(
        np.array([frame for frame, _ in rows], np.int64),
        np.zeros(len(rows), np.int64),
        np.ones(len(rows), bool),
        np.stack([face.box for _, face in rows]) if rows else np.zeros((0, 4), np.float32),
        np.stack([face.points for _, face in rows]) if rows else np.zeros((0, 5, 2), np.float32),
    )
    return audit.run(frames, painted, audit.Known(sources), panel, workers, lambda _: check())


def _recorded(record: FaceEdits) -> dict[int, list[Face]]:
    """Frame -> the replaced faces. What was covered must show no face, so it is left out."""
    found: dict[int, list[Face]] = {}
    for row in np.flatnonzero(record.replaced):
        found.setdefault(int(record.frame[row]), []).append(Face(record.boxes[row], 1.0, record.points[row]))
    return found


def _between(index: int, face: Face, seen: Mapping[int, Sequence[Face]]) -> bool:
    """Whether the earlier look saw a twin at a face's place shortly before and shortly after its frame."""
    before, after = (
        any(_among(face.box, seen.get(index + sign * step, ())) for step in range(1, _REACH + 1)) for sign in (-1, 1)
    )
    return before and after


def _among(box: Floats, faces: Sequence[Face]) -> bool:
    return any(overlap(box, face.box) > _SAME for face in faces)


def _checked(stream: Iterator[YuvFrame], check: Callable[[], None]) -> Iterator[YuvFrame]:
    for frame in stream:
        check()
        yield frame
