"""Files that appear whole or not at all, and locks between processes that write them.

The locks are advisory and those of the operating system: they end with the process that holds them. Some network
file systems ignore them; then work is done twice, and the checks before a file is put in place still hold.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.storage.disk import sync_folder


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold a lock between processes, waiting while another process holds it.

    The empty file stays: removing it would let two processes hold two different files of the same name.

    Args:
        lock: The lock's file; its folder is created when missing.

    Yields:
        None, while the lock is held.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Give an empty temporary file beside a target, for `place`.

    Args:
        target: The file to be written later; its folder is created when missing.

    Yields:
        Path of the temporary file in the folder of `target`; the file is removed when it was not placed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def place(temporary: Path, target: Path) -> None:
    """Make a complete file appear under its final name.

    A crash at any moment leaves either the earlier content or the whole file.

    Args:
        temporary: The complete file, on the same file system as `target`.
        target: The final path.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.chmod(0o644)
    temporary.replace(target)
    sync_folder(target.parent)
