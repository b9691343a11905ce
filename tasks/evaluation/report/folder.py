"""A report's folder: what may go into it, that it appears whole, and in the place of nothing but an earlier report."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.errors import StoreUnavailable, UsageError
from infra.process.scratch import scratch
from infra.storage.disk import Disk, sync_folder
from infra.storage.faults import patiently
from tasks.evaluation.report import machine
from tasks.evaluation.report.content import Content

MARKER, INDEX, VIDEOS = ".anonflow-report", "index.html", "videos"
_FILES = frozenset({MARKER, INDEX, VIDEOS, machine.SUMMARY, machine.TABLE})
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
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
    check_place(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, since a rename cannot leave a file system. What a killed process left goes with the next.
    desk = target.with_name(f".{target.name}.parts")
    try:
        with scratch(desk) as room:
            new = room / "new"
            new.mkdir(mode=0o700)
            fill(new)
            Disk(new, private=True).write(MARKER, _SAYS)
            check_place(target)
            _swap(new, target, room / "old")
    finally:
        with contextlib.suppress(OSError):
            desk.rmdir()


def check_place(folder: Path) -> None:
    """Check that a report may go there: nothing is there, or an empty folder, or a report and no more.

    Args:
        folder: where the report is to go.

    Raises:
        UsageError: something else is there, or nothing can be written there.
    """
    whole = Path(os.path.abspath(folder))
    above = next((one for one in whole.parents if os.path.lexists(one)), whole)
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError("The folder for the report cannot be made where it is to lie; name another place.")
    if not os.path.lexists(folder):
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


def check_content(content: Content) -> None:
    """Check what `tasks.evaluation.report.page.write` requires of content.

    Args:
        content: the report.

    Raises:
        UsageError: names or keys cannot be used.
        ValueError: there are pictures of the source without `content.reviewer`.
    """
    keys = [page.key for page in content.pages]
    if not all(_KEY.fullmatch(key) for key in keys):
        raise UsageError(
            "A key of a page is no safe file name: use up to 100 letters, digits, hyphens and underscores."
        )
    # Some file systems do not tell upper from lower case.
    if len({key.lower() for key in keys}) < len(keys):
        raise UsageError("Two pages have the same key; give each file one of its own.")
    check_names([page.name for page in content.pages], content.title)
    if not content.reviewer and any(page.source_sheet for page in content.pages):
        raise ValueError("Pictures of the source may be in a reviewer's report only.")


def check_names(names: Sequence[str], title: str) -> None:
    """Check the names of files and the title that a report is to have.

    Args:
        names: of all its files.
        title: of the report.

    Raises:
        UsageError: they cannot be used.
    """
    if len(set(names)) < len(names) or machine.DATASET in names or "" in names:
        raise UsageError("The name of a file is empty, is there twice, or is `dataset`; rename the file.")
    if not all(_is_text(name) for name in names):
        raise UsageError("The name of a file is no Unicode text; rename the file.")
    if not _is_text(title):
        raise UsageError("The title of the report is no Unicode text; give another one.")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


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
