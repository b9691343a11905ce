"""Deleting what the server knows about a dataset, and saying what it still knows."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterTags
from prefect.exceptions import ObjectNotFound

from flows.prefect.artifacts import EVALUATION, PROGRESS, RECHECK, REPORT, TIMES, VERDICTS
from flows.prefect.server.connection import connected
from flows.prefect.server.runs import MOST, WHOLE


def forget(dataset: str) -> int:
    """Delete the deployment of a dataset with its schedules, its flow runs and its artifacts at the server.

    Not guaranteed: that the server's own tables of events forget them at once; they hold names and numbers only.

    Args:
        dataset: Its name.

    Returns:
        How many flow runs there were.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        for deployment in _deployments(client, dataset):
            # With it go the runs that its schedules have planned.
            client.delete_deployment(deployment)
        for schedule, shared in _shared(client, dataset):
            client.delete_deployment_schedule(shared, schedule)
        count = 0
        while found := _of(client, dataset):
            for flow_run in found:
                client.delete_flow_run(flow_run)
            count += len(found)
        while artifacts := _artifacts(client, dataset):
            for artifact in artifacts:
                client.delete_artifact(artifact)
        return count


def left(dataset: str) -> list[str]:
    """Return what the server still knows about a dataset.

    Args:
        dataset: Its name.

    Returns:
        Kinds and ids, empty when nothing is left.

    Raises:
        ServerUnavailable: When the server does not answer.
    """
    with connected() as client:
        found = [("flow run", one) for one in _of(client, dataset)]
        found += [("deployment", one) for one in _deployments(client, dataset)]
        found += [("schedule", one) for one, _ in _shared(client, dataset)]
        found += [("artifact", one) for one in _artifacts(client, dataset)]
        return [f"{kind} {identifier}" for kind, identifier in found]


def _of(client: SyncPrefectClient, dataset: str) -> list[UUID]:
    """Flow runs of a dataset, some of many: those with its tag, and those that were begun by a shared deployment."""
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"dataset:{dataset}"]))
    found = [run.id for run in client.read_flow_runs(flow_run_filter=tagged, limit=MOST)]
    offset = 0
    while not found and (page := client.read_flow_runs(flow_filter=WHOLE, limit=MOST, offset=offset)):
        found = [run.id for run in page if run.parameters.get("dataset") == dataset]
        offset += len(page)
    return found


def _deployments(client: SyncPrefectClient, dataset: str) -> list[UUID]:
    try:
        return [client.read_deployment_by_name(f"convert-dataset/{dataset}").id]
    except ObjectNotFound:
        return []


def _shared(client: SyncPrefectClient, dataset: str) -> list[tuple[UUID, UUID]]:
    """Schedules of the dataset on the deployment for all, where earlier versions put them: (schedule, deployment)."""
    try:
        shared = client.read_deployment_by_name("convert-dataset/convert-dataset")
    except ObjectNotFound:
        return []
    return [(one.id, shared.id) for one in shared.schedules if one.parameters.get("dataset") == dataset]


def _artifacts(client: SyncPrefectClient, dataset: str) -> list[UUID]:
    keys = [f"{key}-{dataset}" for key in (VERDICTS, TIMES, PROGRESS, REPORT, EVALUATION, RECHECK)]
    found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=keys)), limit=MOST)
    return [one.id for one in found]
