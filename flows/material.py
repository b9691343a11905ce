"""The stages that do not depend on the twins, in order, with their cache keys: the same for videos and pictures."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace

from flows import judging
from flows.progress import Advance
from flows.steps import Steps
from models import profiles
from models.capabilities import Floats
from models.embedding.calibration import calibration
from tasks import attributes, faces, identities, motion, samples
from tasks.attributes import Appearances
from tasks.faces import FaceSettings, OpenFrames, SceneConsumer
from tasks.identities import Identities
from tasks.motion import Drivings, MotionLimits
from tasks.records import Scene, Tracks
from tasks.samples import Samples

_LATER = ("embedder", "audit_embedders", "age_gender", "emotion", "ethnicity", "parser", "inpainter")
"""Roles whose networks are loaded while faces are still being looked for, in the order of their use."""


@dataclass(frozen=True)
class Footage:
    """One input, ready to be read.

    open: its decoded frames. size: (width, height). frames: their number. scenes: makes a consumer.
    """

    open: OpenFrames
    size: tuple[int, int]
    frames: int
    scenes: Callable[[], SceneConsumer]
    limits: MotionLimits = field(default_factory=MotionLimits)
    faces: FaceSettings = field(default_factory=FaceSettings)


@dataclass(frozen=True)
class Scan:
    """Result of the pass that finds scenes and faces together."""

    scenes: tuple[Scene, ...]
    tracks: Tracks


@dataclass(frozen=True)
class Material:
    """Everything about the faces that does not depend on the twins. digest: of all of it, for later keys.

    references: embeddings of all sources, (n, D) per judge of the audit.
    """

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
        tracks = scan.tracks
        found, d_samples = steps.cached(
            "samples", samples.VERSION, Samples, lambda _: samples.run(footage.open, tracks), (d_scan,)
        )
        warm.result()
        # The references need other networks than the identities and attributes, so both go on at the same time.
        here = contextvars.copy_context()
        judged = beside.submit(here.run, judging.references, steps, tracks, found, (d_scan, d_samples))
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
    )
    digest = "-".join((d_scan, d_samples, d_people, d_looks, d_motion, d_sources))
    return Material(scan, found, people, looks, drivings, list(sources.vectors), digest)


def _scan(steps: Steps, footage: Footage) -> tuple[Scan, str]:
    settings = steps.context.settings

    def scan(advance: Advance) -> Scan:
        scenes, tracks = faces.run(
            footage.open,
            footage.size,
            footage.scenes(),
            steps.load("detector", long_side=settings.detector_side, min_score=footage.faces.weak),
            steps.load("confirming_detector", min_score=0.3),
            steps.load("landmarker"),
            replace(footage.faces, workers=settings.threads, small_side=settings.scene_side),
            advance,
        )
        return Scan(scenes, tracks)

    chosen = settings.parameters("scene_backend", "scene_threshold", "scene_similarity", "scene_side", "detector_side")
    # The number of threads changes nothing in the result.
    parameters = {name: str(value) for name, value in chosen.items()} | asdict(replace(footage.faces, workers=0))
    roles = ("detector", "confirming_detector", "landmarker")
    return steps.cached("faces", faces.VERSION, Scan, scan, (steps.context.digest,), roles, parameters)


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
