"""The audit: every frame of the final file is looked at by a detector and two embedders that made none of it.

A frame is recognised when its face is nearer to a source than the limit that was measured in the source's own footage,
between the source's own samples and strangers in the same place (see `tasks.generation.limits`), a person when a
general matcher takes them for a source by the score over all frames. No person who is recognised, and no face that was
neither replaced nor redacted, may be published. Not assessed: voice, body, hair, clothes, background, text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from infra.media.frame import YuvFrame
from infra.process.parallel import ordered
from models.interfaces.capabilities import Face
from tasks.audit.recognisers import AuditNetworks, Reference
from tasks.audit.report import Compared, Report, ResidualFace, report
from tasks.records import FaceEdits

VERSION = 10


@dataclass(frozen=True)
class Known:
    """Who must not be recognised, and who is to be seen.

    Attributes:
        sources: Per judge, every identity.
        twins: Track -> per judge, the twin that is to be seen on it; None does not look whether it is.
        people: Track -> number of its person; None takes every track for another person.
    """

    sources: Sequence[Sequence[Reference]]
    twins: Mapping[int, Sequence[Reference]] | None = None
    people: Mapping[int, int] | None = None


def run(
    frames: Callable[[], AbstractContextManager[Iterator[YuvFrame]]],
    painted: FaceEdits,
    known: Known,
    panel: AuditNetworks,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
    cuts: Collection[int] = (),
) -> Report:
    """Audit an encoded file.

    Args:
        frames: Opens the decoded frames of the result.
        painted: What was done to the faces.
        known: Who must not be recognised, and who is to be seen.
        panel: The networks that audit.
        workers: Threads.
        progress: Called with the number of frames done.
        cuts: Frames with which scenes begin, each of which gets a thorough look.

    Returns:
        What the audit found.

    Raises:
        KeyError: For a replaced face whose twin or person is missing: nothing may pass unseen.
    """
    rows: dict[int, list[int]] = {}
    for index, frame in enumerate(painted.frame.tolist()):
        rows.setdefault(frame, []).append(index)

    def look(frame: YuvFrame) -> tuple[list[ResidualFace], list[Compared]]:
        image = frame.to_bgr()
        own = rows.get(frame.index, [])
        compared: list[Compared] = []
        for row in (r for r in own if painted.replaced[r]):
            expected = Face(painted.boxes[row], 0.0, painted.points[row])
            face, seen = panel.view(image, expected)
            twin = None if known.twins is None else known.twins[int(painted.track[row])]
            compared.append(Compared(row, panel.compare(image, face, known.sources, twin), seen))
        thorough = frame.index % panel.search.every == 0 or frame.index in cuts
        found = panel.search.find(image, thorough)
        # A face found where one was covered is a stray.
        shown = [painted.boxes[row] for row in own if painted.replaced[row]]
        left = panel.search.confirmed(image, found, shown)
        return [ResidualFace(frame.index, face.box, face.score) for face in left], compared

    strays: list[ResidualFace] = []
    compared: list[Compared] = []
    count = 0
    with frames() as stream:
        for some_strays, some_compared in ordered(look, stream, workers, 2 * workers + 2):
            strays += some_strays
            compared += some_compared
            count += 1
            if progress is not None:
                progress(count)
    return report(count, compared, painted, panel.judges, strays, known.people)
