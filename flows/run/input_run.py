"""One input from its source to its recorded verdict: what videos and pictures have in common.

Never raises for a bad input; every doubt ends unpublished.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flows.manifest import face_records
from flows.manifest.rows import VideoRow
from flows.recipes.clock import Clock
from flows.recipes.context import Context, TaskWrapper, run_plain
from flows.run.cancelled import LeaseLost
from flows.run.recording import Media, failure_code, log_unexpected, new_row, of_input, record, tidy
from flows.run.session import Outcome, Services
from flows.run.sources import Job, fetch
from flows.run.watchdog import HUNG
from infra.errors import (
    AnonflowError,
    MediaError,
    StoreError,
    Withheld,
)
from infra.privacy import digest_file, public_id
from infra.process.telemetry import peak_memory_bytes
from infra.reasons import Reason
from infra.settings import Settings
from infra.storage.cache import Cache
from infra.storage.faults import full_disk
from infra.storage.lease import Claim
from tasks.records import Verdict

log = logging.getLogger("anonflow")

CRASHES = 2
"""So many processes may die in the middle of one input before it is given up."""
CRASHED, TIME_LIMIT = Reason.CRASHED, Reason.TIME_LIMIT
_AGAIN = "Mend the cause, then convert it once more with `anonflow retry-failed`."
GIVEN_UP: dict[str, str] = {
    CRASHED: f"The process ended {CRASHES} times in the middle of this input, perhaps for want of memory. {_AGAIN}",
    HUNG: f"The process hung in the middle of this input and was ended. {_AGAIN}",
    TIME_LIMIT: f"The input took longer than it may; see --time-limit. {_AGAIN}",
}


class InputRun:
    """The row of an input while it is being worked on: says failed until something better is known."""

    def __init__(self, row: VideoRow, context: Context) -> None:
        self.row = row
        self.context = context

    def note(self, **values: Any) -> None:
        """Set fields of the row.

        Args:
            **values: By the names of the fields.
        """
        self.row = replace(self.row, **values)

    def same(self, source: Path) -> None:
        """Check that the source is still what it was: otherwise faces were looked for in other frames.

        Args:
            source: The local file.

        Raises:
            MediaError: When it is not.
        """
        if not source.is_file() or digest_file(source) != self.context.digest:
            raise MediaError(Reason.SOURCE_CHANGED, "The input was changed or removed while it was converted.")

    @contextlib.contextmanager
    def judged(self) -> Iterator[None]:
        """Turn what the block raises into a verdict; Cancelled and KeyboardInterrupt pass, without a verdict."""
        try:
            yield
        except Withheld as error:
            self.note(verdict=Verdict.WITHHELD, reason=error.reason, message=str(error))
        except AnonflowError as error:
            self.note(reason=failure_code(error), message=str(error))
        except MemoryError:
            self.note(reason=Reason.OUT_OF_MEMORY, message="There was not enough memory for this input.")
        except Exception as error:
            log_unexpected(self.context.public_id, error)
            starved = isinstance(error, OSError) and error.errno == errno.ENOMEM
            known = Reason.NO_SPACE if full_disk(error) else Reason.OUT_OF_MEMORY if starved else Reason.UNEXPECTED
            self.note(reason=known, message=f"Unexpected {type(error).__name__}; see the log.")


def convert_input(
    job: Job,
    settings: Settings,
    services: Services,
    media: Media,
    work: Callable[[Path, InputRun], None],
    show: TaskWrapper = run_plain,
) -> Outcome | None:
    """Bring one input to its verdict and record it.

    Cancellation passes through, and what was cached stays for the next run. An input in the middle of which CRASHES
    processes died, or that hung or took too long, fails without being tried again.

    Args:
        job: The input.
        settings: Of the run.
        services: What all inputs of the run share.
        media: What kind of input it is.
        work: Converts a local file, publishes the result, and notes it.
        show: Makes stages visible.

    Returns:
        The recorded verdict; None when another process is working on the same content.
    """
    services.check()
    folder = Path(tempfile.mkdtemp(prefix="input-", dir=services.scratch))
    try:
        try:
            source = fetch(job, folder)
            digest = digest_file(source)
        except (MediaError, OSError) as error:
            row = new_row(public_id(services.key, job.uri_digest()), job, settings, services, media)
            refusal = (
                error if isinstance(error, MediaError) else MediaError(Reason.MISSING, "The input cannot be read.")
            )
            services.identified(job.ordinal, row.public_id)
            return record(replace(row, reason=refusal.reason, message=str(refusal)), services)
        row = new_row(public_id(services.key, digest), job, settings, services, media)
        services.identified(job.ordinal, row.public_id)
        services.privacy.hide(job.uri, row.public_id)
        with _claimed(row.public_id, services) as claim:
            if claim is None:
                return None
            output = media.place(row.public_id)
            earlier = None if settings.overwrite else services.manifest.finished(row.public_id, row.fingerprint, output)
            if earlier is not None:
                return record(of_input(earlier, row, services), services, reused=True)
            row, settings, decided = _already_decided(row, settings, services, claim)
            cache = Cache(services.store)
            if decided:
                return record(tidy(row, output, settings, services, cache), services)
            clock = Clock(job.ordinal, row.public_id, services.reporter, _check(claim, services))
            clock.allowed_s = settings.allowed_s(0.0)
            case = InputRun(row, Context(row.public_id, digest, settings, cache, services.people, clock, folder, show))
            return _worked(case, source, work, services, claim, output)
    except LeaseLost:
        log.warning("%s: another process has taken it over.", row.public_id)
        return None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _already_decided(
    row: VideoRow, settings: Settings, services: Services, claim: Claim
) -> tuple[VideoRow, Settings, bool]:
    """The row, the settings with the seed of this try, and whether it is known that the input is not converted."""
    held, redone = services.manifest.decided(row.public_id)
    # A rejection is taken back to get another face.
    redone += held is not None and settings.overwrite
    settings = replace(settings, seed=(settings.seed + redone) % 2**63)
    row = replace(row, redone=redone, seed=settings.seed)
    # Other settings, or a new version, may well make the same face again.
    if held is not None and not settings.overwrite:
        return row.held_like(held), settings, True
    if known := claim.poison or (CRASHED if claim.crashes >= CRASHES else ""):
        return replace(row, reason=known, message=GIVEN_UP.get(known, _AGAIN)), settings, True
    return row, settings, False


def _worked(
    case: InputRun, source: Path, work: Callable[[Path, InputRun], None], services: Services, claim: Claim, output: str
) -> Outcome:
    """Do the work and record what became of it."""
    context = case.context
    with _watched(case, services), case.judged():
        work(source, case)
    case.note(
        **asdict(context.evidence),
        stage_seconds=context.clock.timings.as_dict(),
        peak_memory_bytes=peak_memory_bytes(),
    )
    _check(claim, services)()
    row = tidy(case.row, output, context.settings, services, context.cache)
    if row.output:
        face_records.keep(services.destination, row, context.painted)
    if row.reason == TIME_LIMIT:
        services.leases.mark_poisoned(row.public_id, TIME_LIMIT)
    return record(row, services)


@contextlib.contextmanager
def _claimed(owner: str, services: Services) -> Iterator[Claim | None]:
    """The lease on an input, None when it is taken. What crashed or is poisoned stays on record."""
    claim = services.leases.claim(owner)
    well = False
    try:
        yield claim
        well = claim is not None and claim.crashes < CRASHES
    finally:
        if claim is not None:
            with contextlib.suppress(StoreError, OSError):
                services.leases.release(claim, ended_well=well)


def _check(claim: Claim, services: Services) -> Callable[[], None]:
    def check() -> None:
        services.check()
        if not services.leases.held(claim):
            raise LeaseLost

    return check


def _watched(case: InputRun, services: Services) -> contextlib.AbstractContextManager[None]:
    if services.watchdog is None:
        return contextlib.nullcontext()
    return services.watchdog.watching(case.row.public_id, case.context.clock)
