"""The sources behind published results, for a recheck: which is whose, and what only they tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flows.recipes.networks import ProfileNetworks
from flows.run import sources
from flows.run.sources import Job
from infra.errors import MediaError, ToolError
from infra.media.decode import open_frames
from infra.media.pictures.still import PICTURE_SUFFIXES, read_picture
from infra.media.probe import probe_video
from infra.media.turn import OpenFrames
from infra.privacy import PrivacyFilter, digest_file, install, public_id
from infra.reasons import Reason
from models.embedding.calibration import calibration
from tasks.analysis import faces, samples, scenes
from tasks.analysis.faces import FaceNetworks
from tasks.analysis.identities import pool
from tasks.analysis.settings import FaceSettings, SceneConsumer
from tasks.audit import recheck, references
from tasks.audit.recheck import Looked
from tasks.audit.recognisers import AuditNetworks, Reference
from tasks.evaluation.measure.pair import Known, frames_of
from tasks.output.transparency import translucent


class Sources:
    """Finds the source of a result by its place in the dataset, and by its content where it was moved since."""

    def __init__(self, source: str, destination: str, key: bytes) -> None:
        """List the sources.

        Args:
            source: Address of the sources.
            destination: Address of the results.
            key: Makes keyed ids.

        Raises:
            UsageError: When there are none.
            StoreUnavailable: When a remote place does not answer.
        """
        self._key = key
        self._jobs = sources.find(source, sources.VIDEO_SUFFIXES | PICTURE_SUFFIXES, destination, "--source")
        self._places = {job.input_id(key): job for job in self._jobs}
        self._contents: dict[str, Job] | None = None
        hidden = PrivacyFilter()
        for job in self._jobs:
            hidden.hide(job.uri, f"input {job.ordinal}")
        install(hidden)

    def of(self, owner: str, input_ids: Iterable[str], folder: Path) -> Path | None:
        """Return a local file with the content that has a public id.

        Args:
            owner: The public id.
            input_ids: Keyed ids of the places where it was.
            folder: Takes copies of remote files.

        Returns:
            The file, None when it is not among the sources.
        """
        for input_id in input_ids:
            path = _fetched(self._places[input_id], folder) if input_id in self._places else None
            if path is not None and public_id(self._key, digest_file(path)) == owner:
                return path
        moved = self._by_content(folder).get(owner)
        return None if moved is None else _fetched(moved, folder)

    def _by_content(self, folder: Path) -> dict[str, Job]:
        """Public id -> source. Reads all of them once, and only when one is not where it was."""
        if self._contents is None:
            self._contents = {}
            for job in self._jobs:
                path = _fetched(job, folder / "all")
                if path is not None:
                    self._contents[public_id(self._key, digest_file(path))] = job
        return self._contents


@dataclass(frozen=True)
class Against:
    """What a result is compared with.

    Attributes:
        source: Its local file.
        picture: Whether it is a picture.
        networks: Those by which the faces of the source are found, as a conversion finds them.
        older: The result is of a version that kept no record of its faces, and showed what was transparent.
        limits: Embedder -> the distance that the result's own audit asked for in place; without one, that under which
            hardly any two strangers lie.
    """

    source: Path
    picture: bool
    networks: ProfileNetworks
    older: bool
    limits: Mapping[str, float]

    def reasons(
        self, frames: OpenFrames, looked: Looked, panel: AuditNetworks, threads: int, check: Callable[[], None]
    ) -> list[str]:
        """Return why a result must not stay, as far as its source tells.

        Args:
            frames: Opens the result's frames.
            looked: What was seen in the result.
            panel: The present audit's networks.
            threads: For the comparison.
            check: Called for every frame; what it raises passes.

        Returns:
            The reasons, none when it may stay.
        """
        try:
            found: list[str] = [Reason.SHOWN_TRANSPARENT] if self.older and translucent(self.source) else []
            if not any(looked.twins.values()):
                return found
            known = self._known(panel, threads)
        except (MediaError, ToolError):
            return [Reason.SOURCE_NOT_COMPARED]
        if not all(known):
            return [*found, Reason.SOURCE_NOT_COMPARED]
        report = recheck.compare(frames, looked, known, panel, threads, check)
        return [*found, Reason.AUDIT_RECOGNISED] if any(score.recognised for score in report.scores) else found

    def _known(self, panel: AuditNetworks, threads: int) -> list[list[Reference]]:
        """Per judge, the people of the source's tracks as the audit knows them, from the same frames as in a conversion
        by the present code."""
        settings = self.networks.settings
        limits = replace(FaceSettings(), workers=threads, small_side=settings.scene_side)
        scene: SceneConsumer = Known((), 0)
        if self.picture:
            picture = read_picture(self.source)
            opened, size = frames_of(picture), (picture.shape[1], picture.shape[0])
            limits = replace(limits, stretch=0)
        else:
            info = probe_video(self.source)
            opened, size = lambda: open_frames(self.source, info), (info.width, info.height)
            scene = scenes.consumer_for(settings, self.source, info)
        _, tracks = faces.run(
            opened,
            size,
            scene,
            FaceNetworks(
                self.networks.load("detector", long_side=settings.detector_side, min_score=limits.weak),
                self.networks.load("confirming_detector", min_score=0.3),
                self.networks.load("landmarker"),
            ),
            limits,
        )
        cut = samples.run(opened, tracks, self.networks.load("landmarker"))
        rows = [[k for k, s in enumerate(cut.samples) if s.track == track.index] for track in tracks.tracks]
        rows = [some for some in rows if some]
        known = []
        for judge, vectors in zip(panel.judges, references.run(cut, panel).vectors, strict=True):
            name = judge.embedder.name
            limit = self.limits.get(name, calibration(name).nearest_stranger)
            known.append([Reference(pool(vectors[some]), limit, vectors[some]) for some in rows])
        return known


def _fetched(job: Job, folder: Path) -> Path | None:
    try:
        return sources.fetch(job, folder / str(job.ordinal))
    except MediaError:
        return None
