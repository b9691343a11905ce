"""Reports of datasets in the store, where a worker left them, until somebody fetches them."""

from __future__ import annotations

from pathlib import Path

from flows.run_places import report_folder
from infra.errors import UsageError
from infra.store import Store
from infra.upkeep import remove_for_good
from tasks.report.folder import INDEX, place


def save(store: Store, dataset: str, report: Path) -> None:
    """Store a written report in the place of an earlier one; its index comes last. Raises StoreUnavailable."""
    folder = report_folder(dataset)
    remove_for_good(store, folder)
    files = sorted(path for path in report.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: path.name == INDEX):
        store.write_named(f"{folder}/{path.relative_to(report).as_posix()}", path.read_bytes())


def fetch(store: Store, dataset: str, out: Path) -> None:
    """Write the stored report to a folder, as `tasks.report.page.write` does. Raises UsageError when there is none."""
    folder = report_folder(dataset)
    paths = store.list_tree(folder)
    if f"{folder}/{INDEX}" not in paths:
        raise UsageError("There is no report of this dataset; make one with `anonflow trigger DATASET --evaluate`.")

    def fill(new: Path) -> None:
        for path in paths:
            target = new / path.removeprefix(f"{folder}/")
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = store.read_named(path)
            if content is None:
                raise UsageError("The report was replaced while it was fetched; fetch it again.")
            target.write_bytes(content)
            target.chmod(0o600)

    place(out, fill)
