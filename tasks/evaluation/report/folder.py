"""A report's folder: it appears whole, and takes the place of nothing but an earlier report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from infra.errors import StoreUnavailable, UsageError
from infra.process.scratch import scratch
from infra.storage.disk import Disk, sync_folder
from infra.storage.faults import patiently
from tasks.evaluation.report import machine

MARKER, INDEX, VIDEOS = ".anonflow-report", "index.html", "videos"
_FILES = frozenset({MARKER, INDEX, VIDEOS, machine.SUMMARY, machine.TABLE})
_SAYS = b"A report of anonflow; anonflow may replace this folder.\n"


def place(folder: Path, fill: Callable[[Path], None]) -> None:
    """Write a report's folder as a whole.

    `fill` writes into a new private folder beside `folder`, which then takes its place. What is written through
    `infra.storage.disk` is on disk by then, and not only in memory. While an earlier report is replaced there is a
    moment in which neither is there; a crash just then loses the earlier one. One process at a time may write a folder.

    Args:
        folder: where the report goes.
        fill: called with the new folder, into which it writes.

    Raises:
        UsageError: something else is there.
        StoreUnavailable: the folder cannot be written.
    """
    try:
        patiently(lambda: _place(Path(os.path.abspath(folder)), fill), 0)
    except StoreUnavailable as error:
        raise StoreUnavailable(f"The report cannot be written. {error}") from None


def _place(target: Path, fill: Callable[[Path], None]) -> None:
    check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, since a rename cannot leave a file system. What a killed process left goes with the next.
    desk = target.with_name(f".{target.name}.parts")
    try:
        with scratch(desk) as room:
            new = room / "new"
            new.mkdir(mode=0o700)
            fill(new)
            Disk(new, private=True).write(MARKER, _SAYS)
            check(target)
            _swap(new, target, room / "old")
    finally:
        with contextlib.suppress(OSError):
            desk.rmdir()


def check(folder: Path) -> None:
    """Check that a report may go there: nothing is there, or an empty folder, or a report and no more.

    Args:
        folder: where the report is to go.

    Raises:
        UsageError: something else is there, or nothing can be written there.
    """
    if not os.path.lexists(folder):
        above = next(one for one in Path(os.path.abspath(folder)).parents if os.path.lexists(one))
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise UsageError("The folder for the report cannot be made where it is to lie; name another place.")
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UsageError("There is a file or a link where the report is to go; name a folder that does not exist yet.")
    inside = {entry.name for entry in folder.iterdir()}
    if not inside:
        return
    if MARKER not in inside:
        raise UsageError("The folder for the report holds something else; name an empty one, or one that is not there.")
    strange = inside - _FILES
    if VIDEOS in inside:
        strange |= {entry.name for entry in (folder / VIDEOS).iterdir() if entry.suffix != ".html"}
    if strange:
        # Such as exported decisions, which no machine can make again.
        raise UsageError(
            f"The folder of the earlier report holds more than the report ({len(strange)} files or folders). Move them "
            "elsewhere, or name another folder."
        )


def _swap(new: Path, target: Path, old: Path) -> None:
    # An empty folder is replaced by the rename itself.
    replaced = target.exists() and any(target.iterdir())
    if replaced:
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if replaced:
            old.rename(target)
        raise
    sync_folder(target.parent)
