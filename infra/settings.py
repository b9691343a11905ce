"""All settings of a run, in one frozen value with defaults."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from infra.errors import UsageError


class IdentityScope(StrEnum):
    """How far one person keeps one twin."""

    VIDEO = "video"
    DATASET = "dataset"


class OnFailure(StrEnum):
    """What happens to a track that cannot be replaced safely."""

    REDACT = "redact"
    WITHHOLD = "withhold"


class Surroundings(StrEnum):
    """When a general matcher counts as taking a twin for the source, besides the limits in the source's own footage.

    accept: by the score over the sampled frames, and in the audit over all. Hair, ears, head and light bring every
    stranger nearer, so a single frame may be matched. strict: by any pair of a frame and one of the source; so more
    twins are refused, and those who are not lie farther from the source, often of another kind.
    """

    ACCEPT = "accept"
    STRICT = "strict"


class MotionCrop(StrEnum):
    """What a motion network's crops are fitted to: the face mesh, or LivePortrait's own 203 landmarks."""

    MESH = "mesh"
    LANDMARKS = "landmarks"


class HardFrames(StrEnum):
    """What happens to frames that a motion network does not bear: turned far, hidden, or landmarks hardly seen.

    hold: the last motion that it did bear. mesh: the mesh moves the twin instead. redact: the face is covered.
    """

    HOLD = "hold"
    MESH = "mesh"
    REDACT = "redact"


class SceneBackend(StrEnum):
    """What finds shot boundaries."""

    PYSCENEDETECT = "pyscenedetect"
    FFMPEG = "ffmpeg"


def default_cache_url() -> str:
    """`file://` address of the user's cache folder; ANONFLOW_CACHE_URL overrides it."""
    override = os.environ.get("ANONFLOW_CACHE_URL")
    if override:
        return override
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return "file://" + str(Path(base) / "anonflow" / "store")


@dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """What can change a pixel or a verdict of a result; all of it enters the fingerprint.

    Attributes:
        recipe: Order of stages; empty for AnonNET's, of videos or of pictures.
        profile: Table of backends.
        backends: (role, backend) pairs that replace what the profile says.
        motion_crop: See `MotionCrop`.
        hard_frames: See `HardFrames`.
        seed: Of every random choice.
        identity_scope: See `IdentityScope`.
        on_failure: See `OnFailure`.
        surroundings: See `Surroundings`.
        max_attempts: Tries at a twin per identity.
        crf: Quality of x264.
        preset: Speed of x264.
        scene_backend: See `SceneBackend`.
        scene_threshold: Change score of a shot boundary; None takes the backend's own default.
        scene_similarity: Mean RGB difference (0 to 255) below which two scenes share a scene_id.
        scene_side: Longer side in pixels of the frames that scene detection sees.
        detector_side: Longer side in pixels of the frames that face detection sees.
    """

    recipe: str = ""
    profile: str = "embedded"
    backends: tuple[tuple[str, str], ...] = ()
    motion_crop: MotionCrop = MotionCrop.MESH
    hard_frames: HardFrames = HardFrames.MESH
    seed: int = 0
    identity_scope: IdentityScope = IdentityScope.VIDEO
    on_failure: OnFailure = OnFailure.WITHHOLD
    surroundings: Surroundings = Surroundings.ACCEPT
    max_attempts: int = 5
    crf: int = 16
    preset: str = "veryfast"
    scene_backend: SceneBackend = SceneBackend.PYSCENEDETECT
    scene_threshold: float | None = None
    scene_similarity: float = 2.0
    scene_side: int = 160
    detector_side: int = 640


@dataclass(frozen=True, kw_only=True)
class MachineSettings:
    """How a machine does the work; none of it changes a result.

    Attributes:
        workers: Videos at a time.
        threads: Processor threads that a single video may use for decoding and encoding.
        time_limit: Seconds of work allowed per second of a video, 0 for any number; half an hour is always allowed.
    """

    workers: int = 1
    threads: int = 2
    time_limit: float = 300.0


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """What is kept where; none of it changes a result.

    Attributes:
        cache_url: fsspec address of the intermediate store; empty for the user's cache folder.
        keep_intermediates: Do not purge identifying objects.
        overwrite: Convert again what the manifest already lists.
    """

    cache_url: str = ""
    keep_intermediates: bool = False
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Settings(RecipeSettings, MachineSettings, StoreSettings):
    """All settings of one run, in one frozen value with defaults."""

    def __post_init__(self) -> None:
        """Fill in the cache address and refuse values out of range (UsageError)."""
        if not self.cache_url:
            object.__setattr__(self, "cache_url", default_cache_url())
        bounds = {
            "seed": (0, 2**63 - 1),
            "max_attempts": (1, 100),
            "workers": (1, 256),
            "threads": (1, 256),
            "crf": (0, 40),
            "scene_side": (16, 4096),
            "detector_side": (64, 8192),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} must lie between {low} and {high}.")
        if self.scene_similarity < 0 or (self.scene_threshold is not None and self.scene_threshold <= 0):
            raise UsageError("scene_similarity must not be negative and scene_threshold must be positive.")
        if not self.time_limit >= 0:
            raise UsageError("time_limit must not be negative.")

    def allowed_s(self, duration_s: float) -> float:
        """Return how long a video may take.

        Args:
            duration_s: Of the video, seconds.

        Returns:
            Seconds of work; infinite without a limit.
        """
        return max(_ALWAYS_ALLOWED_S, self.time_limit * duration_s) if self.time_limit else math.inf

    def parameters(self, *names: str) -> dict[str, object]:
        """Return some settings as JSON values, for a cache key.

        Args:
            *names: Of the settings.

        Returns:
            Name -> value.

        Raises:
            AttributeError: For an unknown name.
        """
        return {name: getattr(self, name) for name in names}

    def affecting_result(self) -> dict[str, object]:
        """Return the recipe's settings but its name, as JSON values."""
        return self.parameters(*(one.name for one in fields(RecipeSettings) if one.name != "recipe"))


_ALWAYS_ALLOWED_S = 1800.0
