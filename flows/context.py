"""What the stages of one input may use, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.progress import Clock
from infra.cache import Cache
from infra.settings import Settings
from infra.store import Store
from tasks.publish import AuditedFile
from tasks.records import Attempt, Verdict


@dataclass
class Evidence:
    """What the stages found out, filled in as they go, so that a row tells it whatever the verdict. See VideoRow."""

    scenes: int = 0
    tracks: int = 0
    identities: int = 0
    redacted_tracks: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    worst_frame: int = -1
    worst_distance: float | None = None
    faces_replaced: int = 0
    faces_redacted: int = 0
    faces_lost: int = 0
    audio_streams: int = 0
    audio_copied: bool = False


@dataclass(frozen=True)
class Context:
    """What a video's stages may use.

    public_id: name and cache owner. digest: SHA-256 of the source. folder: private scratch, removed afterwards.
    """

    public_id: str
    digest: str
    settings: Settings
    cache: Cache
    store: Store
    clock: Clock
    folder: Path
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True)
class StageResult:
    """A finished file that passed the audit. verdict: PUBLISHED or REDACTED; reason: empty, or why redacted."""

    audited: AuditedFile
    verdict: Verdict
    reason: str = ""
