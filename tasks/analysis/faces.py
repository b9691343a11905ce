"""Faces and tracks: every face on every frame, with its mesh.

The video is decoded once for shot boundaries and faces together; a second, partial look places the mesh on frames
where the detector missed a face that its neighbours have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from infra.media.frame import YuvFrame
from infra.process.parallel import batches, ordered
from models.interfaces.capabilities import Detector, Face, Image, Landmarker, Mesh
from models.landmarks import pose
from tasks.analysis import tracking
from tasks.analysis.tracking import Draft, Seen
from tasks.records import Scene, Track, Tracks

VERSION = 4
OpenFrames = Callable[[], AbstractContextManager[Iterator[YuvFrame]]]


class SceneConsumer(Protocol):
    """Watches small frames go by and knows the scenes at the end."""

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """See the next frame."""

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """Return the scenes, which cover all frames."""


@dataclass(frozen=True)
class FaceSettings:
    """workers: threads. weak: least detector score kept at all. meshed: least score that gets a mesh at once.
    stretch: frames looked at beyond both ends of a track. small_side: longer side of the scene detector's pictures.
    doubtful_sightings, doubtful_presence: a track of at most so many sightings whose meshes are all less likely than
    this must be confirmed by another detector."""

    workers: int = 2
    weak: float = 0.2
    meshed: float = 0.35
    strong: float = 0.6
    gap: int = 20
    stretch: int = 12
    small_side: int = 160
    doubtful_sightings: int = 8
    doubtful_presence: float = 0.3


def run(
    frames: OpenFrames,
    size: tuple[int, int],
    scenes: SceneConsumer,
    detector: Detector,
    confirming: Detector,
    landmarker: Landmarker,
    settings: FaceSettings,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[int, Image], None] | None = None,
) -> tuple[tuple[Scene, ...], Tracks]:
    """Return the scenes and all face tracks of a video.

    frames: opens the decoded frames. size: (width, height). confirming: another detector, asked about the few sightings
    that no mesh supports; only where it sees nothing either are they dropped. progress: told the frames done. watch:
    shown every frame, by several threads.
    """

    def look(some: list[YuvFrame]) -> list[tuple[list[Seen], Image]]:
        images = [frame.to_bgr() for frame in some]
        if watch is not None:
            for frame, image in zip(some, images, strict=True):
                watch(frame.index, image)
        found = zip(some, images, detector.detect(images), strict=True)
        return [(_seen(i, faces, landmarker, settings), f.small_bgr(settings.small_side)) for f, i, faces in found]

    # Batches are large enough to be worth a thread each; single frames are not, so more of them are in flight.
    window = settings.workers + 1 if detector.batch > 1 else 2 * settings.workers + 2
    seen: list[list[Seen]] = []
    with frames() as stream:
        for looks in ordered(look, batches(stream, detector.batch), settings.workers, window):
            for sightings, small in looks:
                scenes.push(len(seen), small)
                seen.append(sightings)
            if progress is not None:
                progress(len(seen))
    found = scenes.finish(len(seen))
    drafts = tracking.link(seen, found, strong=settings.strong, weak=settings.weak, gap=settings.gap)
    drafts = _confirmed(frames, drafts, confirming, settings)
    by_index = {scene.index: scene for scene in found}
    spans = [tracking.span(draft, by_index[draft.scene], settings.stretch) for draft in drafts]
    extra = _second_look(frames, drafts, spans, landmarker, settings)
    tracks = tuple(
        _assemble(index, draft, span, extra.get(index, {}), size)
        for index, (draft, span) in enumerate(zip(drafts, spans, strict=True))
    )
    return found, Tracks(tracks, len(seen), *size)


def _seen(image: Image, found: Sequence[Face], landmarker: Landmarker, settings: FaceSettings) -> list[Seen]:
    faces = [face for face in found if face.score >= settings.weak]
    located = [face for face in faces if face.score >= settings.meshed]
    meshes = iter(landmarker.locate([image] * len(located), located))
    return [Seen(face, next(meshes) if face.score >= settings.meshed else _no_mesh()) for face in faces]


def _no_mesh() -> Mesh:
    return Mesh(np.full((478, 3), np.nan, np.float32), 0.0, np.zeros(52, np.float32))


def doubtful(draft: Draft, settings: FaceSettings) -> bool:
    """Whether a track is a few sightings that no mesh supports: a hand, a pattern, or a face nobody sees well."""
    supported = max(seen.mesh.presence for seen in draft.seen.values())
    return len(draft.seen) <= settings.doubtful_sightings and supported < settings.doubtful_presence


def _confirmed(
    frames: OpenFrames, drafts: Sequence[Draft], confirming: Detector, settings: FaceSettings
) -> list[Draft]:
    """The drafts without those doubtful ones that the confirming detector does not see on any of their frames."""
    asked = [draft for draft in drafts if doubtful(draft, settings)]
    wanted = {frame for draft in asked for frame in draft.seen}
    believed: list[Draft] = []
    if wanted:
        final = max(wanted)
        with frames() as stream:
            for frame in stream:
                if frame.index in wanted:
                    found = confirming.detect([frame.to_bgr()])[0]
                    believed += [
                        draft
                        for draft in asked
                        if frame.index in draft.seen
                        and any(tracking.overlap(face.box, draft.seen[frame.index].face.box) > 0.2 for face in found)
                    ]
                if frame.index >= final:
                    break
    return [draft for draft in drafts if draft not in asked or draft in believed]


def _second_look(
    frames: OpenFrames,
    drafts: Sequence[Draft],
    spans: Sequence[tuple[int, int]],
    landmarker: Landmarker,
    settings: FaceSettings,
) -> dict[int, dict[int, Mesh]]:
    """Meshes for the frames of each track that have none yet: track -> frame -> mesh."""
    wanted: dict[int, list[tuple[int, Face]]] = {}
    for index, (draft, (first, last)) in enumerate(zip(drafts, spans, strict=True)):
        boxes, points = tracking.fill(draft, first, last)
        for frame in range(first, last + 1):
            if frame not in draft.seen or draft.seen[frame].mesh.presence == 0.0:
                face = Face(boxes[frame - first], 0.0, points[frame - first])
                wanted.setdefault(frame, []).append((index, face))
    result: dict[int, dict[int, Mesh]] = {}
    if not wanted:
        return result
    final = max(wanted)

    def chosen(stream: Iterator[YuvFrame]) -> Iterator[YuvFrame]:
        for frame in stream:
            if frame.index in wanted:
                yield frame
            if frame.index >= final:
                return

    def look(frame: YuvFrame) -> tuple[int, list[Mesh]]:
        image = frame.to_bgr()
        faces = [face for _, face in wanted[frame.index]]
        return frame.index, landmarker.locate([image] * len(faces), faces)

    with frames() as stream:
        for index, meshes in ordered(look, chosen(stream), settings.workers, 2 * settings.workers + 2):
            for (track, _), mesh in zip(wanted[index], meshes, strict=True):
                result.setdefault(track, {})[index] = mesh
    return result


def _assemble(index: int, draft: Draft, span: tuple[int, int], extra: dict[int, Mesh], size: tuple[int, int]) -> Track:
    """Put a track together. Stretched ends are kept only as far as the second look sees a face there."""
    first, last = span
    while first < draft.first and extra[first].presence < 0.5:
        first += 1
    while last > draft.last and extra[last].presence < 0.5:
        last -= 1
    boxes, points = tracking.fill(draft, first, last)
    meshes: list[Mesh] = []
    for frame in range(first, last + 1):
        seen = draft.seen.get(frame)
        meshes.append(extra[frame] if seen is None or seen.mesh.presence == 0.0 else seen.mesh)
    coordinates = np.stack([mesh.points for mesh in meshes])
    return Track(
        index=index,
        scene=draft.scene,
        first=first,
        boxes=boxes,
        points=points,
        detected=np.array([frame in draft.seen for frame in range(first, last + 1)]),
        mesh=coordinates,
        presence=np.array([mesh.presence for mesh in meshes], np.float32),
        blendshapes=np.stack([mesh.blendshapes for mesh in meshes]),
        angles=np.stack([pose.angles(points_, *size) for points_ in coordinates]),
    )
