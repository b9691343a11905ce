"""Reports of datasets in the store, where a worker left them, until they are fetched."""

from __future__ import annotations

import datetime
import secrets
from pathlib import Path

from flows.dataset.store_layout import report_folder
from infra.errors import UsageError
from infra.storage.store import Store
from infra.storage.upkeep import remove_for_good
from tasks.evaluation.report.folder import INDEX, place


def save(store: Store, dataset: str, report: Path) -> None:
    """Store a written report; an earlier one goes when this one is complete.

    Args:
        store: Private store.
        dataset: Its name.
        report: Folder of the written report.

    Raises:
        StoreUnavailable: When the store does not answer.
    """
    folder = report_folder(dataset)
    now = datetime.datetime.now(datetime.UTC)
    mine = f"{folder}/{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    files = sorted(path for path in report.rglob("*") if path.is_file())
    # What has an index is complete.
    for path in sorted(files, key=lambda path: path.relative_to(report).as_posix() == INDEX):
        store.write_named(f"{mine}/{path.relative_to(report).as_posix()}", path.read_bytes())
    for other in {_of(folder, path) for path in store.list_tree(folder)} - {mine}:
        remove_for_good(store, other)


def fetch(store: Store, dataset: str, out: Path) -> None:
    """Write the stored report to a folder, as `tasks.evaluation.report.page.write` does.

    Args:
        store: Private store.
        dataset: Its name.
        out: The folder.

    Raises:
        UsageError: When there is none.
    """
    folder = report_folder(dataset)
    listed = store.list_tree(folder)
    complete = sorted({_of(folder, path) for path in listed if path == f"{_of(folder, path)}/{INDEX}"})
    if not complete:
        raise UsageError("There is no report of this dataset; make one with `anonflow trigger DATASET --evaluate`.")
    newest = complete[-1]

    def fill(new: Path) -> None:
        for path in listed:
            if _of(folder, path) != newest:
                continue
            target = new / path.removeprefix(f"{newest}/")
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = store.read_named(path)
            if content is None:
                raise UsageError("The report was replaced while it was fetched; fetch it again.")
            target.write_bytes(content)
            target.chmod(0o600)

    place(out, fill)


def _of(folder: str, path: str) -> str:
    """The folder of the one report that a path belongs to."""
    return f"{folder}/{path.removeprefix(f'{folder}/').partition('/')[0]}"
