"""When a dataset runs by itself: schedules of its deployment, which Prefect's commands and pages change too."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from flows.prefect.server.connection import connected
from flows.prefect.server.registration import deployment_of
from infra.errors import UsageError

OURS = "anonflow: "
"""Begins the names of schedules that the command makes, by which it tells them from those made in Prefect's pages."""
_SHARED = "convert-dataset/convert-dataset"
_PLANNED = "auto-scheduled"
"""Tag that the server gives to runs that it has planned."""
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf"scheduled {_ID} ({_ID}) .+")
"""The key that the server gives to a planned run: deployment, schedule, time."""
_NOT_FOUND = 404


@dataclass(frozen=True)
class Schedules:
    """When a dataset runs by itself.

    Attributes:
        schedules: In words, active ones and others.
        paused: Whether none of them makes runs at present.
        upcoming: When the next runs that the server has planned begin.
    """

    schedules: tuple[str, ...]
    paused: bool
    upcoming: tuple[datetime, ...]


def cron_schedule(cron: str, timezone: str = "UTC") -> CronSchedule:
    """Return a schedule.

    Args:
        cron: Five fields: minute, hour, day of the month, month, day of the week.
        timezone: Of the times, by its IANA name.

    Returns:
        The schedule.

    Raises:
        UsageError: For what is no cron expression, or no time zone.
    """
    try:
        return CronSchedule(cron=cron, timezone=timezone)
    except ValueError:
        raise UsageError(
            f"{cron!r} is no cron expression, or {timezone!r} no time zone. Minute, hour, day of the month, month and "
            "day of the week are wanted: '0 22 * * *' is every night at ten."
        ) from None


def schedule(dataset: str, cron: str, timezone: str = "UTC") -> None:
    """Run a dataset at the times of a cron expression, instead of an earlier one that was given here.

    Schedules of other datasets, and those that a person made in Prefect's pages, stay as they are.

    Args:
        dataset: Its name.
        cron: The expression; an empty one takes all schedules of the dataset away.
        timezone: Of the times.

    Raises:
        UsageError: For what is no cron expression, or no time zone.
        ServerUnavailable: When the server does not answer.
    """
    wanted = cron_schedule(cron, timezone) if cron else None
    with connected() as client:
        _move_shared(client)
        deployment = deployment_of(client, dataset)
        for known in deployment.schedules:
            if wanted is None or _ours(known):
                client.delete_deployment_schedule(deployment.id, known.id)
        if wanted is not None:
            made = DeploymentScheduleCreate(schedule=wanted, active=True, slug=OURS + cron)
            client.create_deployment_schedules(deployment.id, [made])
        tidy_planned(client)


def pause(dataset: str, paused: bool) -> None:
    """Let the schedules of a dataset make no runs, or make them again; a run that is under way goes on.

    Args:
        dataset: Its name.
        paused: Whether they make none.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        deployment = deployment_of(client, dataset)
        (client.pause_deployment if paused else client.resume_deployment)(deployment.id)


def schedules_of(dataset: str) -> Schedules:
    """Return when a dataset runs by itself.

    Args:
        dataset: Its name.

    Returns:
        Its schedules.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        deployment = deployment_of(client, dataset)
        planned = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
            tags=FlowRunFilterTags(all_=[_PLANNED]),
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Scheduled"])),
        )
        runs = client.read_flow_runs(flow_run_filter=planned, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=3)
        said = tuple(_in_words(known) for known in deployment.schedules)
        times = tuple(run.expected_start_time for run in runs if run.expected_start_time)
        return Schedules(said, bool(deployment.paused), times)


def tidy_planned(client: SyncPrefectClient) -> list[FlowRun]:
    """Name the runs that the server has planned for datasets by their dataset, and remove those of no schedule.

    The server gives them names at random. And where a schedule is taken away in the moment in which the server plans
    its runs, they stay, and would begin.

    Args:
        client: Of the server.

    Returns:
        The runs that were named.
    """
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=["anonflow", _PLANNED]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Scheduled"])),
    )
    found = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200)
    # Read after the runs: a schedule that was made meanwhile has none among them.
    known = {one: _schedules(client, one) for one in {run.deployment_id for run in found if run.deployment_id}}
    named = []
    for run in found:
        schedule_id = _schedule_of(run)
        name = f"convert · {run.parameters.get('dataset')}"
        with _gone_meanwhile():
            if schedule_id and run.deployment_id and schedule_id not in known[run.deployment_id]:
                client.delete_flow_run(run.id)
            elif run.name != name:
                client.update_flow_run(run.id, name=name)
                named.append(run)
    return named


@contextlib.contextmanager
def _gone_meanwhile() -> Iterator[None]:
    """The server removes planned runs whenever their deployment changes: that one is gone is no error."""
    try:
        yield
    except ObjectNotFound:
        return
    except PrefectHTTPStatusError as error:
        if error.response.status_code != _NOT_FOUND:
            raise


def _schedules(client: SyncPrefectClient, deployment: UUID) -> set[UUID]:
    """The schedules of a deployment; none where it is gone."""
    try:
        return {known.id for known in client.read_deployment(deployment).schedules}
    except ObjectNotFound:
        return set()


def _schedule_of(run: FlowRun) -> UUID | None:
    """The schedule that a planned run was made for; None where its key names none, as those of other servers may."""
    found = _KEY.fullmatch(run.idempotency_key or "")
    return UUID(found.group(1)) if found else None


def move_all_shared() -> None:
    """Give schedules that earlier versions put on one deployment to the deployments of their datasets.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        _move_shared(client)


def _move_shared(client: SyncPrefectClient) -> None:
    try:
        shared = client.read_deployment_by_name(_SHARED)
    except ObjectNotFound:
        return
    for known in shared.schedules:
        dataset = known.parameters.get("dataset")
        if not dataset:
            continue
        deployment = deployment_of(client, dataset)
        # Earlier versions made one of a dataset; more were made in Prefect's pages.
        mine = not any(_ours(other) for other in deployment.schedules)
        slug = OURS + getattr(known.schedule, "cron", "") if mine else None
        made = DeploymentScheduleCreate(
            schedule=known.schedule,
            active=known.active and not shared.paused,
            parameters=known.parameters,
            max_scheduled_runs=known.max_scheduled_runs,
            slug=slug,
        )
        # An equal one was moved before: by a command that was interrupted, or out of prefect.yaml.
        before = [(other.schedule, other.parameters) for other in deployment.schedules]
        if (made.schedule, made.parameters) not in before:
            client.create_deployment_schedules(deployment.id, [made])
        client.delete_deployment_schedule(shared.id, known.id)


def _ours(known: Any) -> bool:
    return (known.slug or "").startswith(OURS)


def _in_words(known: Any) -> str:
    schedule = known.schedule
    if isinstance(schedule, CronSchedule):
        said = f"{schedule.cron} ({schedule.timezone or 'UTC'})"
    else:
        interval = getattr(schedule, "interval", None)
        said = f"every {interval}" if interval is not None else str(getattr(schedule, "rrule", ""))
    return said if known.active else f"{said}, not active"
