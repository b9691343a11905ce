"""The stages that do not depend on the twins, in order, with their cache keys: the same for videos and pictures."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace

from flows.recipes import auditing
from flows.recipes.stage_runner import Steps
from flows.run.progress import Advance
from infra.media.turn import open_turned
from models.detection.turned import AS_IT_IS, DIAGONALS, QUARTERS, Look, TurnedDetector
from models.embedding.calibration import calibration
from models.interfaces.capabilities import Detector, Floats, Image
from models.selection import profiles
from tasks.analysis import attributes, faces, identities, motion, samples
from tasks.analysis.attributes import Appearances
from tasks.analysis.faces import FaceSettings, OpenFrames, SceneConsumer
from tasks.analysis.identities import Identities
from tasks.analysis.motion import Drivings, MotionLimits
from tasks.analysis.orientation import OrientationVotes
from tasks.analysis.samples import Samples
from tasks.audit import residual
from tasks.records import Scene, Tracks

_LATER = ("embedder", "audit_embedders", "age_gender", "emotion", "ethnicity", "parser", "inpainter")
"""Roles whose networks are loaded while faces are still being looked for, in the order of their use."""


@dataclass(frozen=True)
class Footage:
    """One input, ready to be read.

    open: its decoded frames. size: (width, height). frames: their number. scenes: makes a consumer. turn: degrees
    clockwise by which the frames are turned against the file's.
    """

    open: OpenFrames
    size: tuple[int, int]
    frames: int
    scenes: Callable[[], SceneConsumer]
    limits: MotionLimits = field(default_factory=MotionLimits)
    faces: FaceSettings = field(default_factory=FaceSettings)
    turn: int = 0

    def turned(self, angle: int) -> Footage:
        """The same input with its frames turned clockwise by 0, 90, 180 or 270 degrees."""
        size = self.size[::-1] if angle % 180 else self.size
        return replace(self, open=open_turned(self.open, angle), size=size, turn=(self.turn + angle) % 360)


@dataclass(frozen=True)
class Scan:
    """Result of the pass that finds scenes and faces together. turn: degrees clockwise by which the frames were turned
    so that most of the faces stand upright; the tracks are in the coordinates of the turned frames."""

    scenes: tuple[Scene, ...]
    tracks: Tracks
    turn: int = 0


@dataclass(frozen=True)
class Material:
    """Everything about the faces that does not depend on the twins. digest: of all of it, for later keys.

    references: embeddings of all sources, (n, D) per judge of the audit. footage: the input, turned as the tracks are.
    """

    footage: Footage
    scan: Scan
    samples: Samples
    identities: Identities
    appearances: Appearances
    drivings: Drivings
    references: list[Floats]
    digest: str


def gather(steps: Steps, footage: Footage) -> Material:
    """Run the stages from faces to references, or take them from the cache, and note what was counted."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside") as beside:
        warm = beside.submit(steps.warm, _LATER)
        scan, d_scan = _scan(steps, footage)
        footage = footage.turned(scan.turn)
        tracks = scan.tracks
        found, d_samples = steps.cached(
            "samples",
            samples.VERSION,
            Samples,
            lambda _: samples.run(footage.open, tracks, steps.load("landmarker")),
            (d_scan,),
            ("landmarker",),
        )
        warm.result()
        # The references need other networks than the identities and attributes, so both go on at the same time.
        here = contextvars.copy_context()
        judged = beside.submit(here.run, auditing.references, steps, found, (d_samples,))
        people, d_people = _identities(steps, tracks, found, (d_scan, d_samples))
        looks, d_looks = _attributes(steps, tracks, found, people, (d_scan, d_samples, d_people))
        drivings, d_motion = steps.cached(
            "motion",
            motion.VERSION,
            Drivings,
            lambda advance: motion.run(tracks, people, footage.limits, footage.open, steps.load("motion"), advance),
            (d_scan, d_people),
            ("motion",),
            parameters=asdict(footage.limits),
        )
        sources, d_sources = judged.result()
    steps.context.found(
        scenes=len({scene.scene_id for scene in scan.scenes}),
        tracks=len(tracks.tracks),
        identities=len(people.identities),
        turned=scan.turn,
    )
    digest = "-".join((d_scan, d_samples, d_people, d_looks, d_motion, d_sources))
    return Material(footage, scan, found, people, looks, drivings, list(sources.vectors), digest)


def _scan(steps: Steps, footage: Footage) -> tuple[Scan, str]:
    settings = steps.context.settings

    def scan(advance: Advance) -> Scan:
        detector, confirming = detectors(steps, footage)
        votes = OrientationVotes(detector, settings.detector_side)

        def look(some: Footage, watch: Callable[[int, Image], None] | None) -> tuple[tuple[Scene, ...], Tracks]:
            return faces.run(
                some.open,
                some.size,
                some.scenes(),
                detector,
                confirming,
                steps.load("landmarker"),
                replace(some.faces, workers=settings.threads, small_side=settings.scene_side),
                advance,
                watch,
            )

        scenes, tracks = look(footage, votes.push)
        turn = votes.turn()
        if turn:
            scenes, tracks = look(footage.turned(turn), None)
        return Scan(scenes, tracks, turn)

    chosen = settings.parameters("scene_backend", "scene_threshold", "scene_similarity", "scene_side", "detector_side")
    # The number of threads changes nothing in the result.
    parameters = {name: str(value) for name, value in chosen.items()} | asdict(replace(footage.faces, workers=0))
    roles = ("detector", "confirming_detector", "landmarker")
    return steps.cached("faces", faces.VERSION, Scan, scan, (steps.context.digest,), roles, parameters)


def detectors(steps: Steps, footage: Footage) -> tuple[Detector, Detector]:
    """The detector and the confirming one. A still can be looked at from all sides and closely, where all frames of a
    video cannot."""
    side, weak, doubtful = steps.context.settings.detector_side, footage.faces.weak, 0.3
    if footage.frames > 1:
        return (
            steps.load("detector", long_side=side, min_score=weak),
            steps.load("confirming_detector", min_score=doubtful),
        )
    from_all_sides = [Look(angle, side) for angle in (*QUARTERS, *DIAGONALS)]
    return (
        TurnedDetector(
            steps.load("detector", long_side=AS_IT_IS, min_score=weak),
            lambda width, height: residual.looks(width, height, thorough=True, still=True),
        ),
        TurnedDetector(
            steps.load("confirming_detector", long_side=AS_IT_IS, min_score=doubtful),
            lambda width, height: from_all_sides,
        ),
    )


def _identities(steps: Steps, tracks: Tracks, found: Samples, inputs: tuple[str, ...]) -> tuple[Identities, str]:
    embedder = profiles.roles(steps.context.settings)["embedder"].backends[0]
    same = calibration(embedder).eer_distance
    return steps.cached(
        "identities",
        identities.VERSION,
        Identities,
        lambda _: identities.run(tracks, found, steps.load("embedder"), same),
        inputs,
        ("embedder",),
        {"threshold": same},
    )


def _attributes(
    steps: Steps, tracks: Tracks, found: Samples, people: Identities, inputs: tuple[str, ...]
) -> tuple[Appearances, str]:
    roles = ["age_gender", "emotion", "parser"]
    if "ethnicity" in profiles.roles(steps.context.settings):
        roles.append("ethnicity")
    return steps.cached(
        "attributes",
        attributes.VERSION,
        Appearances,
        lambda _: attributes.run(tracks, found, people, *(steps.load(role) for role in roles)),
        inputs,
        tuple(roles),
    )
