"""The stages between probe and publish, in order, with their cache keys: the same for videos and pictures.

A round makes the twins, renders and audits. What the audit finds goes into the next round: a recognised identity gets
another, stronger twin; a stray face is redacted. When the tries are used up, the policy decides between redaction and
withholding. Nothing leaves this module that did not pass the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from flows.context import Context
from infra.cache import Key
from infra.errors import Withheld
from infra.media.frame import YuvFrame
from infra.settings import OnFailure
from models import profiles
from models.capabilities import Floats
from models.embedding.calibration import calibration
from tasks import attributes, audit, faces, gallery, identities, motion, samples, twin
from tasks.attributes import Appearances
from tasks.audit import Judge, Report
from tasks.faces import FaceSettings, SceneConsumer
from tasks.identities import Identities, Identity
from tasks.motion import Drivings, MotionLimits
from tasks.reassemble import Extra, Painted
from tasks.records import Attempt, Scene, Tracks, Verdict
from tasks.samples import Samples
from tasks.twin import TwinResult, TwinSettings

OpenFrames = Callable[[], AbstractContextManager[Iterator[YuvFrame]]]
T = TypeVar("T")

STRAY_ROUNDS = 3
SMALL_FACE = 64.0
"""Side in pixels. Faces that never get larger are redacted, whatever the policy, when the audit will not let their twin
pass: embedders cannot tell strangers apart at that size, and a flat fill loses little."""
SMALL_ATTEMPTS = 2
_STRAY_REACH = 8


@dataclass(frozen=True)
class Scan:
    """Result of the pass that finds scenes and faces together."""

    scenes: tuple[Scene, ...]
    tracks: Tracks


@dataclass(frozen=True)
class Material:
    """Everything about the faces that does not depend on the twins. digest: of all of it, for later keys."""

    scan: Scan
    samples: Samples
    identities: Identities
    appearances: Appearances
    drivings: Drivings
    references: list[Floats]
    digest: str


@dataclass(frozen=True)
class Rendered:
    """A finished, not yet audited result: how to open its frames, and what was done to the faces."""

    frames: OpenFrames
    painted: Painted


Render = Callable[["Chain", list[TwinResult], list[Extra], Material], Rendered]


@dataclass
class Chain:
    """One input on its way through the stages.

    source: opens the frames of the source. size: (width, height). frames: their number. scenes: makes a consumer.
    """

    context: Context
    source: OpenFrames
    size: tuple[int, int]
    frames: int
    scenes: Callable[[], SceneConsumer]
    limits: MotionLimits = field(default_factory=MotionLimits)
    face_settings: FaceSettings = field(default_factory=FaceSettings)

    def run(self, render: Render) -> tuple[Rendered, Verdict, str]:
        """Return an audited result with its verdict and reason. Raises Withheld."""
        material = self._material()
        evidence = self.context.evidence
        evidence.scenes = len({scene.scene_id for scene in material.scan.scenes})
        evidence.tracks = len(material.scan.tracks.tracks)
        evidence.identities = len(material.identities.identities)
        people = gallery.Gallery(self.context.store, self.context.settings.identity_scope)
        return self._rounds(material, people, render)

    def _rounds(self, material: Material, people: gallery.Gallery, render: Render) -> tuple[Rendered, Verdict, str]:
        twins: dict[int, TwinResult] = {}
        redo = {identity.index: 1 for identity in material.identities.identities}
        extras: list[Extra] = []
        strays_left = STRAY_ROUNDS
        while True:
            for index, first in redo.items():
                twins[index] = self._twin(material, people, twins, index, first)
                self._record(twins)
                self._demand(twins[index], material)
            results = [twins[index] for index in sorted(twins)]
            rendered = render(self, results, extras, material)
            report = self._audit(rendered, material)
            self._note(report, rendered.painted)
            if report.clean:
                return rendered, *self._verdict(results, rendered.painted)
            if report.strays:
                strays_left -= 1
                if strays_left < 0:
                    raise Withheld("stray_face", "The audit still finds a face that was not replaced; look by hand.")
                extras += boxes_of(report, self.frames)
            redo = self._next(report, material, twins)

    def _next(self, report: Report, material: Material, twins: dict[int, TwinResult]) -> dict[int, int]:
        """Identities to try again, with the number of their next attempt; redacts or withholds where tries are out."""
        redo: dict[int, int] = {}
        for identity in material.identities.identities:
            if not set(identity.tracks) & set(report.recognised_tracks):
                continue
            if twins[identity.index].twin is None:
                raise Withheld("audit_recognised", "The audit recognises a face that was covered; look by hand.")
            done = twins[identity.index].attempts
            self._recognised(identity.index, twins)
            self._record(twins)
            small = largest_face(identity, material.scan.tracks) < SMALL_FACE
            if len(done) < min(self.context.settings.max_attempts, SMALL_ATTEMPTS if small else 1000):
                redo[identity.index] = done[-1].number + 1
            elif small or self.context.settings.on_failure is OnFailure.REDACT:
                twins[identity.index] = replace(twins[identity.index], twin=None)
            else:
                raise Withheld("audit_recognised", "The audit recognises the source in the result; tries are used up.")
        return redo

    def _recognised(self, index: int, twins: dict[int, TwinResult]) -> None:
        result = twins[index]
        last = replace(result.attempts[-1], accepted=False, reason="audit_recognised")
        twins[index] = replace(result, attempts=(*result.attempts[:-1], last))

    def _record(self, twins: dict[int, TwinResult]) -> None:
        self.context.evidence.attempts = [a for index in sorted(twins) for a in twins[index].attempts]

    def _demand(self, result: TwinResult, material: Material) -> None:
        """Withhold when an identity that could be replaced got no safe twin and the policy is not redaction."""
        if result.twin is not None or not result.attempts:
            return
        identity = material.identities.identities[result.identity]
        small = largest_face(identity, material.scan.tracks) < SMALL_FACE
        if self.context.settings.on_failure is OnFailure.WITHHOLD and not small:
            raise Withheld(result.attempts[-1].reason, "No twin was far enough from the source; tries are used up.")

    def _verdict(self, results: list[TwinResult], painted: Painted) -> tuple[Verdict, str]:
        redacted = ~painted.replaced
        if not redacted.any():
            return Verdict.PUBLISHED, ""
        if any(result.twin is None and result.attempts for result in results):
            return Verdict.REDACTED, "no_safe_twin"
        if (painted.track[redacted] < 0).any():
            return Verdict.REDACTED, "stray_face"
        return Verdict.REDACTED, "small_turned_or_unclear_face"

    # -- stages ---------------------------------------------------------------------------------------------------

    def _step(
        self,
        stage: str,
        version: int,
        kind: type[T],
        make: Callable[[Callable[[int], None]], T],
        inputs: tuple[str, ...],
        roles: tuple[str, ...] = (),
        parameters: dict[str, Any] | None = None,
    ) -> tuple[T, str]:
        """Run a stage through clock and cache; return its value and digest."""
        names = {role: profiles.profile(self.context.settings.profile)[role] for role in roles}
        hashes = {f"{r}:{n}": profiles.digest(e.capability, n) for r, e in names.items() for n in e.backends}
        key = Key(stage, version, self.context.public_id, inputs, parameters or {}, hashes)
        with self.context.clock.stage(stage, self.frames) as advance:
            made = self.context.cache.get_or_make(key, kind, lambda: make(advance))
        return made.value, made.digest

    def _load(self, role: str, **options: Any) -> Any:
        return profiles.load_role(self.context.settings.profile, role, **options)[0]

    def _material(self) -> Material:
        settings = self.context.settings
        threads = settings.threads
        detector_options = {"long_side": settings.detector_side, "min_score": self.face_settings.weak}

        def scan_now(advance: Callable[[int], None]) -> Scan:
            scenes, tracks = faces.run(
                self.source,
                self.size,
                self.scenes(),
                self._load("detector", **detector_options),
                self._load("confirming_detector", min_score=0.3),
                self._load("landmarker"),
                replace(self.face_settings, workers=threads, small_side=settings.scene_side),
                advance,
            )
            return Scan(scenes, tracks)

        parameters = settings.parameters(
            "scene_backend", "scene_threshold", "scene_similarity", "scene_side", "detector_side"
        )
        chosen = {name: str(value) for name, value in parameters.items()} | asdict(
            replace(self.face_settings, workers=0)
        )
        scan, d_scan = self._step(
            "faces",
            faces.VERSION,
            Scan,
            scan_now,
            (self.context.digest,),
            ("detector", "confirming_detector", "landmarker"),
            chosen,
        )
        tracks = scan.tracks
        found, d_samples = self._step(
            "samples", samples.VERSION, Samples, lambda _: samples.run(self.source, tracks), (d_scan,)
        )
        embedder = profiles.profile(settings.profile)["embedder"].backends[0]
        same = calibration(embedder).eer_distance
        people, d_people = self._step(
            "identities",
            identities.VERSION,
            Identities,
            lambda _: identities.run(tracks, found, self._load("embedder"), same),
            (d_scan, d_samples),
            ("embedder",),
            {"threshold": same},
        )
        looks, d_looks = self._step(
            "attributes",
            attributes.VERSION,
            Appearances,
            lambda _: attributes.run(
                tracks, found, people, self._load("age_gender"), self._load("emotion"), self._load("parser")
            ),
            (d_scan, d_samples, d_people),
            ("age_gender", "emotion", "parser"),
        )
        drivings, d_motion = self._step(
            "motion",
            motion.VERSION,
            Drivings,
            lambda _: motion.run(tracks, people, self.limits),
            (d_scan, d_people),
            (),
            asdict(self.limits),
        )
        refs, d_refs = self._step(
            "references",
            audit.VERSION,
            audit.References,
            lambda _: audit.references(tracks, found, self._load("audit_detector"), self._judges()),
            (d_scan, d_samples),
            ("audit_detector", "audit_embedders"),
        )
        digest = "-".join((d_scan, d_samples, d_people, d_looks, d_motion, d_refs))
        return Material(scan, found, people, looks, drivings, list(refs.vectors), digest)

    def _judges(self) -> list[Judge]:
        loaded = profiles.load_role(self.context.settings.profile, "audit_embedders")
        return [Judge(embedder, calibration(embedder.name).far_1) for embedder in loaded]

    def _twin(
        self, material: Material, people: gallery.Gallery, twins: dict[int, TwinResult], index: int, first: int
    ) -> TwinResult:
        """Find (again) a twin for one identity, from attempt `first` on, keeping the record of earlier attempts."""
        identity = material.identities.identities[index]
        settings = self.context.settings
        earlier: tuple[Attempt, ...] = twins[index].attempts if index in twins else ()
        place = people.place(identity.pooled, f"{self.context.public_id}:{index}")
        strangers, in_use = people.others(place)
        others = [i.pooled for i in material.identities.identities if i.index != index] + strangers
        others += [t.twin.embedding for t in twins.values() if t.twin is not None and t.identity != index]
        taken = tuple(t.twin.candidate for t in twins.values() if t.twin is not None and t.identity != index)
        wanted = TwinSettings(
            threshold=calibration(material.identities.embedder).far_1,
            attempts=settings.max_attempts - len(earlier),
            first=first,
            seed=settings.seed,
        )
        loaded = {role: self._load(role) for role in ("inpainter", "motion", "embedder", "parser")}
        job = twin.Request(
            identity=identity,
            key=place.key,
            prefer=place.candidate if first == 1 else -1,
            others=np.stack(others) if others else np.zeros((0, len(identity.pooled)), np.float32),
            taken=tuple(sorted({*taken, *in_use, *(a.candidate for a in earlier)})),
        )
        result, _ = self._step(
            "twin",
            twin.VERSION,
            TwinResult,
            lambda _: twin.run(
                job,
                material.scan.tracks,
                material.samples,
                material.appearances,
                material.drivings,
                material.identities.embedder,
                loaded["inpainter"],
                loaded["motion"],
                loaded["embedder"],
                loaded["parser"],
                wanted,
            ),
            (material.digest,),
            ("inpainter", "motion", "embedder", "parser"),
            asdict(wanted) | {"request": job.digest()},
        )
        if result.twin is not None and not people.keep(place, identity.pooled, result.twin):
            return self._twin(material, people, twins, index, first)
        return replace(result, attempts=(*earlier, *result.attempts))

    def _audit(self, rendered: Rendered, material: Material) -> Report:
        with self.context.clock.stage("audit", self.frames) as advance:
            return audit.run(
                rendered.frames,
                rendered.painted,
                material.references,
                self._load("audit_detector"),
                self._judges(),
                workers=self.context.settings.threads,
                framing=self._load("detector", long_side=self.context.settings.detector_side),
                progress=advance,
            )

    def _note(self, report: Report, painted: Painted) -> None:
        evidence = self.context.evidence
        evidence.audit = [asdict(score) for score in report.scores]
        evidence.faces_lost = report.lost
        evidence.faces_replaced = int(painted.replaced.sum())
        evidence.faces_redacted = int((~painted.replaced).sum())
        evidence.redacted_tracks = len(set(painted.track[~painted.replaced].tolist()))
        margins = [(score.smallest - score.threshold, score) for score in report.scores if score.worst_frame >= 0]
        if margins:
            worst = min(margins, key=lambda pair: pair[0])[1]
            evidence.worst_frame, evidence.worst_distance = worst.worst_frame, worst.smallest


def largest_face(identity: Identity, tracks: Tracks) -> float:
    """Side in pixels (root of the area) of the identity's largest box."""
    boxes = np.concatenate([tracks.tracks[index].boxes for index in identity.tracks])
    return float(np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).max()))


def boxes_of(report: Report, frames: int) -> list[Extra]:
    """Regions to redact for the strays of a report: each with some frames before and after it."""
    return [
        Extra(max(stray.frame - _STRAY_REACH, 0), min(stray.frame + _STRAY_REACH, frames - 1), stray.box)
        for stray in report.strays
    ]
