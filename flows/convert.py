"""A dataset from its source to its verdicts: with Prefect, or as plain threads."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from flows.cancelled import Cancelled
from flows.case import fingerprint
from flows.context import Outcome, Services, Stages
from flows.image import convert_picture
from flows.manifest import Ledger
from flows.progress import Reporter
from flows.sources import Job, absolute
from flows.video import convert_video
from infra.errors import UsageError
from infra.privacy import PrivacyFilter, install, key_path, load_key, public_id
from infra.scratch import scratch
from infra.settings import Settings
from infra.store import Store
from tasks.gallery import Gallery
from tasks.records import Verdict

log = logging.getLogger("anonflow")

# Prefect reads these when it is imported. A fresh database needs longer than Prefect waits by default, the server that
# ends with the run would print tracebacks about what it was still writing, and nothing about a run is to be reported
# to anybody.
_PREFECT_DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "DO_NOT_TRACK": "1",
}

Runner = Callable[[list[Job], Settings, Services], list[Outcome]]


@dataclass(frozen=True)
class Summary:
    """Verdicts of a run, in order of the inputs."""

    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> int:
        """Inputs without a deliberate verdict."""
        return sum(outcome.row.verdict is Verdict.FAILED for outcome in self.outcomes)

    @property
    def untouched(self) -> bool:
        """True when an earlier run had already done everything."""
        return all(outcome.reused for outcome in self.outcomes)


def convert(
    jobs: list[Job],
    destination: str,
    settings: Settings,
    reporter: Reporter,
    orchestrate: bool = True,
    stages: Stages | None = None,
) -> Summary:
    """Convert all videos and write the manifest.

    destination: folder or fsspec address. orchestrate: run as a Prefect flow, one task per video. stages: the chain
    between probe and publish, None for the real one. Raises UsageError before anything is started when a setting or
    the destination is wrong, WeightsError when weights are not in place; single inputs never raise.
    """
    if stages is None:
        from flows.stages import run_stages
        from models import profiles

        profiles.check(settings)
        stages = run_stages
    runner: Runner = run_in_threads
    if orchestrate:
        for name, value in _PREFECT_DEFAULTS.items():
            os.environ.setdefault(name, value)
        # Importing Prefect takes seconds and a database, so only those who asked for it pay.
        from flows.orchestrate import run_with_prefect

        runner = run_with_prefect
    with _services(jobs, destination, settings, reporter, stages) as services:
        return _summary(runner(jobs, settings, services))


def convert_pictures(jobs: list[Job], destination: str, settings: Settings, reporter: Reporter) -> Summary:
    """Convert all pictures, one after the other, and write the manifest; errors as for `convert`."""
    from flows.stages import run_picture_stages, run_stages
    from models import profiles

    profiles.check(settings)
    with _services(jobs, destination, settings, reporter, run_stages) as services:
        return _summary([convert_picture(job, settings, services, run_picture_stages) for job in jobs])


def _summary(outcomes: list[Outcome]) -> Summary:
    return Summary(tuple(sorted(outcomes, key=lambda outcome: outcome.row.ordinal)))


@contextlib.contextmanager
def _services(
    jobs: list[Job], destination: str, settings: Settings, reporter: Reporter, stages: Stages
) -> Iterator[Services]:
    fingerprint(settings)
    store = Store(settings.cache_url)
    key = load_key(key_path(settings.cache_url))
    target = Store(destination, private=False)
    privacy = PrivacyFilter()
    for job in jobs:
        privacy.hide(job.uri, f"input {job.ordinal}")
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    install(privacy)
    with scratch() as folder:
        try:
            ledger = Ledger(target)
            ledger.flush()
        except OSError as error:
            raise UsageError(f"DESTINATION cannot be written ({type(error).__name__}).") from None
        people = Gallery(store, settings.identity_scope, dataset_id(key, destination, settings))
        services = Services(store, target, ledger, people, key, folder, reporter, stages, privacy)
        try:
            yield services
            # Only now: a run that was stopped goes on later, and must still know who has which twin.
            if not settings.keep_intermediates:
                _forget(people)
        except KeyboardInterrupt:
            raise Cancelled from None
        finally:
            services.cancelled.set()
            services.ledger.flush()


def _forget(people: Gallery) -> None:
    try:
        people.forget()
    except OSError as error:
        log.error("%s could not be removed from the cache (%s); remove it by hand.", people.path, type(error).__name__)


def dataset_id(key: bytes, destination: str, settings: Settings) -> str:
    """Keyed name of the dataset that a destination stands for: the same for every run into it with one embedder, since
    vectors of different networks cannot be compared."""
    from models import profiles

    (embedder,) = profiles.digests(settings, ("embedder",)).items()
    named = "\x00".join((*embedder, absolute(destination))).encode("utf-8", "surrogateescape")
    return public_id(key, hashlib.sha256(b"dataset:" + named).hexdigest())


def run_in_threads(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome]:
    """Convert with settings.workers threads; on interruption the running videos end at their next step."""
    if settings.workers == 1:
        return [convert_video(job, settings, services) for job in jobs]
    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="video") as pool:
        futures = [pool.submit(convert_video, job, settings, services) for job in jobs]
        try:
            return [future.result() for future in as_completed(futures)]
        except BaseException:
            services.cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
