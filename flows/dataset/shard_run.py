"""One shard on one worker."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from functools import partial

from flows.dataset import definition, shards
from flows.dataset.store_layout import folder_of, shard_lease
from flows.manifest.explanation import in_a_line
from flows.manifest.rows import VideoRow
from flows.recipes.catalogue import named
from flows.recipes.context import Stages
from flows.run.convert import Runner, Shared, Summary, convert_jobs, services_for
from flows.run.video import run_recipe
from infra.errors import UsageError
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from tasks.records import Verdict

log = logging.getLogger("anonflow")

_LEVELS = {Verdict.FAILED: logging.ERROR, Verdict.WITHHELD: logging.WARNING}


@dataclass(frozen=True)
class Machine:
    """What belongs to the machine that works.

    Attributes:
        videos: At a time.
        threads: For decoding and encoding one video.
    """

    videos: int = 1
    threads: int = 2

    @classmethod
    def from_environment(cls) -> Machine:
        """Read ANONFLOW_VIDEOS and ANONFLOW_THREADS.

        Returns:
            The machine.

        Raises:
            UsageError: When one is no number.
        """
        try:
            return cls(int(os.environ.get("ANONFLOW_VIDEOS", 1)), int(os.environ.get("ANONFLOW_THREADS", 2)))
        except ValueError:
            raise UsageError("ANONFLOW_VIDEOS and ANONFLOW_THREADS must be whole numbers.") from None


class LogReporter:
    """Writes each verdict to a logger, by public id, with its reason and what to do."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self._logger = logger

    def stage(self, ordinal: int, public_id: str, name: str, done: int, total: int) -> None:
        """Do nothing: stages are seen elsewhere.

        Args:
            ordinal: Not used.
            public_id: Not used.
            name: Not used.
            done: Not used.
            total: Not used.
        """

    def finished(self, row: VideoRow, reused: bool) -> None:
        """Log the verdict.

        Args:
            row: Of the video.
            reused: Not used.
        """
        self._logger.log(_LEVELS.get(row.verdict, logging.INFO), "%s", in_a_line(row))

    def unchanged(self, count: int) -> None:
        """Log how many videos are unchanged, if any.

        Args:
            count: How many.
        """
        if count:
            self._logger.info("%d unchanged since an earlier run", count)


def convert_shard(
    run: str,
    number: int,
    runner: Runner,
    machine: Machine,
    logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
    stop: threading.Event,
    watched: bool,
    stages: Stages | None = None,
) -> Summary | None:
    """Convert the videos of a shard; those that a worker before this one has done are only looked at.

    Args:
        run: Id of the run.
        number: Of the shard.
        runner: Converts the videos.
        machine: What belongs to this machine.
        logger: Hears the verdicts.
        stop: Ends the work when set.
        watched: Whether this process may be ended for a video that hangs.
        stages: The chain between probe and publish, None for the real one.

    Returns:
        The verdicts; None when another worker has the shard.

    Raises:
        UsageError: When the run has ended.
        WeightsError: When weights are not in place.
        StoreUnavailable: When the store does not answer.
    """
    store, folder = Store(Settings().cache_url), folder_of(run)
    dataset = definition.load_snapshot(store, folder)
    settings = dataset.with_settings(workers=machine.videos, threads=machine.threads)
    stages = stages or partial(run_recipe, named(settings.recipe, "video"))
    shard = shards.load(store, folder, number)
    with Leases(store) as leases, leases.holding(shard_lease(run, number)) as claim:
        if claim is None:
            log.warning("Shard %d: another worker has it.", number)
            return None
        shared = Shared(run, dataset.name, stop, watched)
        jobs = list(shard.jobs)
        with services_for(jobs, dataset.destination, settings, LogReporter(logger), stages, shared) as services:
            return convert_jobs(jobs, settings, services, runner)
