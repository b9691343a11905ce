"""Work pools, queues and deployments at a Prefect server: what `anonflow deploy` makes, and prefect.yaml describes.

Each dataset has a deployment of its own, `convert-dataset/NAME`; its schedules are in the file beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.workers.base import BaseJobConfiguration, BaseVariables

from flows.prefect.deployments import convert_dataset, convert_shard_flow, evaluate_dataset, recheck_dataset
from flows.prefect.server.connection import connected
from infra.errors import UsageError

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


def check(shard_pool: str, dataset: str = "") -> None:
    """Find out what would keep `register` and `register_dataset` from their work, before anything is stored.

    Args:
        shard_pool: Pool whose workers convert shards.
        dataset: Name of a dataset that is to have a deployment, if any.

    Raises:
        UsageError: When the server has no such pool, or for the name of the deployment that all datasets share.
        ServerUnavailable: When the server does not answer.
    """
    if dataset == convert_dataset.name:
        raise UsageError(f"A dataset cannot be called {dataset}: choose another name.")
    with connected() as client:
        client.hello()
        if shard_pool != POOL:
            _check_pool(client, shard_pool)


def register(shard_pool: str = POOL, shards_at_a_time: int | None = None) -> list[str]:
    """Make or update pool, queues and deployments.

    Args:
        shard_pool: Pool whose workers convert shards.
        shards_at_a_time: Limit over all workers, which also bounds the load on the storage; None for no limit.

    Returns:
        The deployments' full names.

    Raises:
        UsageError: When the server has no pool called `shard_pool`.
        ServerUnavailable: When it does not answer.
    """
    with connected() as client:
        _pool(client)
        _check_pool(client, shard_pool)
        _queue(client, DATASETS, None)
        _queue(client, SHARDS, shards_at_a_time)
        for function, deployed in deployments(shard_pool):
            _deploy(client, function, deployed, function.description)
        return [f"{function.name}/{deployed.name}" for function, deployed in deployments(shard_pool)]


def register_dataset(dataset: str, description: str) -> UUID:
    """Make or update the deployment of a dataset; its schedules stay as they are.

    Args:
        dataset: Its name.
        description: What the server's pages say of it; safe to show.

    Returns:
        Id of the deployment.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        return _of_dataset(client, dataset, description)


def deployment_of(client: SyncPrefectClient, dataset: str) -> Any:
    """Return the deployment of a dataset, which is made where an earlier version of anonflow defined the dataset.

    Args:
        client: Of the server.
        dataset: Its name.

    Returns:
        The deployment.
    """
    try:
        return client.read_deployment_by_name(f"{convert_dataset.name}/{dataset}")
    except ObjectNotFound:
        return client.read_deployment(_of_dataset(client, dataset, "Converts the videos of this dataset."))


def _of_dataset(client: SyncPrefectClient, dataset: str, description: str) -> UUID:
    deployed = Deployed(dataset, deployments()[0][1].entrypoint, POOL, DATASETS)
    return _deploy(client, convert_dataset, deployed, description, {"dataset": dataset}, (f"dataset:{dataset}",))


def _deploy(
    client: SyncPrefectClient,
    function: Any,
    deployed: Deployed,
    description: str,
    parameters: dict[str, Any] | None = None,
    tags: tuple[str, ...] = (),
) -> UUID:
    """Make or update a deployment. To make one that is there would take its schedules away."""
    values: dict[str, Any] = {
        "entrypoint": deployed.entrypoint,
        "work_pool_name": deployed.pool,
        "work_queue_name": deployed.queue,
        "description": description,
        "parameters": parameters or {},
        "enforce_parameter_schema": True,
        "tags": ["anonflow", *tags],
    }
    schema = function.parameters.model_dump()
    try:
        known = client.read_deployment_by_name(f"{function.name}/{deployed.name}")
    except ObjectNotFound:
        flow = client.create_flow(function)
        return client.create_deployment(flow_id=flow, name=deployed.name, parameter_openapi_schema=schema, **values)
    client.update_deployment(known.id, DeploymentUpdate(parameter_openapi_schema=schema, **values))
    return known.id


def _pool(client: Any) -> None:
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        template = BaseJobConfiguration.json_template()
        variables = BaseVariables.model_json_schema()
        job = {"job_configuration": template, "variables": variables}
        client.create_work_pool(WorkPoolCreate(name=POOL, type=POOL, base_job_template=job))


def _check_pool(client: Any, name: str) -> None:
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        raise UsageError(f"The server has no work pool {name}; make it with `prefect work-pool create`.") from None


def _queue(client: Any, name: str, limit: int | None) -> None:
    try:
        client.create_work_queue(name, concurrency_limit=limit, work_pool_name=POOL)
    except ObjectAlreadyExists:
        known = client.read_work_queue_by_name(name, work_pool_name=POOL)
        client.update_work_queue(known.id, concurrency_limit=limit)
