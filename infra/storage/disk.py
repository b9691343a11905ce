"""Objects as files below a folder of this machine."""

from __future__ import annotations

import datetime
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.errors import StoreUnavailable
from infra.storage.faults import patient
from infra.storage.object_backend import CHUNK, Content, Entry

_TRIES = 3


class Disk:
    """Objects on a local or mounted file system, which is asked once: it either works or does not."""

    patience = 0.0

    def __init__(self, root: Path, private: bool) -> None:
        """Open a folder; it is made on first write.

        Args:
            root: the folder.
            private: files are readable by this user only; otherwise the usual rights apply.
        """
        self._root = root
        self._modes = (0o700, 0o600) if private else (0o777, 0o666)

    @patient
    def info(self, path: str) -> Entry:
        """Read details of one object, see ObjectBackend.

        Args:
            path: the object.

        Returns:
            Its details.

        Raises:
            FileNotFoundError: it is not there.
        """
        status = os.stat(self._root / path)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(path)
        return _entry(status)

    @patient
    def size(self, path: str) -> int | None:
        """Read the size of one object, see ObjectBackend.

        Args:
            path: the object.

        Returns:
            Bytes, None where there is none.
        """
        try:
            status = os.stat(self._root / path)
        except FileNotFoundError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @patient
    def read(self, path: str, start: int, length: int) -> bytes:
        """Read a part of an object, see ObjectBackend.

        Args:
            path: the object.
            start: first byte.
            length: bytes at most.

        Returns:
            The bytes; fewer only where the object ends.

        Raises:
            FileNotFoundError: it is not there.
        """
        with (self._root / path).open("rb") as file:
            file.seek(start)
            return file.read(length)

    @patient
    def write(self, path: str, content: Content) -> None:
        """Make or replace an object, see ObjectBackend.

        Args:
            path: the object.
            content: its content.
        """
        target = self._root / path
        partial = self._partial(target, content)
        try:
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(target.parent)

    @patient
    def create(self, path: str, data: bytes) -> bool:
        """Make an object unless there is one, see ObjectBackend. Needs a file system with hard links.

        Args:
            path: the object.
            data: its content.

        Returns:
            Whether this call made it.
        """
        target = self._root / path
        partial = self._partial(target, data)
        try:
            # A link fails where the name exists.
            os.link(partial, target)
        except FileExistsError:
            return False
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(target.parent)
        return True

    @patient
    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects, see ObjectBackend.

        Args:
            paths: the objects.
        """
        for path in paths:
            (self._root / path).unlink(missing_ok=True)

    @patient
    def remove_tree(self, path: str) -> None:
        """Remove all that lies below a path, see ObjectBackend.

        Args:
            path: the folder, or one object.

        Raises:
            StoreUnavailable: something is left after three tries.
        """
        target = self._root / path
        if target.is_file() or target.is_symlink():
            target.unlink(missing_ok=True)
            return
        for _ in range(_TRIES):
            # What another process writes meanwhile can stop a removal half-way.
            shutil.rmtree(target, ignore_errors=True)
            if not target.exists():
                return
        raise StoreUnavailable("Objects could not be removed; check the rights of the store's folder.")

    @patient
    def entries(self, path: str) -> dict[str, Entry]:
        """List all objects below a path, see ObjectBackend.

        Args:
            path: the folder.

        Returns:
            Details by path.
        """
        return dict(self._walk(path))

    def _walk(self, path: str) -> Iterator[tuple[str, Entry]]:
        root, top = str(self._root), str(self._root / path)
        for folder, _, names in os.walk(top, onerror=_unlisted):
            for name in names:
                full = os.path.join(folder, name)
                try:
                    yield full[len(root) + 1 :], _entry(os.stat(full))
                except FileNotFoundError:
                    continue

    def _partial(self, target: Path, content: Content) -> Path:
        """The content in a file beside the target, on disk and not only in memory."""
        partial = target.with_name(f".{target.name[:16]}.{secrets.token_hex(6)}.part")
        try:
            with os.fdopen(self._open(partial), "wb") as file:
                for piece in _pieces(content):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial

    def _open(self, partial: Path, tries: int = _TRIES) -> int:
        partial.parent.mkdir(parents=True, exist_ok=True, mode=self._modes[0])
        try:
            return os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._modes[1])
        except FileNotFoundError:
            if tries <= 1:
                raise
        # Another process removed the empty folder in between.
        return self._open(partial, tries - 1)


def _pieces(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, Path):
        with content.open("rb") as source:
            while piece := source.read(CHUNK):
                yield piece
    else:
        yield from content()


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder last: a crash right after might bring the old entry back.

    Args:
        folder: the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _entry(status: os.stat_result) -> Entry:
    modified = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)
    return Entry(status.st_size, f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}", modified)


def _unlisted(error: OSError) -> None:
    # A folder that cannot be read must not look like an empty one.
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
