"""Removing all that the store knows about a dataset, and proving it. What was published stays."""

from __future__ import annotations

from flows.dataset import definition
from flows.dataset.store_layout import evaluation_of, folder_of, pulled_folder, record_path, report_folder
from flows.dataset.under_way import KINDS, alive_lately, leases_of, leases_of_run, notes_of, present_run
from flows.manifest.manifest import Manifest
from flows.run.convert import dataset_id
from infra.errors import UsageError
from infra.storage.lease import FOLDER as LEASES
from infra.storage.lease import Leases
from infra.storage.store import Prefix, Store
from tasks.generation.gallery import Gallery


def prefixes_of(store: Store, name: str, key: bytes) -> list[str]:
    """Return the folders and objects of the store that hold something about a dataset.

    These are what was made of its videos, the gallery of its people, its runs, its leases, its evaluation and report,
    results that were pulled, and its definition.

    Args:
        store: Private store.
        name: Of the dataset.
        key: Makes keyed ids.

    Returns:
        The paths, the definition last.

    Raises:
        UsageError: For a name that is not defined.
    """
    dataset = definition.load(store, name)
    settings = dataset.with_settings()
    owners = {row.public_id for row in Manifest(Store(dataset.destination, private=False), tables=False).rows()}
    # Of a video whose worker died there may be no row yet.
    owners.update(Leases(store).about(name))
    people = Gallery(store, settings.identity_scope, dataset_id(key, dataset.destination, settings))
    run = present_run(store, name)
    found = [f"{prefix.value}/{owner}" for owner in sorted(owners) for prefix in Prefix]
    # Of an evaluation that was stopped, by a worker or by a person.
    found += [f"{Prefix.IDENTIFYING.value}/{evaluation_of(owner)}" for owner in (name, *sorted(owners))]
    found += [pulled_folder(owner) for owner in sorted(owners)]
    found += [f"{LEASES}/{owner}" for owner in sorted(owners)]
    found += [people.path.rpartition("/")[0], record_path(name), report_folder(name), *followed_up(name)]
    if run:
        # What a run left behind that did not end in order.
        found += [folder_of(run), *(f"{LEASES}/{lease}" for lease in leases_of_run(store, run))]
    # Last, since what was interrupted can be purged again for as long as the dataset is defined.
    return [*found, definition.path_of(name)]


def followed_up(name: str) -> list[str]:
    """Return the objects that tell workers that a worker died in the middle of a dataset.

    They must go before the flow runs are forgotten, or a worker would trigger the dataset while it is purged.

    Args:
        name: Of the dataset.

    Returns:
        The paths.
    """
    return [*(f"{LEASES}/{lease}" for lease in leases_of(name)), *notes_of(name)]


def known_by_name(name: str) -> list[str]:
    """Return the folders and objects that hold something about a dataset whose definition is gone.

    Not guaranteed: that what its videos left is among them, which lies under public ids; a purge removes the definition
    last, so where it is gone all else was removed.

    Args:
        name: Of the dataset.

    Returns:
        The paths.
    """
    kept = [record_path(name), report_folder(name), f"{Prefix.IDENTIFYING.value}/{evaluation_of(name)}"]
    return [*kept, *followed_up(name), definition.path_of(name)]


def refuse_while_running(store: Store, name: str) -> None:
    """Refuse while a coordinator works on a dataset, or a worker evaluates or rechecks it.

    Args:
        store: Private store.
        name: Of the dataset.

    Raises:
        UsageError: When work is under way.
    """
    if any(alive_lately(store, name, kind) for kind in KINDS):
        raise UsageError("Work on this dataset is under way (a run, an evaluation, a recheck); stop it, or wait.")
