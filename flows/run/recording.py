"""The row of an input: how it begins, what an error is called in it, and how it is recorded."""

from __future__ import annotations

import datetime
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flows.manifest import face_records
from flows.manifest.rows import VideoRow
from flows.recipes.catalogue import named
from flows.run.fingerprint import backends, fingerprint, version
from flows.run.session import Outcome, Services
from flows.run.sources import Job
from infra.errors import (
    AnonflowError,
    MediaError,
    SpaceError,
    StoreError,
    StoreUnavailable,
    TimeLimitError,
    ToolError,
)
from infra.reasons import Reason
from infra.settings import Settings
from infra.storage.cache import Cache
from tasks.records import Verdict

log = logging.getLogger("anonflow")

_CODES = {
    ToolError: Reason.TOOL,
    SpaceError: Reason.NO_SPACE,
    StoreError: Reason.STORE,
    StoreUnavailable: Reason.STORE_UNAVAILABLE,
    TimeLimitError: Reason.TIME_LIMIT,
}


@dataclass(frozen=True)
class Media:
    """A kind of input.

    Attributes:
        name: "video" or "picture", as recipes say.
        place: Where the result of a public id lies in the destination.
    """

    name: str
    place: Callable[[str], str]


def of_input(earlier: VideoRow, row: VideoRow, services: Services) -> VideoRow:
    """Return an earlier row of the same content, for another input.

    Args:
        earlier: The row.
        row: Of the input.
        services: Of the run.

    Returns:
        The row of the input.
    """
    stamp = services.destination.stamp(earlier.output) if earlier.output else None
    return replace(
        earlier,
        input_id=row.input_id,
        ordinal=row.ordinal,
        source_stamp=row.source_stamp,
        output_stamp=stamp or "",
        run=row.run,
    )


def tidy(row: VideoRow, output: str, settings: Settings, services: Services, cache: Cache) -> VideoRow:
    """Remove what must not stay: an earlier result that this verdict contradicts, and identifying objects.

    Args:
        row: Of the input.
        output: Where an earlier result may lie.
        settings: Of the run.
        services: Of the run.
        cache: Holds the identifying objects.

    Returns:
        The row, with a note for a person where something could not be removed.
    """
    try:
        if not row.output:
            services.destination.remove(output)
            services.destination.remove(face_records.path_of(row.public_id))
        if not settings.keep_intermediates:
            cache.purge(row.public_id)
    except (OSError, StoreError) as error:
        log.error("%s: leftovers could not be removed (%s)", row.public_id, type(error).__name__)
        note = "An earlier result or identifying objects could not be removed; remove them by hand."
        return replace(row, message=f"{row.message} {note}".strip())
    return row


def record(row: VideoRow, services: Services, reused: bool = False) -> Outcome:
    """Write a row to the manifest and tell the reporter.

    Args:
        row: The row.
        services: Of the run.
        reused: Nothing had to be done.

    Returns:
        The outcome.
    """
    if not reused:
        row = replace(row, finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))
    if row.output and not row.output_stamp:
        row = replace(row, output_stamp=services.destination.stamp(row.output) or "")
    row = services.manifest.record(row)
    services.reporter.finished(row, reused)
    return Outcome(row, reused)


def new_row(owner: str, job: Job, settings: Settings, services: Services, media: Media) -> VideoRow:
    """Return a row that says failed for an unexpected reason, until something better is known.

    Args:
        owner: Public id of the input.
        job: The input.
        settings: Of the run.
        services: What all inputs share.
        media: What kind of input it is.

    Returns:
        The row.
    """
    return VideoRow(
        public_id=owner,
        input_id=job.input_id(services.key),
        ordinal=job.ordinal,
        verdict=Verdict.FAILED,
        reason=Reason.UNEXPECTED,
        backends=backends(settings),
        profile=settings.profile,
        recipe=named(settings.recipe, media.name).name,
        seed=settings.seed,
        fingerprint=fingerprint(settings),
        source_stamp=job.stamp_id(services.key),
        run=services.run,
        software=version(),
    )


def failure_code(error: AnonflowError) -> str:
    """Return the stable short code of an error for the manifest.

    Args:
        error: The error.

    Returns:
        The code.
    """
    if isinstance(error, MediaError):
        return error.reason
    return _CODES.get(type(error), type(error).__name__.removesuffix("Error").lower())


def log_unexpected(owner: str, error: Exception) -> None:
    """Log an unforeseen exception by type and places in the code only: its text and values may quote the source.

    Args:
        owner: What failed; named without identifying it.
        error: The exception.
    """
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    log.error("%s failed: %s at %s", owner, type(error).__name__, places)
