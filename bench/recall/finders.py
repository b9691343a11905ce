"""Those who look for faces, as a run builds them: the audit's search of videos and of stills, and the pipeline."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any

from bench.recall.counting import Finder
from flows.recipes.networks import ProfileNetworks
from infra.settings import Settings
from models.interfaces.capabilities import Detector, Face, Image
from tasks.analysis.faces import detectors
from tasks.analysis.settings import FaceSettings
from tasks.audit.networks import search
from tasks.audit.residual import FaceSearch

_KEPT = 64


def finders() -> dict[str, Finder]:
    """The audit's thorough look at a frame of a video, the one at the frames in between, its look at a still, and the
    pipeline's detections that start a track, on a frame of a video and on a still."""
    video, still = (search(ProfileNetworks(Settings()), still) for still in (False, True))
    # Both look at a frame in part the same way, which takes most of the time.
    detector = _Remembering(video.detector)
    return {
        "audit-video": _of(replace(video, detector=detector)),
        "audit-between": _of(replace(video, detector=detector), thorough=False),
        "audit-still": _of(replace(still, detector=detector)),
        "pipeline-video": _pipeline(2),
        "pipeline-still": _pipeline(1),
    }


def _of(search: FaceSearch, thorough: bool = True) -> Finder:
    return Finder(lambda image: search.find(image, thorough), search.is_face)


def _pipeline(frames: int) -> Finder:
    looked_at: Any = SimpleNamespace(frames=frames, faces=FaceSettings())
    networks: Any = ProfileNetworks(Settings())
    detector, _ = detectors(networks, looked_at)
    return Finder(
        lambda image: detector.detect([image])[0],
        lambda _, face: face.score >= FaceSettings.strong,
    )


class _Remembering:
    """Detector that knows its answers for the pictures it saw last."""

    batch = 1

    def __init__(self, detector: Detector) -> None:
        self.name = detector.name
        self._detector = detector
        self._known: OrderedDict[bytes, list[Face]] = OrderedDict()
        self._lock = threading.Lock()

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Image) -> list[Face]:
        key = blake2b(frame.tobytes() + repr(frame.shape).encode()).digest()
        with self._lock:
            if key in self._known:
                return self._known[key]
        found = self._detector.detect([frame])[0]
        with self._lock:
            self._known[key] = found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found
