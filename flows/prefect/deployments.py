"""The Prefect flows of dataset runs. Workers of the pool `anonflow` run them in their own process; other pools' workers
import them from here.

Parameters say which dataset, run and shard by names and numbers; where anything lies is known to the store alone.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort
from prefect.states import Cancelled as PrefectCancelled
from prefect.states import Completed, Failed

from flows.dataset import definition
from flows.dataset.coordinator import Coordinator, Policy, Takeover
from flows.dataset.shard_run import Machine, convert_shard
from flows.dataset.under_way import KINDS, noted
from flows.evaluation.dataset_report import Evaluation
from flows.evaluation.evaluate import EVERY
from flows.prefect import artifacts
from flows.prefect.prefect_scheduler import PrefectScheduler
from flows.prefect.run_page import Logger, RunPage
from flows.prefect.task_runs import as_task
from flows.prefect.tasks import runner_for, videos_as_tasks
from flows.recheck.dataset_recheck import DatasetRecheck
from flows.run.cancelled import Cancelled, LeaseLost, Stop
from flows.run.recording import log_unexpected
from infra.errors import AnonflowError, UnderWay
from infra.privacy import key_path, load_key
from infra.settings import OnFailure, Settings
from infra.storage.store import Store
from tasks.records import Verdict

log = logging.getLogger("anonflow")

STOP: ContextVar[Stop | None] = ContextVar("anonflow_stop", default=None)
"""Of the flow run; set by a worker that runs flows in its own process, to stop them."""
WATCHED: ContextVar[bool] = ContextVar("anonflow_watched", default=False)
"""Whether the process is started anew when it ends."""


_SUSPENDED = "Paused in order; what is done stays."


class Requeued(Abort):
    """The process ends in order, and the flow run is to be run again by another."""


class Suspended(Abort):
    """A person paused the flow run at the server, which runs it again when it is resumed."""


@flow(
    name="convert-dataset",
    flow_run_name="convert · {dataset}",
    persist_result=False,
    description="Convert every video of a named dataset that has no verdict yet; shards go to the workers.",
)
def convert_dataset(
    dataset: str,
    profile: str | None = None,
    policy: Literal["withhold", "redact"] | None = None,
    only_failed: bool = False,
    changes: dict[str, Any] | None = None,
    shard_seconds: float = Policy.shard_s,
    alarm_share: float = 0.2,
) -> State[None]:
    """Coordinate one run.

    Args:
        dataset: Its name, as defined by `anonflow deploy`.
        profile: Instead of what the definition says.
        policy: What to do with a face that cannot be replaced safely, instead of what the definition says.
        only_failed: Convert again what failed.
        changes: Further settings of the recipe instead of what the definition says.
        shard_seconds: Seconds of video in a shard.
        alarm_share: Share of withheld and failed inputs above which an event tells automations.

    Returns:
        How the run ended.
    """
    logger = get_run_logger()
    suffix, stop, page = f"-{dataset}", STOP.get() or Stop(), RunPage(dataset, logger)
    try:
        store = Store(Settings().cache_url)
        defined = definition.load(store, dataset)
        named = {"profile": profile, "on_failure": OnFailure(policy) if policy else None}
        chosen = {name: value for name, value in named.items() if value is not None}
        defined = replace(defined, settings=definition.changed(defined.settings, (changes or {}) | chosen))
        parameters = {
            "profile": profile,
            "policy": policy,
            "only_failed": only_failed,
            "changes": changes,
            "shard_seconds": shard_seconds,
            "alarm_share": alarm_share,
        }
        coordinator = Coordinator(
            defined,
            store,
            load_key(key_path(Settings().cache_url)),
            PrefectScheduler(stop, () if profile is None else (f"profile:{profile}",), _own_id()),
            page,
            Policy(only_failed=only_failed, shard_s=shard_seconds),
            stop,
            Takeover(str(_own_id() or ""), parameters),
        )
        done = coordinator.run()
    except Cancelled:
        return _stopped(stop)
    except UnderWay as error:
        return _skipped(error, logger, store, dataset, "convert")
    except Exception as error:
        return _failed(f"Dataset {dataset}", error, logger)
    page.conclude(done.rows)
    artifacts.attempt(lambda: artifacts.times(done.rows, suffix))
    artifacts.attempt(lambda: artifacts.report(dataset, done.rows, suffix))
    count = {verdict.value: done.record.verdicts.get(verdict.value, 0) for verdict in Verdict}
    said = ", ".join(f"{number} {verdict}" for verdict, number in count.items())
    if stop.suspended:
        raise Suspended(_SUSPENDED)
    if done.record.cancelled:
        return PrefectCancelled(message=f"Cancelled: {said}, {done.record.lost} left for the next run.")
    # A run that found nothing to do has nothing new to tell.
    if done.record.inputs > done.record.unchanged:
        artifacts.attempt(lambda: artifacts.alarm(dataset, done.rows, alarm_share))
    if done.record.lost:
        return Failed(message=f"{said}; {done.record.lost} inputs without a verdict, see the workers' logs.")
    return Completed(message=said)


@flow(
    name="convert-shard",
    persist_result=False,
    task_runner=runner_for(Settings(workers=Machine.from_environment().videos)),
    description="Convert one portion of a dataset run; submitted by convert-dataset.",
)
def convert_shard_flow(dataset: str, run: str, number: int) -> State[None]:
    """Convert one shard.

    Args:
        dataset: The name, for a person who looks.
        run: Id of the run.
        number: Of the shard in the run.

    Returns:
        How the conversion ended.
    """
    logger = get_run_logger()
    stop = STOP.get() or Stop()
    try:
        summary = convert_shard(run, number, videos_as_tasks, Machine.from_environment(), logger, stop, WATCHED.get())
    except Cancelled:
        return _stopped(stop)
    except Exception as error:
        return _failed(f"Shard {number}", error, logger)
    if summary is None:
        return Completed(name="Left", message="Another worker has this shard.")
    rows = [outcome.row for outcome in summary.outcomes]
    counted = {verdict.value: sum(row.verdict is verdict for row in rows) for verdict in Verdict}
    return Completed(message=", ".join(f"{number} {verdict}" for verdict, number in counted.items()))


@flow(
    name="evaluate-dataset",
    flow_run_name="evaluate · {dataset}",
    persist_result=False,
    description="Attack a converted dataset, measure what it is still good for, and leave a report in the store.",
)
def evaluate_dataset(dataset: str, every: int = EVERY, fid: bool = False) -> State[None]:
    """Evaluate what was converted so far.

    Args:
        dataset: Its name, as defined by `anonflow deploy`, which also says who is who.
        every: Look at every so many frames.
        fid: Also the Fréchet inception distance; the worker needs the weights of the profile evaluation-fid.

    Returns:
        How the evaluation ended.
    """
    logger = get_run_logger()
    stop = STOP.get() or Stop()
    try:
        store = Store(Settings().cache_url)
        run = Evaluation(
            definition.load(store, dataset),
            store,
            PrefectScheduler(stop),
            Machine.from_environment(),
            stop,
            str(_own_id() or ""),
        )
        content = run.run(every, as_task, fid)
    except LeaseLost:
        return Completed(name="Left", message="Another worker has taken this evaluation over.")
    except Cancelled:
        return _stopped(stop)
    except UnderWay as error:
        return _skipped(error, logger, store, dataset, "evaluate")
    except Exception as error:
        return _failed(f"Dataset {dataset}", error, logger)
    artifacts.attempt(lambda: artifacts.evaluation(content, f"-{dataset}"))
    return Completed(message=f"{content.outcome.value}: {content.verdict}")


@flow(
    name="recheck-dataset",
    flow_run_name="recheck · {dataset}",
    persist_result=False,
    description="Audit what a dataset has published again, with the worker's version of the audit.",
)
def recheck_dataset(dataset: str, pull: bool = False, against_source: bool = True) -> State[None]:
    """Recheck what was published so far; fails when a file does.

    Args:
        dataset: Its name, as defined by `anonflow deploy`.
        pull: Move what fails into the store, so that it is not served any more.
        against_source: Also compare each result with its source, where that is still there.

    Returns:
        How the recheck ended.
    """
    logger = get_run_logger()
    stop = STOP.get() or Stop()
    try:
        store = Store(Settings().cache_url)
        run = DatasetRecheck(
            definition.load(store, dataset),
            store,
            PrefectScheduler(stop),
            Machine.from_environment(),
            stop,
            str(_own_id() or ""),
        )
        done = run.run(pull, against_source, as_task)
    except LeaseLost:
        return Completed(name="Left", message="Another worker has taken this recheck over.")
    except Cancelled:
        return _stopped(stop)
    except UnderWay as error:
        return _skipped(error, logger, store, dataset, "recheck")
    except Exception as error:
        return _failed(f"Dataset {dataset}", error, logger)
    lines = [(one.public_id, ", ".join(one.reasons) + (" (pulled)" if one.pulled else "")) for one in done.failing]
    artifacts.attempt(lambda: artifacts.recheck(lines, done.said, f"-{dataset}"))
    return Failed(message=done.said) if done.failing else Completed(message=done.said)


def _own_id() -> UUID | None:
    return UUID(str(runtime.flow_run.id)) if runtime.flow_run.id else None


def _stopped(stop: Stop) -> State[None]:
    """How a flow run ends that was stopped. One whose process ends gets no state here: its worker hands it on."""
    if stop.suspended:
        raise Suspended(_SUSPENDED)
    if stop.cancelled:
        return PrefectCancelled(message="Cancelled; what is not finished is left for the next run.")
    raise Requeued("Stopped in order, to be gone on with by another worker.")


def _skipped(error: UnderWay, logger: Logger, store: Store, dataset: str, kind: str) -> State[None]:
    handle, _ = noted(store, KINDS[kind][1](dataset))
    if handle == str(_own_id()):
        # It was paused and resumed at once, and still ends in another process.
        raise Requeued("Waits until it has ended elsewhere.")
    logger.warning("Skipped: %s", error)
    return Completed(name="Skipped", message=str(error))


def _failed(what: str, error: Exception, logger: Logger) -> State[None]:
    """The texts of our own errors are safe; those of others may quote a source and stay out of the server."""
    if isinstance(error, AnonflowError):
        logger.error("%s", error)
        return Failed(message=f"{type(error).__name__}: {error}")
    log_unexpected(what, error)
    return Failed(message=f"Unexpected {type(error).__name__}; see the worker's log.")
