"""The audit: every frame of the final file is looked at by a detector and two embedders that made none of it.

A frame is recognised when its face is nearer to the source than 99 % of strangers are (the distance at a false accept
rate of 1 % of that embedder, stored with it). No recognised frame, and no face that was neither replaced nor redacted,
may be published. Not assessed: voice, body, hair, clothes, background, text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import cv2
import numpy as np

from infra.media.frame import YuvFrame
from infra.parallel import ordered
from models.capabilities import Detector, Face, Floats, Image
from tasks.audit_report import Compared, Report, Stray, report
from tasks.judges import Panel
from tasks.reassemble import Painted
from tasks.records import Tracks
from tasks.samples import Samples, detected_in_crop, face_in_crop
from tasks.tracking import overlap

VERSION = 6
UPRIGHT = 224
"""Side in pixels of the upright crop in which detectors frame a face for the embedders."""
_TILTED = 25.0
"""Degrees of roll from which a face is framed as a detector does on the whole frame, too. Up to 30 degrees its points
lay within 9 % of the face's size of the mesh's (eight people); beyond, up to 13 % off, they show embedders less of the
face and more of what is the source's still: a twin came to 0.54 from its source, strangers as tilted to 0.69 (SFace).
"""
_SURE, _DOUBTFUL = 0.8, 0.5
"""Scores of the audit's detector: a face from the first on; between them a face when any further look sees one too."""


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
        seen, _ = views(sample.crop, face_in_crop(sample, track), panel)
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
) -> Report:
    """Audit an encoded file against `references`; frames opens the decoded frames of the result.

    twins: track -> the `Panel.portrait` of the twin that is to be seen on it; None does not look whether it is. Raises
    KeyError for a replaced face whose twin is missing: nothing may pass unseen.
    """
    rows: dict[int, list[int]] = {}
    for index, frame in enumerate(painted.frame.tolist()):
        rows.setdefault(frame, []).append(index)

    def look(frame: YuvFrame) -> tuple[list[Stray], list[Compared]]:
        image = frame.to_bgr()
        found = panel.detector.detect([image])[0]
        own = rows.get(frame.index, [])
        compared: list[Compared] = []
        for row in (r for r in own if painted.replaced[r]):
            expected = Face(painted.boxes[row], 0.0, painted.points[row])
            framed, seen = views(image, expected, panel)
            portrait = [None] * len(panel.judges) if twins is None else twins[int(painted.track[row])]
            both = [
                judge.compare(image, framed, own, twin)
                for judge, own, twin in zip(panel.judges, sources, portrait, strict=True)
            ]
            compared.append(Compared(row, [b[0] for b in both], [b[1] for b in both], seen))
        loose = [face for face in found if not any(_belongs(face, painted, row) for row in own)]
        left = confirmed(image, loose, panel)
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


def confirmed(image: Image, faces: Sequence[Face], panel: Panel) -> list[Face]:
    """Those detections that count as faces: sure ones, and doubtful ones that any further look finds a face in.

    Hands and textures reach doubtful scores now and then; of the real faces of the test clips nearly all are sure. A
    doubtful one is let go only when the confirming detector sees none there, neither on the whole picture nor enlarged,
    and no framing detector does, the audit's own among them.
    """
    doubtful = [face for face in faces if _DOUBTFUL <= face.score < _SURE]
    seen = panel.confirming.detect([image])[0] if doubtful else []
    closer = (*panel.framing, panel.confirming)
    return [
        face
        for face in faces
        if face.score >= _SURE
        or (
            face.score >= _DOUBTFUL
            and (
                any(overlap(face.box, other.box) > 0.25 for other in seen)
                or any(look is not None for look in framings(image, face, closer))
            )
        )
    ]


def views(image: Image, expected: Face, panel: Panel) -> tuple[list[Face], bool]:
    """(every way to frame one face for the judges, whether the audit's own detector sees it on an upright crop)."""
    framed = framings(image, expected, panel.framing)
    result = [expected, *(face for face in framed if face is not None)]
    if abs(_roll(expected)) >= np.radians(_TILTED):
        near = [face for face in panel.careless.detect([image])[0] if overlap(face.box, expected.box) > 0.25]
        result += sorted(near, key=lambda face: -overlap(face.box, expected.box))[:1]
    return result, bool(framed) and framed[0] is not None


def _roll(face: Face) -> float:
    """Radians by which the line of the eyes is turned clockwise."""
    across = face.points[1] - face.points[0]
    return float(np.arctan2(across[1], across[0]))


def framings(image: Image, expected: Face, detectors: Sequence[Detector]) -> list[Face | None]:
    """How each detector frames one expected face for an embedder; None where it does not see it.

    The detectors look at an upright crop: their points stay upright on tilted heads otherwise, and badly placed points
    make all faces alike (two different people came out nearer than the threshold).
    """
    angle = _roll(expected)
    side = max(2.2 * expected.size, 8.0)
    centre = (expected.box[:2] + expected.box[2:]) / 2
    scale = UPRIGHT / side
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    forward = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    forward[:, 2] = UPRIGHT / 2 - forward[:, :2] @ centre
    crop = cv2.warpAffine(image, forward, (UPRIGHT, UPRIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    back = np.asarray(cv2.invertAffineTransform(forward), np.float32)
    return [_placed(detector.detect([crop])[0], back, scale) for detector in detectors]


def _placed(seen: Sequence[Face], back: Floats, scale: float) -> Face | None:
    """The largest face in the middle of an upright crop, in the picture's coordinates."""
    middle = np.full(2, UPRIGHT / 2, np.float32)
    central = [face for face in seen if np.abs((face.box[:2] + face.box[2:]) / 2 - middle).max() < UPRIGHT / 6]
    if not central:
        return None
    best = max(central, key=lambda face: face.size)
    points = best.points @ back[:, :2].T + back[:, 2]
    reach = (best.box[2:] - best.box[:2]) / scale / 2
    place = ((best.box[:2] + best.box[2:]) / 2) @ back[:, :2].T + back[:, 2]
    box = np.concatenate([place - reach, place + reach]).astype(np.float32)
    return Face(box, best.score, points.astype(np.float32))


def _belongs(face: Face, painted: Painted, row: int) -> bool:
    """Whether a detection is the replaced face of this row. A face found where one was redacted is a stray."""
    if not painted.replaced[row]:
        return False
    return overlap(face.box, painted.boxes[row]) > 0.25
