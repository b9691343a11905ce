"""Work on a whole dataset that is under way, or whose worker died: whose lease says which, and where it is noted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from flows.dataset.store_layout import (
    evaluation_of,
    evaluation_path,
    folder_of,
    lease_of,
    present_path,
    recheck_of,
    recheck_path,
)
from infra.storage.inventory import store_time
from infra.storage.lease import FOLDER as LEASES
from infra.storage.lease import TTL_S, Leases
from infra.storage.store import Store
from infra.storage.upkeep import remove_for_good

KINDS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "convert": (lease_of, present_path),
    "evaluate": (evaluation_of, evaluation_path),
    "recheck": (recheck_of, recheck_path),
}
"""What can be done with a dataset -> the name of the lease of whoever does it, and the path where it is noted."""


def leases_of(dataset: str, kinds: Iterable[str] = KINDS) -> list[str]:
    """Return the names of the leases of those who work on a whole dataset.

    Args:
        dataset: Its name.
        kinds: Of the work.

    Returns:
        The names.
    """
    return [KINDS[kind][0](dataset) for kind in kinds]


def notes_of(dataset: str, kinds: Iterable[str] = KINDS) -> list[str]:
    """Return where work on a whole dataset is noted.

    Args:
        dataset: Its name.
        kinds: Of the work.

    Returns:
        The paths.
    """
    return [KINDS[kind][1](dataset) for kind in kinds]


def leases_of_run(store: Store, run: str) -> list[str]:
    """Return the names of the leases of a run and of its shards, of the living and the dead.

    Args:
        store: Private store.
        run: Id of the run.

    Returns:
        The names, sorted.
    """
    found = {path.removeprefix(f"{LEASES}/").partition("/")[0] for path in store.list_tree(LEASES)}
    return sorted(name for name in found if name == f"run-{run}" or name.startswith(f"shard-{run}-"))


def alive_lately(store: Store, dataset: str, kind: str) -> bool:
    """Return whether a worker on a dataset gave a sign of life lately: by the store's clock, at one look.

    Args:
        store: Private store.
        dataset: Its name.
        kind: Of the work.

    Returns:
        Whether it did.
    """
    (lease,) = leases_of(dataset, [kind])
    beats = [entry.modified for entry in store.entries(f"{LEASES}/{lease}").values()]
    return bool(beats) and (store_time(store) - max(beats)).total_seconds() < TTL_S


def note(store: Store, path: str, handle: str, parameters: dict[str, Any], **more: Any) -> None:
    """Note by which handle the scheduler knows the work that is under way, and what it was begun with.

    Args:
        store: Private store.
        path: Where it is noted.
        handle: Of the work.
        parameters: What it was begun with.
        **more: What else is known of it.
    """
    store.write_named(path, json.dumps({"handle": handle, "parameters": parameters, **more}).encode())


def noted(store: Store, path: str) -> tuple[str, dict[str, Any]]:
    """Return the work that is under way, or did not end in order.

    Args:
        store: Private store.
        path: Where it is noted.

    Returns:
        (handle, parameters) of the work; empty when there is none.
    """
    value = store.read_json(path)
    return (str(value["handle"]), dict(value["parameters"])) if value is not None else ("", {})


def present_run(store: Store, dataset: str) -> str:
    """Return the id of the run that is under way, or did not end in order.

    Args:
        store: Private store.
        dataset: Its name.

    Returns:
        The id, empty when there is none.
    """
    return str((store.read_json(present_path(dataset)) or {}).get("run", ""))


def progress_of(store: Store, dataset: str) -> tuple[int, int, int, dict[str, int]]:
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


def clear_cancelled(store: Store, leases: Leases, dataset: str, kinds: Iterable[str] = KINDS) -> bool:
    """Take away what would make others go on with work that a person cancelled. To be called until it has done so.

    Work that ended in order has taken it away by itself. This is for work whose worker died, or that waited for
    another.

    Args:
        store: Private store.
        leases: Tell who is alive.
        dataset: Its name.
        kinds: Of the work.

    Returns:
        Whether it is taken away; not while somebody is alive who does the work.
    """
    kinds = list(kinds)
    run = present_run(store, dataset) if "convert" in kinds else ""
    names = [*leases_of(dataset, kinds), *(leases_of_run(store, run) if run else ())]
    # Silence is noticed only of those that are asked for, so all are.
    alive = [leases.alive(name) for name in names]
    if any(alive):
        return False
    for name in names:
        leases.forget(name)
    if run:
        remove_for_good(store, folder_of(run))
    for path in notes_of(dataset, kinds):
        store.remove(path)
    return True
