"""Measures one pair of files, once for the same two files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from flows.dataset.store_layout import evaluation_of
from flows.evaluation.pairs import Pair
from flows.run.sources import fetch
from infra.media.decode import open_frames
from infra.media.frame import YuvFrame
from infra.media.pictures.still import read_picture
from infra.media.probe import probe_video
from infra.media.sound import loudness
from infra.media.video_info import VideoInfo
from infra.privacy import digest_file, public_id
from infra.settings import Settings
from infra.storage.cache import Cache, Key
from infra.storage.store import Store
from models.embedding.calibration import calibration
from models.selection import profiles
from tasks.analysis import scenes
from tasks.analysis.settings import FaceSettings, SceneConsumer
from tasks.evaluation.measure import pair as measuring
from tasks.evaluation.measure.look import Instruments
from tasks.evaluation.measure.pair import Known, Reel
from tasks.evaluation.measure.pairing import same_time
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.report.sheet import sheet

_ROLES = ("detector", "confirming_detector", "landmarker", "embedder", "attackers", "age_gender", "second_reader",
          "emotion", "quality")  # fmt: skip


def _roles(settings: Settings) -> tuple[str, ...]:
    return (*_ROLES, "features") if "features" in profiles.roles(settings) else _ROLES


def instruments(settings: Settings) -> Instruments:
    """Return the networks of a run's profile.

    Args:
        settings: Of the run.

    Returns:
        The networks.

    Raises:
        WeightsError: When weights are not in place.
    """

    def one(role: str, **options: Any) -> Any:
        return profiles.load_role(settings, role, **options)[0]

    people = profiles.roles(settings)["embedder"].backends[0]
    return Instruments(
        detector=one("detector", long_side=settings.detector_side, min_score=FaceSettings.weak),
        confirming=one("confirming_detector", min_score=0.3),
        landmarker=one("landmarker"),
        people=one("embedder"),
        same=calibration(people).eer_distance,
        attackers=tuple(profiles.load_role(settings, "attackers")),
        age_gender=one("age_gender"),
        second_reader=one("second_reader"),
        emotion=one("emotion"),
        quality=one("quality"),
        features=one("features") if "features" in profiles.roles(settings) else None,
    )


class Files:
    """The two files of a pair on this machine; each is probed once, when it is first looked at.

    Raises MediaError and ToolError then.
    """

    def __init__(
        self, original: Path, anonymized: Path | None, picture: bool, check: Callable[[], None] = lambda: None
    ) -> None:
        """Args:
        original: The original.
        anonymized: The anonymized file, None where there is none.
        picture: Whether they are pictures.
        check: Called for every frame that is read; what it raises passes.
        """
        self.original, self.anonymized, self.picture, self._check = original, anonymized, picture, check

    @cached_property
    def digests(self) -> tuple[str, str]:
        """SHA-256 of the content of either file, "" where there is none."""
        return digest_file(self.original), digest_file(self.anonymized) if self.anonymized is not None else ""

    @cached_property
    def info(self) -> VideoInfo:
        """Of the original, which is a video."""
        return probe_video(self.original)

    @cached_property
    def before(self) -> Reel:
        """The original."""
        return _still(self.original) if self.picture else _reel(self.original, self.info, self._check)

    @cached_property
    def after(self) -> Reel | None:
        """The anonymized file."""
        if self.anonymized is None:
            return None
        if self.picture:
            return _still(self.anonymized)
        return _reel(self.anonymized, probe_video(self.anonymized), self._check)


class Measurer:
    """Measures pairs of a run.

    What was measured is identifying; it is kept in the store until `forget`, so that a run that was stopped goes on
    where it was.

    Args:
        settings: Of the run.
        store: Private store.
        key: Makes keyed ids.
        scratch: Private folder on local disk.
        every: Look at every so many frames only.
        owner: Name under which what was measured is kept, by default that of each original.
    """

    def __init__(
        self, settings: Settings, store: Store, key: bytes, scratch: Path, every: int = 1, owner: str = ""
    ) -> None:
        self._settings, self._key, self._scratch, self._every = settings, key, scratch, every
        self._cache = Cache(store)
        self._tools = instruments(settings)
        self._owner = owner
        self._owners: set[str] = set()

    @contextlib.contextmanager
    def files(self, pair: Pair, check: Callable[[], None] = lambda: None) -> Iterator[Files]:
        """Fetch the files of a pair to this machine for as long as the block lasts.

        Args:
            pair: The pair.
            check: See `Files`.

        Yields:
            The files.

        Raises:
            MediaError: When one cannot be read.
            StoreUnavailable: When a remote place does not answer.
        """
        with tempfile.TemporaryDirectory("", "pair-", self._scratch, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            original = fetch(pair.original, folder / "original")
            anonymized = fetch(pair.anonymized, folder / "anonymized") if pair.anonymized is not None else None
            yield Files(original, anonymized, pair.picture, check)

    def measure(self, files: Files) -> Measured:
        """Measure everything of one pair, or return what is kept of it.

        Args:
            files: Of the pair.

        Returns:
            What was measured.

        Raises:
            MediaError: When a file cannot be read.
            ToolError: When a tool fails.
            StoreUnavailable: When a remote place does not answer.
        """
        digests = list(files.digests)
        # Not the video's own name: what lies under that may be purged by a conversion at any time.
        owner = self._owner or evaluation_of(public_id(self._key, digests[0]))
        key = Key(
            "evaluation",
            measuring.VERSION,
            owner,
            digests,
            {"every": self._every, "detector_side": self._settings.detector_side},
            profiles.digests(self._settings, _roles(self._settings)),
        )
        self._owners.add(owner)
        return self._cache.get_or_make(key, Measured, lambda: self._measure(files)).value

    def sheets(self, files: Files, chosen: list[tuple[int, str]], source: bool) -> tuple[Path | None, Path | None]:
        """Make contact sheets (JPEG files in the scratch folder); see `tasks.evaluation.report.sheet`.

        Raises as `measure`.

        Args:
            files: Of the pair.
            chosen: (frame, caption) of each picture; frames are counted as in the original.
            source: Whether one of the source is made, too.

        Returns:
            (sheet of the anonymized file, sheet of the source); None where there is nothing to show.
        """
        if files.after is None:
            return None, None
        mapping = same_time(files.before.times, files.after.times)
        theirs = [(int(mapping[n]), caption) for n, caption in chosen if n < len(mapping) and mapping[n] >= 0]
        shown = sheet(files.after.open, theirs)
        return self._written(shown), self._written(sheet(files.before.open, chosen)) if source else None

    def _written(self, jpeg: bytes) -> Path | None:
        if not jpeg:
            return None
        handle, name = tempfile.mkstemp(".jpg", "sheet-", self._scratch)
        with open(handle, "wb") as file:
            file.write(jpeg)
        return Path(name)

    def forget(self) -> None:
        """Remove what was kept. Raises as `infra.storage.upkeep.remove_for_good`."""
        for owner in sorted(self._owners):
            self._cache.purge(owner)

    def _measure(self, files: Files) -> Measured:
        scene: SceneConsumer = Known((), 0)
        heard = np.zeros(0, np.float32)
        if not files.picture:
            scene = scenes.consumer_for(self._settings, files.original, files.info)
            heard = loudness(files.original, files.info, files.before.times)
        limits = measuring.settings_for(self._settings.threads, files.picture)
        measured = measuring.run(files.before, files.after, scene, self._tools, limits, self._every)
        return replace(measured, loudness=heard)


def _reel(path: Path, info: VideoInfo, check: Callable[[], None]) -> Reel:
    @contextlib.contextmanager
    def opened() -> Iterator[Iterator[YuvFrame]]:
        with open_frames(path, info) as stream:
            yield _checked(stream, check)

    times = np.array([info.seconds(frame) for frame in range(info.frame_count)], np.float64)
    return Reel(opened, (info.width, info.height), times)


def _checked(stream: Iterator[YuvFrame], check: Callable[[], None]) -> Iterator[YuvFrame]:
    for frame in stream:
        check()
        yield frame


def _still(path: Path) -> Reel:
    picture = read_picture(path)
    return Reel(measuring.frames_of(picture), (picture.shape[1], picture.shape[0]), np.zeros(1))
