"""Where the store keeps what belongs to runs of datasets, and what it tells of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from infra.storage.inventory import store_time
from infra.storage.lease import FOLDER as LEASES
from infra.storage.lease import TTL_S
from infra.storage.store import Prefix, Store


@dataclass(frozen=True)
class RunRecord:
    """What the store says about the last run of a dataset; safe to show. Times are UTC, ISO 8601."""

    dataset: str
    run: str
    started_at: str
    finished_at: str
    inputs: int
    unchanged: int
    shards: int
    verdicts: dict[str, int]
    lost: int


def folder_of(run: str) -> str:
    """Where a run keeps its definition and its shards, which name sources."""
    return f"{Prefix.IDENTIFYING.value}/run-{run}"


def report_folder(dataset: str) -> str:
    """Where the report of a dataset lies until somebody fetches it; as long as nobody has looked at it, pictures in it
    may show anybody."""
    return f"{Prefix.IDENTIFYING.value}/report-{dataset}"


def evaluation_of(name: str) -> str:
    """Under which name the store keeps what is measured while a dataset, or a video by its public id, is evaluated;
    also the name of the lease of the worker that evaluates a dataset."""
    return f"evaluation-{name}"


def recheck_of(dataset: str) -> str:
    """Name of the lease of the worker that rechecks a dataset."""
    return f"recheck-{dataset}"


def lease_of(dataset: str) -> str:
    """Name of the lease of a dataset's coordinator."""
    return f"coordinator-{dataset}"


def shard_lease(run: str, number: int) -> str:
    """Name of the lease of the worker on a shard."""
    return f"shard-{run}-{number}"


def coordinated(store: Store, dataset: str) -> bool:
    """Whether a coordinator of the dataset gave a sign of life lately: by the store's clock, at one look."""
    return _lately(store, lease_of(dataset))


def evaluated(store: Store, dataset: str) -> bool:
    """Whether a worker that evaluates the dataset gave a sign of life lately, as `coordinated`."""
    return _lately(store, evaluation_of(dataset))


def rechecked(store: Store, dataset: str) -> bool:
    """Whether a worker that rechecks the dataset gave a sign of life lately, as `coordinated`."""
    return _lately(store, recheck_of(dataset))


def _lately(store: Store, lease: str) -> bool:
    beats = [entry.modified for entry in store.entries(f"{LEASES}/{lease}").values()]
    return bool(beats) and (store_time(store) - max(beats)).total_seconds() < TTL_S


def record_path(dataset: str) -> str:
    """Where the record of the last run of a dataset lies."""
    return f"{Prefix.SAFE.value}/runs/{dataset}.json"


def present_path(dataset: str) -> str:
    """Where the run that is under way is noted."""
    return f"{Prefix.SAFE.value}/coordinators/{dataset}.json"


def present_run(store: Store, dataset: str) -> tuple[str, dict[str, Any]]:
    """Id and parameters of the run that is under way, or did not end in order; empty when there is none."""
    value = store.read_json(present_path(dataset))
    return (str(value["run"]), dict(value["parameters"])) if value is not None else ("", {})


def evaluation_path(dataset: str) -> str:
    """Where the evaluation that is under way is noted."""
    return f"{Prefix.SAFE.value}/evaluations/{dataset}.json"


def recheck_path(dataset: str) -> str:
    """Where the recheck that is under way is noted."""
    return f"{Prefix.SAFE.value}/rechecks/{dataset}.json"


def note_work(store: Store, path: str, handle: str, parameters: dict[str, Any]) -> None:
    """Note by which handle the engine knows the work that is under way, and what it was begun with."""
    store.write_named(path, json.dumps({"handle": handle, "parameters": parameters}).encode())


def noted_work(store: Store, path: str) -> tuple[str, dict[str, Any]]:
    """Handle and parameters of the work that is under way, or did not end in order; empty when there is none."""
    value = store.read_json(path)
    return (str(value["handle"]), dict(value["parameters"])) if value is not None else ("", {})


def present_evaluation(store: Store, dataset: str) -> tuple[str, dict[str, Any]]:
    """Handle and parameters of the evaluation that is under way, as `noted_work`."""
    return noted_work(store, evaluation_path(dataset))


def present_recheck(store: Store, dataset: str) -> tuple[str, dict[str, Any]]:
    """Handle and parameters of the recheck that is under way, as `noted_work`."""
    return noted_work(store, recheck_path(dataset))


def last_run(store: Store, dataset: str) -> RunRecord | None:
    """The record of the last run that ended, None when there is none."""
    value = store.read_json(record_path(dataset))
    return RunRecord(**value) if value is not None else None
