"""What the stage tests share: made tracks and frames, and stand-ins for networks whose answers a test chooses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from infra.media.decode import open_frames
from infra.media.frame import YuvFrame
from infra.media.probe import probe_video
from infra.media.turn import OpenFrames
from infra.settings import Settings
from models.detection import turned
from models.interfaces.capabilities import Face, Floats, Image, Mesh
from models.interfaces.twins import AT_REST, AnimatedFace, DrivingMotion, Patch, Strength, Twin
from models.landmarks import pose, topology
from models.masks.bisenet import LABELS
from tasks.analysis import faces, framing, scenes
from tasks.analysis.analysis import Analysis
from tasks.analysis.attributes import PeopleAttributes
from tasks.analysis.faces import Scan
from tasks.analysis.frame_source import FrameSource, LocalFile
from tasks.analysis.identities import Identities, Identity
from tasks.analysis.motion import DrivingMotions
from tasks.analysis.motion import run as drive
from tasks.analysis.samples import Sample, Samples
from tasks.analysis.settings import FaceSettings, MotionLimits
from tasks.audit import residual
from tasks.audit.recognisers import Reference
from tasks.audit.residual import FaceSearch
from tasks.generation import limits
from tasks.generation.controls import Controls
from tasks.generation.limits import InPlace
from tasks.records import References, Scene, Track, Tracks
from tests.contracts import support as contracts

WIDTH, HEIGHT = 320, 240


def box(x: float, y: float, side: float) -> Floats:
    """(4,) square box around (x, y)."""
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2], np.float32)


def points(x: float, y: float, side: float) -> Floats:
    """(5, 2) eyes, nose and mouth corners of a face around (x, y)."""
    rough = np.array([[-0.2, -0.15], [0.2, -0.15], [0, 0.05], [-0.15, 0.25], [0.15, 0.25]])
    return (rough * side + (x, y)).astype(np.float32)


def face(x: float, y: float, side: float, score: float = 0.9) -> Face:
    return Face(box(x, y, side), score, points(x, y, side))


def mesh(x: float, y: float, side: float) -> Floats:
    """(478, 3) mean face that fills a box of this side."""
    flat = pose.mean_face()
    return (flat * side / float(np.ptp(flat[:, 1])) + (x, y, 0)).astype(np.float32)


def track(
    index: int = 0, first: int = 0, n: int = 8, x: float = 160, y: float = 120, side: float = 90, step: float = 0.0
) -> Track:
    """A frontal face that moves `step` pixels to the right on each frame."""
    places = [(x + step * i, y) for i in range(n)]
    meshes = np.stack([mesh(*place, side) for place in places])
    return Track(
        index=index,
        scene=0,
        first=first,
        boxes=np.stack([box(*place, side) for place in places]),
        points=np.stack([points(*place, side) for place in places]),
        detected=np.ones(n, bool),
        mesh=meshes,
        presence=np.ones(n, np.float32),
        blendshapes=np.zeros((n, 52), np.float32),
        angles=np.zeros((n, 3), np.float32),
    )


def tracks(*some: Track, frames: int = 8, width: int = WIDTH, height: int = HEIGHT) -> Tracks:
    return Tracks(some, frames, width, height)


def samples(found: Tracks, rows: Sequence[int] = (0, 4)) -> Samples:
    """Samples of made tracks that show noise; each crop is the whole frame."""
    rng = np.random.default_rng(5)
    crop = rng.integers(60, 200, (found.height, found.width, 3)).astype(np.uint8)
    return Samples(tuple(sample(t, row, crop, row == rows[0]) for t in found.tracks for row in rows))


def sample(track: Track, row: int, crop: Image, tied: bool = True) -> Sample:
    """A sample of a track whose crop is the whole frame."""
    seen = Face(track.boxes[row], 1.0, topology.five_points(track.mesh[row]))
    return Sample(track.index, row, track.first + row, 0, 0, crop, tied, seen)


def people(found: Tracks, dimension: int = 4) -> Identities:
    """One identity per track, each with a direction of its own as embedding."""
    some = []
    for number, one in enumerate(found.tracks):
        vector = np.eye(dimension, dtype=np.float32)[number]
        some.append(Identity(number, (one.index,), vector[None], vector))
    return Identities(tuple(some), "fake")


SOURCE = Reference(np.eye(4, dtype=np.float32)[0], 0.5)
"""Somebody from whom `Embedder` tells the distance, to be kept at more than 0.5."""


def controls(found: Samples, identity: Identity, judges: int = 0) -> Controls:
    """Control strangers by whom a face is too near up to 0.6, or 0.744 where it would be an outlier among them; the
    source's own samples lie within 0.2 and strangers at 1."""
    own = [s for s in found.samples if s.track in identity.tracks]
    source = limits.source_of(np.repeat(np.eye(4, dtype=np.float32)[:1], len(own), axis=0), own)
    measured = InPlace(np.full(len(own), 0.2, np.float32), np.ones((8, 3), np.float32))
    count = 1 + judges
    return Controls(
        "strangers", tuple(range(8)), (measured,) * count, (source,) * count,
        (0.6,) * count, (np.full(8, 0.9, np.float32),) * count, 0.25,
    )  # fmt: skip


def drivings(found: Tracks, identities: Identities) -> DrivingMotions:
    return drive(found, identities, MotionLimits(least_frames=1))


def analysis(found: Tracks, people: Identities, drivings: DrivingMotions, opened: OpenFrames) -> Analysis:
    """What was found about an input of which nothing but tracks, people and motion is needed."""
    unused: Any = None
    source = FrameSource(
        LocalFile(unused, ""), opened, (found.width, found.height), found.frame_count, OneScene, unused, unused
    )
    looks = PeopleAttributes(())
    return Analysis(source, Scan((), found), Samples(()), people, looks, drivings, References(()))


def yuv(picture: Image, index: int = 0) -> YuvFrame:
    """A 4:2:0 frame of a BGR picture with even sides."""
    height, width = picture.shape[:2]
    return YuvFrame(index, index, width, height, cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420))


Opener = Callable[[], AbstractContextManager[Iterator[YuvFrame]]]


def opener(pictures: Sequence[Image | YuvFrame]) -> Opener:
    """Opens copies of these pictures as a stream, as often as one likes."""

    @contextlib.contextmanager
    def open_() -> Iterator[Iterator[YuvFrame]]:
        yield iter([p.copy() if isinstance(p, YuvFrame) else yuv(p, i) for i, p in enumerate(pictures)])

    return open_


def noise(count: int = 8, width: int = WIDTH, height: int = HEIGHT, seed: int = 3) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [rng.integers(40, 210, (height, width, 3)).astype(np.uint8) for _ in range(count)]


class OneScene:
    """Watches small frames go by and takes them all for one scene."""

    def push(self, frame_index: int, small_bgr: Image) -> None:
        assert small_bgr.ndim == 3 and frame_index >= 0

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        return (Scene(0, 0, 0, frame_count - 1),)


def found_in(pictures: Sequence[Image]) -> Tracks:
    """The face tracks of real pictures, by the networks of the embedded profile."""
    detector, confirming = (contracts.load("detector", name) for name in ("retinaface-mobilenet", "centerface"))
    size = (pictures[0].shape[1], pictures[0].shape[0])
    mesh_network = contracts.load("landmarker", "mesh")
    networks = faces.FaceNetworks(detector, confirming, mesh_network)
    return faces.run(opener(pictures), size, OneScene(), networks, FaceSettings())[1]


def scenes_of(source: Path, settings: Settings) -> tuple[Scene, ...]:
    """The scenes of a clip, in a pass of its own."""
    info = probe_video(source)
    consumer = scenes.consumer_for(settings, source, info)
    with open_frames(source, info) as frames:
        for frame in frames:
            consumer.push(frame.index, frame.small_bgr(settings.scene_side))
    return consumer.finish(info.frame_count)


def first_frames(path: Path, count: int) -> list[Image]:
    """The first frames of a clip, their sides even."""
    reader = cv2.VideoCapture(str(path))
    pictures = [np.asarray(reader.read()[1], np.uint8) for _ in range(count)]
    reader.release()
    return [one[: one.shape[0] // 2 * 2, : one.shape[1] // 2 * 2].copy() for one in pictures]


class Sink:
    """Keeps copies of what is written."""

    def __init__(self) -> None:
        self.frames: list[YuvFrame] = []

    def write(self, frame: YuvFrame) -> None:
        self.frames.append(frame.copy())


class Search:
    """A search for residual faces that finds the same ones on every frame, and notes which looks were thorough."""

    every = 10

    def __init__(self, found: Sequence[Face], confirms: bool = True) -> None:
        self.found, self.confirms = list(found), confirms
        self.thorough: list[bool] = []

    def find(self, image: Image, thorough: bool) -> list[Face]:
        self.thorough.append(thorough)
        return self.found

    def confirmed(self, image: Image, faces: Sequence[Face], replaced: Sequence[Floats] = ()) -> list[Face]:
        loose = [face for face in faces if not any(residual.belongs(face, box) for box in replaced)]
        return loose if self.confirms else []


def search(**options: bool | int) -> FaceSearch:
    """The real search, as the audit uses it."""
    names = ("yunet", "retinaface-mobilenet", "centerface")
    return FaceSearch(
        contracts.load("detector", "yunet", long_side=turned.AS_IT_IS, min_score=residual.CANDIDATE),
        tuple(contracts.load("detector", name, long_side=framing.UPRIGHT, min_score=0.1) for name in names),
        contracts.load("landmarker", "mesh"),
        **options,
    )


class Detector:
    """Sees the faces it was given, the same ones on every frame or a list per call."""

    name = "fake"
    batch = 1

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces = list(faces)

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        return [list(self.faces) for _ in frames]


class Landmarker:
    """Puts the mean face into every box; `present` decides the presence."""

    name = "fake"

    def __init__(self, present: Callable[[Face], float] = lambda _: 1.0) -> None:
        self.present = present

    def locate(self, frames: Sequence[Image], faces: Sequence[Face]) -> list[Mesh]:
        result = []
        for one in faces:
            x, y = (one.box[:2] + one.box[2:]) / 2
            result.append(Mesh(mesh(float(x), float(y), one.size), self.present(one), np.zeros(52, np.float32)))
        return result


class Parser:
    """Takes everything for skin."""

    name, labels = "fake", LABELS

    def parse(self, crops: Sequence[Image]) -> list[Image]:
        return [np.ones(crop.shape[:2], np.uint8) for crop in crops]


class Embedder:
    """Answers with the distance to the first axis that `far` gives for a face: row 0 of a unit vector is 1 - far."""

    name, dimension = "fake", 4

    def __init__(self, far: Callable[[Image, Face], float]) -> None:
        self.far = far

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        rows = np.zeros((len(faces), self.dimension), np.float32)
        for row, frame, one in zip(rows, frames, faces, strict=True):
            near = 1.0 - self.far(frame, one)
            row[0], row[1] = near, np.sqrt(max(1.0 - near * near, 0.0))
        return rows


@dataclass(frozen=True)
class Painting:
    """Fills one row's box with one colour."""

    colour: tuple[int, int, int]
    mesh: Floats

    def paint(self, frame: Image) -> Patch | None:
        low = np.maximum(self.mesh[:468, :2].min(axis=0), 0).astype(int) // 2 * 2
        high = np.minimum(self.mesh[:468, :2].max(axis=0), frame.shape[1::-1]).astype(int) // 2 * 2
        pixels = np.full((high[1] - low[1], high[0] - low[0], 3), self.colour, np.uint8)
        middle = (low + high) / 2
        where = np.concatenate([low, high]).astype(np.float32)
        return Patch(int(low[0]), int(low[1]), pixels, points(*middle, float(high[0] - low[0])), where)


class Painter:
    """A motion model that fills the face's box with one colour, and refuses what is not usable.

    batch: rows that it asks for at a time; `asked` notes those it got. columns: what it reads is the frame's mean.
    """

    name = "fake"

    def __init__(self, colour: tuple[int, int, int] = (20, 90, 170), batch: int = 1, columns: int = 0) -> None:
        self.colour, self.batch, self.columns = colour, batch, columns
        self.asked: list[list[int]] = []

    def observe(self, frames: Sequence[Image], drivings: Sequence[DrivingMotion], rows: Sequence[int]) -> Floats:
        return np.stack([np.full(self.columns, frame.mean(), np.float32) for frame in frames])

    def prepare(self, twin: Twin, driving: DrivingMotion, row: int, frame: Image, strength: Strength) -> Twin:
        return twin

    def animate(
        self, twin: Twin, driving: DrivingMotion, rows: Sequence[int], strength: Strength
    ) -> list[AnimatedFace | None]:
        self.asked.append(list(rows))
        return [Painting(self.colour, driving.meshes[row]) if driving.usable[row] else None for row in rows]


def twin(candidate: int = 0) -> Twin:
    """A twin that only stand-ins can paint, but with a whole mesh."""
    picture = np.full((128, 128, 3), 128, np.uint8)
    return Twin(picture, mesh(64, 64, 100), candidate, AT_REST, np.zeros(4, np.float32))
