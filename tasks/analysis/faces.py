"""Scenes, faces and tracks (AnonNET sections 3.2 and 3.3): every face on every frame, with its mesh.

The video is decoded once for shot boundaries and faces together; a second, partial look places the mesh on frames
where the detector missed a face that its neighbours have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from infra.media.frame import YuvFrame
from infra.media.turn import OpenFrames
from infra.process.parallel import batches, ordered
from infra.settings import Settings
from models.detection.looks import looks
from models.detection.turned import AS_IT_IS, DIAGONALS, QUARTERS, Look, TurnedDetector
from models.interfaces.capabilities import Detector, Face, Image, Landmarker, Mesh
from models.landmarks import pose
from tasks.analysis import scenes, tracking
from tasks.analysis.frame_source import FrameSource
from tasks.analysis.orientation import OrientationVotes
from tasks.analysis.settings import FaceSettings, SceneConsumer
from tasks.analysis.tracking import Draft, Seen
from tasks.records import Scene, Track, Tracks
from tasks.stage import Work, stage

VERSION = 4


@dataclass(frozen=True)
class Scan:
    """Result of the pass that finds scenes and faces together.

    Attributes:
        scenes: In order, over all frames.
        tracks: In the coordinates of the turned frames.
        turn: Degrees clockwise by which the frames were turned so that the faces stand most upright.
    """

    scenes: tuple[Scene, ...]
    tracks: Tracks
    turn: int = 0


def _parameters(settings: Settings) -> dict[str, str]:
    names = ("scene_backend", "scene_threshold", "scene_similarity", "scene_side", "detector_side")
    return {name: str(value) for name, value in settings.parameters(*names).items()}


@stage(
    "detect scenes and track faces",
    "faces",
    VERSION,
    "3.2 (1), 3.3",
    ("detector", "confirming_detector", "landmarker"),
    _parameters,
    covers=(("scenes", scenes.VERSION),),
)
def track_faces(work: Work, video: FrameSource) -> Scan:
    """Decode an input once for its scenes and faces, and once more turned where its faces lie on their side.

    Args:
        work: Loads the networks; holds the settings.
        video: The input.

    Returns:
        Scenes, tracks and the turn in degrees.
    """
    settings = work.settings
    detector, confirming = detectors(work, video)
    votes = OrientationVotes(detector, settings.detector_side)

    def look(some: FrameSource, watch: Callable[[int, Image], None] | None) -> tuple[tuple[Scene, ...], Tracks]:
        chosen = replace(some.faces, workers=settings.threads, small_side=settings.scene_side)
        networks = FaceNetworks(detector, confirming, work.load("landmarker"))
        return run(some.open, some.size, some.scenes(), networks, chosen, work.advance, watch)

    found, tracks = look(video, votes.push)
    turn = votes.turn()
    if turn:
        found, tracks = look(video.turned(turn), None)
    return Scan(found, tracks, turn)


def detectors(work: Work, video: FrameSource) -> tuple[Detector, Detector]:
    """Return the detector and the confirming one for an input.

    A still can be looked at from all sides and closely, where all frames of a video cannot.

    Args:
        work: Loads them.
        video: The input.

    Returns:
        Both detectors.
    """
    side, weak, doubtful = work.settings.detector_side, video.faces.weak, 0.3
    if video.frames > 1:
        return (
            work.load("detector", long_side=side, min_score=weak),
            work.load("confirming_detector", min_score=doubtful),
        )
    from_all_sides = [Look(angle, side) for angle in (*QUARTERS, *DIAGONALS)]
    return (
        TurnedDetector(
            work.load("detector", long_side=AS_IT_IS, min_score=weak),
            lambda width, height: looks(width, height, thorough=True, still=True),
        ),
        TurnedDetector(
            work.load("confirming_detector", long_side=AS_IT_IS, min_score=doubtful),
            lambda width, height: from_all_sides,
        ),
    )


@dataclass(frozen=True)
class FaceNetworks:
    """The networks that find faces.

    Attributes:
        detector: Looks at every frame.
        confirming: Is asked about the few sightings that no mesh supports; only where it sees nothing either are they
            dropped.
        landmarker: Places the meshes.
    """

    detector: Detector
    confirming: Detector
    landmarker: Landmarker


def run(
    frames: OpenFrames,
    size: tuple[int, int],
    consumer: SceneConsumer,
    networks: FaceNetworks,
    settings: FaceSettings,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[int, Image], None] | None = None,
) -> tuple[tuple[Scene, ...], Tracks]:
    """Find the scenes and all face tracks of a video.

    Args:
        frames: Opens the decoded frames.
        size: (width, height) in pixels.
        consumer: Is shown every frame, small.
        networks: Find the faces.
        settings: How they are found.
        progress: Called with the number of frames done.
        watch: Is shown every frame, by several threads.

    Returns:
        The scenes and the tracks.
    """
    detector, landmarker = networks.detector, networks.landmarker

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
                consumer.push(len(seen), small)
                seen.append(sightings)
            if progress is not None:
                progress(len(seen))
    found = consumer.finish(len(seen))
    drafts = tracking.link(seen, found, strong=settings.strong, weak=settings.weak, gap=settings.gap)
    drafts = _confirmed(frames, drafts, networks.confirming, settings)
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
    """Return whether a track is a few sightings that no mesh supports: a hand, a pattern, or a face that is badly seen.

    Args:
        draft: The track.
        settings: Its limits, `doubtful_sightings` and `doubtful_presence`.

    Returns:
        Whether another detector must confirm it.
    """
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
