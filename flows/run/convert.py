"""A dataset from its source to its verdicts: with Prefect, or as plain threads."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial

from flows.manifest.manifest import Manifest
from flows.recipes.catalogue import named
from flows.recipes.clock import Reporter
from flows.recipes.context import Stages
from flows.run.cancelled import Cancelled
from flows.run.fingerprint import fingerprint
from flows.run.image import PictureChain, convert_picture
from flows.run.image import run_recipe as run_picture_recipe
from flows.run.session import Outcome, Services
from flows.run.sources import Job, absolute
from flows.run.video import convert_video, run_recipe
from flows.run.watchdog import Watchdog
from infra.errors import StoreError, UsageError
from infra.privacy import PrivacyFilter, install, key_path, load_key, public_id
from infra.process.scratch import scratch
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from models.selection import profiles
from tasks.generation.gallery import Gallery
from tasks.records import Verdict

log = logging.getLogger("anonflow")

Runner = Callable[[list[Job], Settings, Services], list[Outcome | None]]
"""Converts jobs; None for one that another process is working on."""

_LOOK_AGAIN_S = 2.0


@dataclass(frozen=True)
class Shared:
    """What a run of several processes hands to each.

    Attributes:
        run: Its id, empty for a run alone, which keeps the tables of the manifest itself and forgets the people of the
            dataset at its end.
        dataset: Its name, which leases note.
        stop: Ends the work at its next step when set; it is never set here.
        watched: Whether this process may be ended for a video that hangs.
    """

    run: str = ""
    dataset: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    watched: bool = False


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
    through: Callable[[list[Job], Settings, Services], Summary] | None = None,
    stages: Stages | None = None,
) -> Summary:
    """Convert all videos and write the manifest.

    Args:
        jobs: The videos.
        destination: Folder or fsspec address.
        settings: Of the run.
        reporter: Hears what happens.
        through: An orchestrator that runs the jobs; None for plain threads.
        stages: The chain between probe and publish; None for the recipe's.

    Returns:
        The verdicts, in order of the inputs; a single input never raises.

    Raises:
        UsageError: Before anything is started, when a setting or the destination is wrong.
        WeightsError: When weights are not in place.
    """
    if stages is None:
        profiles.check(settings)
        stages = partial(run_recipe, named(settings.recipe, "video"))
    with services_for(jobs, destination, settings, reporter, stages) as services:
        if through is not None:
            return through(jobs, settings, services)
        return convert_jobs(jobs, settings, services, run_in_threads)


def convert_pictures(jobs: list[Job], destination: str, settings: Settings, reporter: Reporter) -> Summary:
    """Convert all pictures, one after the other, and write the manifest; errors as for `convert`.

    Args:
        jobs: The pictures.
        destination: Folder or fsspec address.
        settings: Of the run.
        reporter: Hears what happens.

    Returns:
        The verdicts.
    """
    profiles.check(settings)
    recipe = named(settings.recipe, "picture")
    with services_for(jobs, destination, settings, reporter, None) as services:
        return convert_jobs(jobs, settings, services, _pictures(partial(run_picture_recipe, recipe)))


def _pictures(chain: PictureChain) -> Runner:
    def run(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome | None]:
        return [convert_picture(job, settings, services, chain) for job in jobs]

    return run


def convert_jobs(jobs: list[Job], settings: Settings, services: Services, runner: Runner) -> Summary:
    """Bring all jobs to their verdicts: those of earlier runs where they still hold, the others by the runner.

    Inputs that another process is working on are looked at again until they have their verdict.

    Args:
        jobs: The inputs.
        settings: Of the run.
        services: Of the run.
        runner: Converts inputs.

    Returns:
        The verdicts, by ordinal.
    """
    # Of the videos of a shard the coordinator has asked already, and all rows of a dataset are much to read.
    done = {} if settings.overwrite or services.run else up_to_date(jobs, settings, services)
    outcomes = list(done.values())
    services.reporter.unchanged(len(outcomes))
    left = [job for job in jobs if job.ordinal not in done]
    while left:
        made = runner(left, settings, services)
        outcomes += [outcome for outcome in made if outcome is not None]
        busy = [job for job, outcome in zip(left, made, strict=True) if outcome is None]
        if len(busy) == len(left):
            services.stop.wait(_LOOK_AGAIN_S)
            services.check()
        left = busy
    return Summary(tuple(sorted(outcomes, key=lambda outcome: outcome.row.ordinal)))


def up_to_date(jobs: list[Job], settings: Settings, services: Services) -> dict[int, Outcome]:
    """Return the verdicts of the inputs for which listings show that an earlier run has done them.

    Args:
        jobs: The inputs.
        settings: Of the run.
        services: Of the run.

    Returns:
        Ordinal -> verdict.
    """
    known = services.manifest.current_results(fingerprint(settings))
    rows = {job.ordinal: known.get((job.input_id(services.key), job.stamp_id(services.key))) for job in jobs}
    return {n: Outcome(replace(row, ordinal=n), True) for n, row in rows.items() if row is not None}


@contextlib.contextmanager
def services_for(
    jobs: list[Job],
    destination: str,
    settings: Settings,
    reporter: Reporter,
    stages: Stages | None,
    shared: Shared | None = None,
) -> Iterator[Services]:
    """Provide what the conversion of some jobs needs, for the length of the block. Errors as for `convert`.

    Args:
        jobs: The inputs.
        destination: Folder or fsspec address.
        settings: Of the run.
        reporter: Hears what happens.
        stages: The chain in the middle of a video.
        shared: None for a run alone.

    Yields:
        The services.
    """
    shared = shared or Shared()
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
    with scratch() as folder, Leases(store, about=shared.dataset) as leases:
        try:
            manifest = Manifest(target, tables=not shared.run)
            if not shared.run:
                manifest.flush()
        except (OSError, StoreError) as error:
            raise UsageError(f"DESTINATION cannot be written ({type(error).__name__}).") from None
        people = _gallery(store, dataset_id(key, destination, settings), settings, leases)
        services = Services(
            store,
            target,
            manifest,
            people,
            key,
            folder,
            reporter,
            stages,
            leases,
            privacy,
            stop=shared.stop,
            run=shared.run,
        )
        with contextlib.ExitStack() as stack:
            if shared.watched:
                services.watchdog = stack.enter_context(Watchdog(leases))
            try:
                yield services
                # Only now: a run that was stopped goes on later, and must still know who has which twin.
                if not settings.keep_intermediates and not shared.run:
                    forget(people)
            except KeyboardInterrupt:
                raise Cancelled from None
            finally:
                services.cancelled.set()
                if not shared.run:
                    services.manifest.flush()


def _gallery(store: Store, dataset: str, settings: Settings, leases: Leases) -> Gallery:
    (inpainter,) = profiles.roles(settings)["inpainter"].backends
    return Gallery(store, settings.identity_scope, dataset, leases, profiles.digest("inpainter", inpainter))


def forget(people: Gallery) -> None:
    """Remove what a run knows about the people of its dataset; what cannot be removed is logged.

    Args:
        people: The gallery.
    """
    try:
        people.forget()
    except (OSError, StoreError) as error:
        log.error("%s could not be removed from the cache (%s); remove it by hand.", people.path, type(error).__name__)


def dataset_id(key: bytes, destination: str, settings: Settings) -> str:
    """Return the keyed name of the dataset that a destination stands for.

    It is the same for every run into it with one embedder, since vectors of different networks cannot be compared.

    Args:
        key: Makes keyed ids.
        destination: Folder or fsspec address.
        settings: Name the embedder.

    Returns:
        The name.
    """
    (embedder,) = profiles.digests(settings, ("embedder",)).items()
    named = "\x00".join((*embedder, absolute(destination))).encode("utf-8", "surrogateescape")
    return public_id(key, hashlib.sha256(b"dataset:" + named).hexdigest())


def run_in_threads(jobs: list[Job], settings: Settings, services: Services) -> list[Outcome | None]:
    """Convert with settings.workers threads; on interruption the running videos end at their next step.

    Args:
        jobs: The videos.
        settings: Of the run.
        services: Of the run.

    Returns:
        One outcome per job, None for one that another process is working on.
    """
    convert_one = partial(convert_video, settings=settings, services=services)
    if settings.workers == 1:
        return [convert_one(job) for job in jobs]
    with ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="video") as pool:
        futures = [pool.submit(convert_one, job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            services.cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]
