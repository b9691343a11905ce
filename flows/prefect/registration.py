"""Work pools, queues and deployments at a Prefect server: what `anonflow deploy` makes, and prefect.yaml describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.base import BaseJobConfiguration, BaseVariables

from flows.prefect.artifacts import EVALUATION, PROGRESS, RECHECK, REPORT, TIMES, VERDICTS
from flows.prefect.deployments import convert_dataset, convert_shard_flow, evaluate_dataset, recheck_dataset

POOL, DATASETS, SHARDS = "anonflow", "datasets", "shards"


@dataclass(frozen=True)
class Deployed:
    """A deployment by its full name, with the pool and queue whose workers run it."""

    name: str
    entrypoint: str
    pool: str
    queue: str


def deployments(shard_pool: str = POOL) -> tuple[tuple[Any, Deployed], ...]:
    """Return the flows with their deployments.

    Args:
        shard_pool: Pool whose workers convert shards; only our own has our queues.

    Returns:
        (flow, deployment) of each.
    """
    queue = SHARDS if shard_pool == POOL else "default"
    return (
        (convert_dataset, Deployed("convert-dataset", "flows.prefect.deployments.convert_dataset", POOL, DATASETS)),
        (
            convert_shard_flow,
            Deployed("convert-shard", "flows.prefect.deployments.convert_shard_flow", shard_pool, queue),
        ),
        (
            evaluate_dataset,
            Deployed("evaluate-dataset", "flows.prefect.deployments.evaluate_dataset", shard_pool, queue),
        ),
        (recheck_dataset, Deployed("recheck-dataset", "flows.prefect.deployments.recheck_dataset", shard_pool, queue)),
    )


def register(shard_pool: str = POOL, shards_at_a_time: int | None = None) -> list[str]:
    """Make or update pool, queues and deployments.

    Raises what Prefect's client raises when the server cannot be reached, or has no pool called `shard_pool`.

    Args:
        shard_pool: Pool whose workers convert shards.
        shards_at_a_time: Limit over all workers, which also bounds the load on the storage; None for no limit.

    Returns:
        The deployments' full names.
    """
    with get_client(sync_client=True) as client:
        _pool(client)
        _queue(client, DATASETS, None)
        _queue(client, SHARDS, shards_at_a_time)
        made = []
        for function, deployed in deployments(shard_pool):
            client.create_deployment(
                flow_id=client.create_flow(function),
                name=deployed.name,
                entrypoint=deployed.entrypoint,
                work_pool_name=deployed.pool,
                work_queue_name=deployed.queue,
                description=function.description,
                parameter_openapi_schema=function.parameters.model_dump(),
                enforce_parameter_schema=True,
                tags=["anonflow"],
            )
            made.append(f"{function.name}/{deployed.name}")
        return made


def schedule(dataset: str, cron: str, timezone: str = "UTC") -> None:
    """Run a dataset at the times of a cron expression, instead of an earlier schedule of it.

    Args:
        dataset: Its name.
        cron: The expression; an empty one ends the schedule.
        timezone: Of the times.
    """
    with get_client(sync_client=True) as client:
        deployment = _unscheduled(client, dataset)
        if cron:
            made = DeploymentScheduleCreate(
                schedule=CronSchedule(cron=cron, timezone=timezone), active=True, parameters={"dataset": dataset}
            )
            client.create_deployment_schedules(deployment.id, [made])


def _unscheduled(client: Any, dataset: str) -> Any:
    """The deployment, after the dataset's schedules were taken away from it."""
    deployment = client.read_deployment_by_name("convert-dataset/convert-dataset")
    for known in deployment.schedules:
        if known.parameters.get("dataset") == dataset:
            client.delete_deployment_schedule(deployment.id, known.id)
    return deployment


def trigger(dataset: str, verb: str = "convert", key: str | None = None, **parameters: Any) -> UUID:
    """Queue a run of a dataset now.

    Args:
        dataset: Its name.
        verb: convert, evaluate or recheck.
        key: Runs with the same key are one.
        **parameters: Of the flow.

    Returns:
        The flow run's id, of the earlier one when there was one with this key.

    Raises:
        ObjectNotFound: When nothing is registered.
    """
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{verb}-dataset/{verb}-dataset")
        created = client.create_flow_run_from_deployment(
            deployment.id,
            parameters={"dataset": dataset, **parameters},
            name=f"{verb} · {dataset}",
            tags=["anonflow", f"dataset:{dataset}"],
            idempotency_key=key,
        )
        return created.id


def latest(dataset: str, flow_run: UUID) -> tuple[UUID, State[Any] | None]:
    """Return the flow run of a dataset that matters now, given an earlier one.

    Args:
        dataset: Its name.
        flow_run: Id of the earlier flow run.

    Returns:
        (id, state) of that flow run itself, or of the one that took over after its worker had died.
    """
    with get_client(sync_client=True) as client:
        present = client.read_flow_run(flow_run)
        tagged = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[f"dataset:{dataset}"]),
            deployment_id=FlowRunFilterDeploymentId(any_=[present.deployment_id] if present.deployment_id else None),
        )
        newest = client.read_flow_runs(flow_run_filter=tagged, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
        if newest and present.state_type in (StateType.RUNNING, StateType.CRASHED):
            return newest[0].id, newest[0].state
        return flow_run, present.state


def forget(dataset: str) -> int:
    """Delete the flow runs and artifacts of a dataset at the server.

    Not guaranteed: that the server's own log and event tables forget them at once; they hold names and numbers only.

    Args:
        dataset: Its name.

    Returns:
        How many flow runs there were.
    """
    with get_client(sync_client=True) as client:
        tagged, count = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"dataset:{dataset}"])), 0
        while found := client.read_flow_runs(flow_run_filter=tagged, limit=200):
            for flow_run in found:
                client.delete_flow_run(flow_run.id)
            count += len(found)
        for key in (VERDICTS, TIMES, PROGRESS, REPORT, EVALUATION, RECHECK):
            wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[f"{key}-{dataset}"]))
            for artifact in client.read_artifacts(artifact_filter=wanted):
                client.delete_artifact(artifact.id)
        _unscheduled(client, dataset)
        return count


def _pool(client: Any) -> None:
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = BaseJobConfiguration.json_template()
        variables = BaseVariables.model_json_schema()
        job = {"job_configuration": template, "variables": variables}
        client.create_work_pool(WorkPoolCreate(name=POOL, type=POOL, base_job_template=job))


def _queue(client: Any, name: str, limit: int | None) -> None:
    try:
        client.create_work_queue(name, concurrency_limit=limit, work_pool_name=POOL)
    except ObjectAlreadyExists:
        known = client.read_work_queue_by_name(name, work_pool_name=POOL)
        client.update_work_queue(known.id, concurrency_limit=limit)
