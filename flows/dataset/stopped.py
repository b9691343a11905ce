"""What is left to do after the work on a dataset was stopped by a person, so that nobody takes it up again."""

from __future__ import annotations

from flows.dataset.store_layout import (
    evaluation_of,
    evaluation_path,
    folder_of,
    lease_of,
    present_path,
    present_run,
    recheck_of,
    recheck_path,
)
from infra.storage.lease import FOLDER as LEASES
from infra.storage.lease import Leases
from infra.storage.store import Store
from infra.storage.upkeep import remove_for_good


def settle(store: Store, leases: Leases, dataset: str) -> bool:
    """Take away what would make others go on with the work, once nobody works on it. To be asked repeatedly.

    What ended in order has taken it away by itself; this is for workers that died, and for work that waited for another
    worker.

    Args:
        store: Private store.
        leases: Tell who is alive.
        dataset: Its name.

    Returns:
        Whether nothing is left.
    """
    run, _ = present_run(store, dataset)
    names = [lease_of(dataset), evaluation_of(dataset), recheck_of(dataset)]
    if run:
        names += _of_run(store, run)
    # Silence is noticed only of those that are asked for, so all are.
    alive = [leases.alive(name) for name in names]
    if any(alive):
        return False
    for name in names:
        leases.forget(name)
    if run:
        remove_for_good(store, folder_of(run))
    for path in (present_path(dataset), evaluation_path(dataset), recheck_path(dataset)):
        store.remove(path)
    return True


def _of_run(store: Store, run: str) -> list[str]:
    found = {path.removeprefix(f"{LEASES}/").partition("/")[0] for path in store.list_tree(LEASES)}
    return sorted(name for name in found if name == f"run-{run}" or name.startswith(f"shard-{run}-"))
