"""Where the store keeps what belongs to runs of datasets, and what it tells of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from infra.storage.store import Prefix, Store

_PULLED = f"{Prefix.IDENTIFYING.value}/pulled"
"""Folder of the private store that holds what was pulled, by public id; it may show a real person, so it is sealed
where the store is."""


@dataclass(frozen=True)
class RunRecord:
    """What the store says about the last run of a dataset; safe to show. Times are UTC, ISO 8601.

    Attributes:
        verdicts: Of all inputs of the dataset, those of earlier runs too.
        lost: Inputs that the run left without a verdict.
        cancelled: Whether a person cancelled it.
    """

    dataset: str
    run: str
    started_at: str
    finished_at: str
    inputs: int
    unchanged: int
    shards: int
    verdicts: dict[str, int]
    lost: int
    cancelled: bool = False


def folder_of(run: str) -> str:
    """Return where a run keeps its definition and its shards, which name sources.

    Args:
        run: Id of the run.

    Returns:
        The folder.
    """
    return f"{Prefix.IDENTIFYING.value}/run-{run}"


def report_folder(dataset: str) -> str:
    """Return where the report of a dataset lies until it is fetched.

    As long as no person has looked at it, pictures in it may show a real person.

    Args:
        dataset: Its name.

    Returns:
        The folder.
    """
    return f"{Prefix.IDENTIFYING.value}/report-{dataset}"


def evaluation_of(name: str) -> str:
    """Return the name under which the store keeps what is measured during an evaluation.

    It is also the name of the lease of the worker that evaluates a dataset.

    Args:
        name: Of the dataset, or the public id of a video.

    Returns:
        The name.
    """
    return f"evaluation-{name}"


def recheck_of(dataset: str) -> str:
    """Return the name of the lease of the worker that rechecks a dataset.

    Args:
        dataset: Its name.

    Returns:
        The name.
    """
    return f"recheck-{dataset}"


def lease_of(dataset: str) -> str:
    """Return the name of the lease of a dataset's coordinator.

    Args:
        dataset: Its name.

    Returns:
        The name.
    """
    return f"coordinator-{dataset}"


def shard_lease(run: str, number: int) -> str:
    """Return the name of the lease of the worker on a shard.

    Args:
        run: Id of the run.
        number: Of the shard.

    Returns:
        The name.
    """
    return f"shard-{run}-{number}"


def record_path(dataset: str) -> str:
    """Return where the record of the last run of a dataset lies.

    Args:
        dataset: Its name.

    Returns:
        The path.
    """
    return f"{Prefix.SAFE.value}/runs/{dataset}.json"


def present_path(dataset: str) -> str:
    """Return where the run that is under way is noted.

    Args:
        dataset: Its name.

    Returns:
        The path.
    """
    return f"{Prefix.SAFE.value}/coordinators/{dataset}.json"


def evaluation_path(dataset: str) -> str:
    """Return where the evaluation that is under way is noted.

    Args:
        dataset: Its name.

    Returns:
        The path.
    """
    return f"{Prefix.SAFE.value}/evaluations/{dataset}.json"


def recheck_path(dataset: str) -> str:
    """Return where the recheck that is under way is noted.

    Args:
        dataset: Its name.

    Returns:
        The path.
    """
    return f"{Prefix.SAFE.value}/rechecks/{dataset}.json"


def last_run(store: Store, dataset: str) -> RunRecord | None:
    """Return the record of the last run that ended.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        The record, None when there is none.
    """
    value = store.read_json(record_path(dataset))
    return RunRecord(**value) if value is not None else None


def save_record(store: Store, record: RunRecord) -> None:
    """Store the record of the last run of a dataset.

    Args:
        store: Private store.
        record: Of the run.
    """
    values = asdict(record)
    # Commands of a version that knows no cancelled runs can read the others.
    if not record.cancelled:
        del values["cancelled"]
    store.write_named(record_path(record.dataset), json.dumps(values).encode())


def pulled_folder(public_id: str) -> str:
    """Return where the pulled results of one content lie in the store.

    Args:
        public_id: Of the content.

    Returns:
        The folder.
    """
    return f"{_PULLED}/{public_id}"
