"""Private temporary folders on local disk, and removal of what killed runs left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from infra.process.processes import began


def scratch_root() -> Path:
    """Folder that holds all scratch folders: ANONFLOW_SCRATCH, or one in the user's own cache folder."""
    override = os.environ.get("ANONFLOW_SCRATCH")
    if override:
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "anonflow" / "scratch"


@contextlib.contextmanager
def scratch(root: Path | None = None) -> Iterator[Path]:
    """Make a folder that only this user can read and remove it when the block ends.

    Folders of processes that no longer run are removed first: they may hold decoded or downloaded sources.

    Args:
        root: folder to make it in, `scratch_root()` when None.

    Yields:
        The new folder.
    """
    root = root or scratch_root()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    remove_stale(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-{began(os.getpid())}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale(root: Path) -> None:
    """Remove the scratch folders of processes that have ended, also where another process has their number now.

    Args:
        root: folder that holds the scratch folders.
    """
    for folder in root.iterdir():
        number, _, rest = folder.name.partition("-")
        since = rest.partition("-")[0]
        if number.isdigit() and not _running(int(number), since if since.isdigit() else ""):
            shutil.rmtree(folder, ignore_errors=True)


def _running(process: int, since: str) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # Where the system does not say when processes begin, any process of this number counts.
    return not since or began(process) == since
