"""One video from its source to its verdict, in a plain function without orchestration."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import logging
import shutil
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from flows.context import Context, Evidence, StageResult
from flows.manifest import Ledger, VideoRow
from flows.progress import Clock, Reporter
from flows.sources import Job, fetch
from infra.cache import Cache, Key
from infra.errors import AnonflowError, MediaError, StoreError, ToolError, Withheld
from infra.media.probe import VideoInfo
from infra.privacy import PrivacyFilter, digest_file, public_id
from infra.settings import Settings
from infra.store import Store
from infra.telemetry import peak_memory_bytes
from models import profiles
from tasks import probe, publish
from tasks.records import Verdict

log = logging.getLogger("anonflow")

Chain = Callable[[Path, VideoInfo, Context], StageResult]


@dataclass
class Services:
    """What all videos of a run share. scratch: private folder on local disk. stages: the chain in the middle."""

    store: Store
    destination: Store
    ledger: Ledger
    key: bytes
    scratch: Path
    reporter: Reporter
    stages: Chain
    privacy: PrivacyFilter = field(default_factory=PrivacyFilter)
    cancelled: threading.Event = field(default_factory=threading.Event)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def lock(self, name: str) -> threading.Lock:
        """One lock per public id: equal inputs must not be converted at the same time."""
        with self.guard:
            return self.locks.setdefault(name, threading.Lock())


@dataclass(frozen=True)
class Outcome:
    """A recorded row; reused: nothing had to be done."""

    row: VideoRow
    reused: bool


def version() -> str:
    """Version of the installed package."""
    try:
        return importlib.metadata.version("anonflow")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def backends(settings: Settings) -> dict[str, str]:
    """Backend -> digest of its class, version and weights, for every role of the profile. UsageError when unknown."""
    roles = profiles.profile(settings.profile).values()
    return {name: profiles.digest(role.capability, name) for role in roles for name in role.backends}


def fingerprint(settings: Settings) -> str:
    """Digest over everything that can change a result: settings, backends, version of the software."""
    parts = {"settings": settings.affecting_result(), "backends": backends(settings), "software": version()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def convert_video(job: Job, settings: Settings, services: Services) -> Outcome:
    """Bring one input to its verdict and record it. Never raises for a bad input; every doubt ends unpublished.

    Cancellation (Cancelled, KeyboardInterrupt) passes through without a verdict, and what was cached stays for the
    next run.
    """
    folder = Path(tempfile.mkdtemp(prefix="video-", dir=services.scratch))
    try:
        try:
            source = fetch(job, folder)
            digest = digest_file(source)
        except (MediaError, OSError) as error:
            owner = public_id(services.key, job.uri_digest())
            reason = error.reason if isinstance(error, MediaError) else "missing"
            row = replace(new_row(owner, job, settings), reason=reason, message="The input cannot be read.")
            return record(row, services)
        owner = public_id(services.key, digest)
        services.privacy.hide(job.uri, owner)
        with services.lock(owner):
            return _convert(job, source, digest, owner, folder, settings, services)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _convert(
    job: Job, source: Path, digest: str, owner: str, folder: Path, settings: Settings, services: Services
) -> Outcome:
    mark = fingerprint(settings)
    earlier = None if settings.overwrite else services.ledger.finished(owner, mark)
    if earlier is not None:
        return record(replace(earlier, ordinal=job.ordinal), services, reused=True)
    clock = Clock(job.ordinal, owner, services.reporter, services.cancelled)
    cache = Cache(services.store)
    context = Context(owner, digest, settings, cache, services.store, clock, folder)
    row = new_row(owner, job, settings)
    try:
        with clock.stage("probe"):
            key = Key("probe", probe.VERSION, owner, (digest,))
            info = cache.get_or_make(key, VideoInfo, lambda: probe.run(source, settings)).value
        row = _with_info(row, info)
        result = services.stages(source, info, context)
        with clock.stage("publish"):
            done = publish.run(result.audited, owner, services.destination)
        row = replace(
            row,
            verdict=result.verdict,
            reason=result.reason,
            output=done.output,
            output_sha256=done.digest,
            output_bytes=done.size,
        )
    except Withheld as error:
        row = replace(row, verdict=Verdict.WITHHELD, reason=error.reason, message=str(error))
    except AnonflowError as error:
        row = replace(row, reason=failure_code(error), message=str(error))
    except Exception as error:
        log_unexpected(owner, error)
        row = replace(row, reason="unexpected", message=f"Unexpected {type(error).__name__}; see the log.")
    row = with_evidence(row, context.evidence, clock)
    return record(tidy(row, publish.output_path(owner), settings, services, cache), services)


def tidy(row: VideoRow, output: str, settings: Settings, services: Services, cache: Cache) -> VideoRow:
    """Remove what must not stay: an earlier result at `output` that this verdict contradicts, and identifying objects.

    Returns the row, with a note for a person where something could not be removed.
    """
    try:
        if not row.output:
            services.destination.remove(output)
        if not settings.keep_intermediates:
            cache.purge(row.public_id)
    except OSError as error:
        log.error("%s: leftovers could not be removed (%s)", row.public_id, type(error).__name__)
        note = "An earlier result or identifying objects could not be removed; remove them by hand."
        return replace(row, message=f"{row.message} {note}".strip())
    return row


def new_row(owner: str, job: Job, settings: Settings) -> VideoRow:
    """A row that says failed for an unexpected reason, until something better is known."""
    return VideoRow(
        public_id=owner,
        copy=0,
        ordinal=job.ordinal,
        verdict=Verdict.FAILED,
        reason="unexpected",
        backends=backends(settings),
        profile=settings.profile,
        seed=settings.seed,
        fingerprint=fingerprint(settings),
        software=version(),
    )


def _with_info(row: VideoRow, info: VideoInfo) -> VideoRow:
    return replace(
        row,
        width=info.width,
        height=info.height,
        frames=info.frame_count,
        fps=str(info.fps),
        duration_s=float(info.duration),
    )


def with_evidence(row: VideoRow, evidence: Evidence, clock: Clock) -> VideoRow:
    """The row with what the stages found out and how long they took."""
    found = {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}
    found["attempts"] = [asdict(attempt) for attempt in evidence.attempts]
    return replace(row, **found, stage_seconds=clock.timings.as_dict(), peak_memory_bytes=peak_memory_bytes())


def record(row: VideoRow, services: Services, reused: bool = False) -> Outcome:
    """Write the row to the manifest and tell the reporter."""
    if not reused:
        row = replace(row, finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    row = services.ledger.record(row)
    services.reporter.finished(row, reused)
    return Outcome(row, reused)


def failure_code(error: AnonflowError) -> str:
    """Stable short code of an error for the manifest."""
    if isinstance(error, MediaError):
        return error.reason
    known = {ToolError: "tool", StoreError: "store"}
    return known.get(type(error), type(error).__name__.removesuffix("Error").lower())


def log_unexpected(owner: str, error: Exception) -> None:
    """Log an unforeseen exception by type and places in the code only: its text and values may quote the source."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("%s failed: %s at %s", owner, type(error).__name__, places)
