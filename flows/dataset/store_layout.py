"""Where the store keeps what belongs to runs of datasets, and what it tells of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from infra.storage.inventory import store_time
from infra.storage.lease import FOLDER as LEASES
from infra.storage.lease import TTL_S
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


def coordinated(store: Store, dataset: str) -> bool:
    """Return whether a coordinator of the dataset gave a sign of life lately: by the store's clock, at one look.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        Whether it did.
    """
    return _lately(store, lease_of(dataset))


def evaluated(store: Store, dataset: str) -> bool:
    """Return whether a worker that evaluates the dataset gave a sign of life lately, as `coordinated`.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        Whether it did.
    """
    return _lately(store, evaluation_of(dataset))


def rechecked(store: Store, dataset: str) -> bool:
    """Return whether a worker that rechecks the dataset gave a sign of life lately, as `coordinated`.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        Whether it did.
    """
    return _lately(store, recheck_of(dataset))


def _lately(store: Store, lease: str) -> bool:
    beats = [entry.modified for entry in store.entries(f"{LEASES}/{lease}").values()]
    return bool(beats) and (store_time(store) - max(beats)).total_seconds() < TTL_S


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


def present_run(store: Store, dataset: str) -> tuple[str, dict[str, Any]]:
    """Return the run that is under way, or did not end in order.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        (id, parameters) of the run; empty when there is none.
    """
    value = store.read_json(present_path(dataset))
    return (str(value["run"]), dict(value["parameters"])) if value is not None else ("", {})


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


def note_work(store: Store, path: str, handle: str, parameters: dict[str, Any]) -> None:
    """Note by which handle the scheduler knows the work that is under way, and what it was begun with.

    Args:
        store: Private store.
        path: Where it is noted.
        handle: Of the work.
        parameters: What it was begun with.
    """
    store.write_named(path, json.dumps({"handle": handle, "parameters": parameters}).encode())


def noted_work(store: Store, path: str) -> tuple[str, dict[str, Any]]:
    """Return the work that is under way, or did not end in order.

    Args:
        store: Private store.
        path: Where it is noted.

    Returns:
        (handle, parameters) of the work; empty when there is none.
    """
    value = store.read_json(path)
    return (str(value["handle"]), dict(value["parameters"])) if value is not None else ("", {})


def present_evaluation(store: Store, dataset: str) -> tuple[str, dict[str, Any]]:
    """Return the evaluation that is under way, as `noted_work`.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        (handle, parameters) of the evaluation; empty when there is none.
    """
    return noted_work(store, evaluation_path(dataset))


def present_recheck(store: Store, dataset: str) -> tuple[str, dict[str, Any]]:
    """Return the recheck that is under way, as `noted_work`.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        (handle, parameters) of the recheck; empty when there is none.
    """
    return noted_work(store, recheck_path(dataset))


def noted_handle(store: Store, dataset: str, verb: str) -> str:
    """Return by which handle the scheduler knows the work that is under way, or did not end in order.

    Args:
        store: Private store.
        dataset: Its name.
        verb: convert, evaluate or recheck.

    Returns:
        The handle, empty when nothing is noted.
    """
    paths = {"convert": present_path, "evaluate": evaluation_path, "recheck": recheck_path}
    return str((store.read_json(paths[verb](dataset)) or {}).get("handle", ""))


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


def under_way(store: Store, dataset: str) -> tuple[int, int, int, dict[str, int]]:
    """Return how far the run is that is under way.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        (inputs of the dataset, how many of them this run has to bring to their verdict, how many it has brought there,
        how many of each verdict); zeros where it is not known yet.
    """
    value = store.read_json(present_path(dataset)) or {}
    inputs, todo, done = (int(value.get(name, 0)) for name in ("inputs", "todo", "done"))
    return inputs, todo, done, dict(value.get("verdicts", {}))


def pulled_folder(public_id: str) -> str:
    """Return where the pulled results of one content lie in the store.

    Args:
        public_id: Of the content.

    Returns:
        The folder.
    """
    return f"{_PULLED}/{public_id}"
