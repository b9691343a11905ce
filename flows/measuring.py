"""Measures one pair of files, once for the same two files."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.pairs import Pair
from flows.progress import Advance
from flows.sources import fetch
from infra.cache import Cache, Key
from infra.media.decode import open_frames
from infra.media.probe import VideoInfo, probe_video
from infra.media.sound import loudness
from infra.media.still import read_picture
from infra.privacy import digest_file, public_id
from infra.settings import Settings
from infra.store import Store
from models import profiles
from models.embedding.calibration import calibration
from tasks import audit, scenes
from tasks.faces import FaceSettings, SceneConsumer
from tasks.measure import pair as measuring
from tasks.measure.look import Instruments
from tasks.measure.pair import Known, Reel
from tasks.measure.pairing import same_time
from tasks.measure.records import Measured
from tasks.report.sheet import sheet

_ROLES = ("detector", "confirming_detector", "framing_detector", "landmarker", "embedder", "attackers", "age_gender",
          "emotion", "quality")  # fmt: skip


def instruments(settings: Settings) -> Instruments:
    """The networks of a run's profile. Raises WeightsError when weights are not in place."""

    def one(role: str, **options: Any) -> Any:
        return profiles.load_role(settings, role, **options)[0]

    people = profiles.roles(settings)["embedder"].backends[0]
    return Instruments(
        detector=one("detector", long_side=settings.detector_side, min_score=FaceSettings.weak),
        confirming=one("confirming_detector", min_score=0.3),
        framing=one("framing_detector", long_side=audit.UPRIGHT),
        landmarker=one("landmarker"),
        people=one("embedder"),
        same=calibration(people).eer_distance,
        attackers=tuple(profiles.load_role(settings, "attackers")),
        age_gender=one("age_gender"),
        emotion=one("emotion"),
        quality=one("quality"),
    )


class Measurer:
    """Measures pairs of a run. every: look at every so many frames only. What was measured is identifying; it is kept
    in the store until `forget`, so that a run that was stopped goes on where it was."""

    def __init__(self, settings: Settings, store: Store, key: bytes, scratch: Path, every: int = 1) -> None:
        self._settings, self._key, self._scratch, self._every = settings, key, scratch, every
        self._cache = Cache(store)
        self._tools = instruments(settings)
        self._owners: list[str] = []

    def measure(self, pair: Pair, advance: Advance) -> Measured:
        """Everything measured of one pair. Raises MediaError, ToolError, StoreUnavailable."""
        folder = Path(tempfile.mkdtemp(prefix="pair-", dir=self._scratch))
        try:
            original = fetch(pair.original, folder / "original")
            anonymized = fetch(pair.anonymized, folder / "anonymized") if pair.anonymized is not None else None
            digests = [digest_file(path) if path is not None else "" for path in (original, anonymized)]
            # An owner of its own: that of the video may be purged by a conversion at any time.
            owner = public_id(self._key, hashlib.sha256(f"evaluation:{digests[0]}".encode()).hexdigest())
            key = Key(
                "evaluation",
                measuring.VERSION,
                owner,
                digests,
                {"every": self._every, "detector_side": self._settings.detector_side},
                profiles.digests(self._settings, _ROLES),
            )
            self._owners.append(owner)
            work = partial(self._measure, original, anonymized, pair.picture, advance)
            return self._cache.get_or_make(key, Measured, work).value
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sheets(self, pair: Pair, chosen: list[tuple[int, str]], source: bool) -> tuple[bytes, bytes]:
        """Contact sheets (JPEG) of the anonymized file and, when asked for, of the source; see `tasks.report.sheet`.
        Frames are counted as in the original. Raises as `measure`."""
        folder = Path(tempfile.mkdtemp(prefix="sheet-", dir=self._scratch))
        try:
            original = self._opened(fetch(pair.original, folder / "original"), pair.picture)
            if pair.anonymized is None:
                return b"", b""
            other = self._opened(fetch(pair.anonymized, folder / "anonymized"), pair.picture)
            mapping = same_time(original.times, other.times)
            theirs = [(int(mapping[n]), caption) for n, caption in chosen if n < len(mapping) and mapping[n] >= 0]
            return sheet(other.open, theirs), sheet(original.open, chosen) if source else b""
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self) -> None:
        """Remove what was kept. Raises as `infra.upkeep.remove_for_good`."""
        for owner in dict.fromkeys(self._owners):
            self._cache.purge(owner)

    def _measure(self, original: Path, anonymized: Path | None, picture: bool, advance: Advance) -> Measured:
        scene: SceneConsumer = Known((), 0)
        heard = np.zeros(0, np.float32)
        if not picture:
            info = probe_video(original)
            scene = scenes.consumer_for(self._settings, original, info)
            heard = loudness(original, info, _times(info))
        one = self._opened(original, picture)
        other = self._opened(anonymized, picture) if anonymized is not None else None
        limits = measuring.settings_for(self._settings.threads, picture)
        measured = measuring.run(one, other, scene, self._tools, limits, self._every, advance)
        return replace(measured, loudness=heard)

    def _opened(self, path: Path, picture: bool) -> Reel:
        return _still(path) if picture else _reel(path, probe_video(path))


def _reel(path: Path, info: VideoInfo) -> Reel:
    return Reel(partial(open_frames, path, info), (info.width, info.height), _times(info))


def _times(info: VideoInfo) -> NDArray[np.float64]:
    return np.array([info.seconds(frame) for frame in range(info.frame_count)], np.float64)


def _still(path: Path) -> Reel:
    picture = read_picture(path)
    return Reel(measuring.frames_of(picture), (picture.shape[1], picture.shape[0]), np.zeros(1))
