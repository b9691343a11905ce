"""The audit: every frame of the final file is looked at by a detector and two embedders that made none of it.

A frame is recognised when its face is nearer to the source than 99 % of strangers are (the distance at a false accept
rate of 1 % of that embedder, stored with it). No recognised frame, and no face that was neither replaced nor redacted,
may be published. Not assessed: voice, body, hair, clothes, background, text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from infra.media.frame import YuvFrame
from infra.parallel import ordered
from models.capabilities import Face, Floats, Image
from tasks.audit_report import Compared, Report, Stray, report
from tasks.judges import Panel
from tasks.reassemble import Painted
from tasks.records import Tracks
from tasks.samples import Samples, detected_in_crop, face_in_crop
from tasks.tracking import overlap

VERSION = 7


@dataclass(frozen=True)
class References:
    """Embeddings of all sources of a video, (n, D) per judge in the judges' order. Identifying."""

    vectors: tuple[Floats, ...]


def references(tracks: Tracks, samples: Samples, panel: Panel) -> References:
    """Embed every sample for every judge: framed as a painted face is, and as it was detected on the whole frame."""
    crops: list[Image] = []
    faces: list[Face] = []
    by_index = {track.index: track for track in tracks.tracks}
    for sample in samples.samples:
        track = by_index[sample.track]
        seen, _ = panel.views(sample.crop, face_in_crop(sample, track))
        seen.append(detected_in_crop(sample, track))
        crops += [sample.crop] * len(seen)
        faces += seen
    return References(tuple(judge.embedder.embed(crops, faces) for judge in panel.judges))


def run(
    frames: Callable[[], AbstractContextManager[Iterator[YuvFrame]]],
    painted: Painted,
    sources: Sequence[Floats],
    panel: Panel,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
    twins: Mapping[int, Sequence[Floats]] | None = None,
    cuts: Collection[int] = (),
) -> Report:
    """Audit an encoded file against `references`; frames opens the decoded frames of the result.

    cuts: frames with which scenes begin, each of which gets a thorough look.
    twins: track -> the `Panel.portrait` of the twin that is to be seen on it; None does not look whether it is. Raises
    KeyError for a replaced face whose twin is missing: nothing may pass unseen.
    """
    rows: dict[int, list[int]] = {}
    for index, frame in enumerate(painted.frame.tolist()):
        rows.setdefault(frame, []).append(index)

    def look(frame: YuvFrame) -> tuple[list[Stray], list[Compared]]:
        image = frame.to_bgr()
        own = rows.get(frame.index, [])
        compared: list[Compared] = []
        for row in (r for r in own if painted.replaced[r]):
            expected = Face(painted.boxes[row], 0.0, painted.points[row])
            framed, seen = panel.views(image, expected)
            portrait = [None] * len(panel.judges) if twins is None else twins[int(painted.track[row])]
            both = [
                judge.compare(image, framed, own, twin)
                for judge, own, twin in zip(panel.judges, sources, portrait, strict=True)
            ]
            compared.append(Compared(row, [b[0] for b in both], [b[1] for b in both], seen))
        thorough = frame.index % panel.search.every == 0 or frame.index in cuts
        found = panel.search.find(image, thorough)
        # A face found where one was covered is a stray.
        shown = [painted.boxes[row] for row in own if painted.replaced[row]]
        loose = [face for face in found if not any(belongs(face, box) for box in shown)]
        left = panel.search.confirmed(image, loose)
        return [Stray(frame.index, face.box, face.score) for face in left], compared

    strays: list[Stray] = []
    compared: list[Compared] = []
    count = 0
    with frames() as stream:
        for some_strays, some_compared in ordered(look, stream, workers, 2 * workers + 2):
            strays += some_strays
            compared += some_compared
            count += 1
            if progress is not None:
                progress(count)
    return report(count, compared, painted, panel.judges, strays)


def belongs(face: Face, box: Floats) -> bool:
    """Whether a detection is the replaced face in a (4,) box, or a part of it: what is painted over shows nothing of
    the source."""
    middle = (face.box[:2] + face.box[2:]) / 2
    inside = bool((middle >= box[:2]).all() and (middle <= box[2:]).all())
    side = float(np.sqrt(max(np.prod(box[2:] - box[:2]), 0.0)))
    return overlap(face.box, box) > 0.25 or (inside and face.size <= side)
