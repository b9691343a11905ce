"""One input from its source to its recorded verdict: what videos and pictures have in common.

Never raises for a bad input; every doubt ends unpublished.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import logging
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flows.context import Context, Outcome, Services, Show, unseen
from flows.progress import Clock
from flows.rows import VideoRow
from flows.sources import Job, fetch
from infra.cache import Cache
from infra.errors import AnonflowError, MediaError, StoreError, ToolError, Withheld
from infra.privacy import digest_file, public_id
from infra.settings import Settings
from infra.telemetry import peak_memory_bytes
from models import profiles
from models.embedding.calibration import calibration
from tasks import (
    attributes,
    audit,
    faces,
    frontal,
    identities,
    motion,
    probe,
    publish,
    reassemble,
    rehearse,
    samples,
    scenes,
    twin,
    verify,
)
from tasks.records import Verdict

log = logging.getLogger("anonflow")

_STAGES: tuple[Any, ...] = (
    attributes, audit, faces, frontal, identities, motion, probe, publish, reassemble, rehearse, samples, scenes,
    twin, verify,
)  # fmt: skip


class Case:
    """The row of an input while it is being worked on: says failed until something better is known."""

    def __init__(self, row: VideoRow, context: Context) -> None:
        self.row = row
        self.context = context

    def note(self, **values: Any) -> None:
        """Set fields of the row by name."""
        self.row = replace(self.row, **values)

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Turn whatever the block raises into a verdict; Cancelled and KeyboardInterrupt pass, without a verdict."""
        try:
            yield
        except Withheld as error:
            self.note(verdict=Verdict.WITHHELD, reason=error.reason, message=str(error))
        except AnonflowError as error:
            self.note(reason=failure_code(error), message=str(error))
        except Exception as error:
            log_unexpected(self.context.public_id, error)
            self.note(reason="unexpected", message=f"Unexpected {type(error).__name__}; see the log.")


def convert_input(
    job: Job,
    settings: Settings,
    services: Services,
    place: Callable[[str], str],
    work: Callable[[Path, Case], None],
    show: Show = unseen,
) -> Outcome:
    """Bring one input to its verdict and record it.

    place: where the result of a public id lies in the destination. work: converts a local file, publishes the result
    there, and notes it. Cancellation passes through, and what was cached stays for the next run.
    """
    folder = Path(tempfile.mkdtemp(prefix="input-", dir=services.scratch))
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
            row = new_row(owner, job, settings)
            earlier = None if settings.overwrite else services.ledger.finished(owner, row.fingerprint)
            if earlier is not None:
                return record(replace(earlier, ordinal=job.ordinal), services, reused=True)
            clock = Clock(job.ordinal, owner, services.reporter, services.cancelled)
            cache = Cache(services.store)
            case = Case(row, Context(owner, digest, settings, cache, services.people, clock, folder, show))
            with case.settled():
                work(source, case)
            case.note(
                **asdict(case.context.evidence),
                stage_seconds=clock.timings.as_dict(),
                peak_memory_bytes=peak_memory_bytes(),
            )
            return record(tidy(case.row, place(owner), settings, services, cache), services)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def record(row: VideoRow, services: Services, reused: bool = False) -> Outcome:
    """Write the row to the manifest and tell the reporter."""
    if not reused:
        row = replace(row, finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    row = services.ledger.record(row)
    services.reporter.finished(row, reused)
    return Outcome(row, reused)


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


def version() -> str:
    """Version of the installed package."""
    try:
        return importlib.metadata.version("anonflow")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def backends(settings: Settings) -> dict[str, str]:
    """Backend -> digest of its class, version and weights, for every role of the run. UsageError when unknown."""
    found = profiles.digests(settings, tuple(profiles.roles(settings)))
    return {key.partition(":")[2]: value for key, value in found.items()}


def thresholds(settings: Settings) -> dict[str, list[float]]:
    """Embedder -> distances by which the run judges and clusters. Raises WeightsError for one without any."""
    roles = profiles.roles(settings).values()
    names = {name for role in roles if role.capability == "embedder" for name in role.backends}
    known = {name: calibration(name) for name in sorted(names)}
    return {name: [figures.far_1, figures.eer_distance] for name, figures in known.items()}


def fingerprint(settings: Settings) -> str:
    """Digest over everything that can change a result: settings, backends, versions of the software and its stages."""
    parts = {
        "settings": settings.affecting_result(),
        "backends": backends(settings),
        "software": version(),
        # A result that passed an earlier, weaker audit must not count as done.
        "stages": {stage.__name__: stage.VERSION for stage in _STAGES},
        "thresholds": thresholds(settings),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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
