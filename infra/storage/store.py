"""Objects named by their content, behind fsspec: a folder by default, S3 and others by the same code."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from fsspec.implementations.local import LocalFileSystem

from infra.errors import StoreError, UsageError
from infra.storage.bucket import Bucket
from infra.storage.disk import Disk
from infra.storage.encryption import Damaged, agree, seal_from_environment, sealed_size
from infra.storage.filesystem import open_address
from infra.storage.object_backend import CHUNK, Changed, Entry, ObjectBackend, chunks

__all__ = ["Entry", "Prefix", "Ref", "Store"]

T = TypeVar("T")


class Prefix(StrEnum):
    """Which half of the store: what reveals the person, and what may be kept and shown."""

    IDENTIFYING = "identifying"
    SAFE = "safe"


@dataclass(frozen=True)
class Ref:
    """Reference to one object. Digest and size are those of the content, also where it is stored sealed.

    Attributes:
        prefix: half of the store in which it lies.
        owner: a public id; says where it lies in that half.
        digest: SHA-256 of its bytes, hexadecimal.
        size: bytes.
    """

    prefix: Prefix
    owner: str
    digest: str
    size: int

    @property
    def path(self) -> str:
        """Place in the store, relative to its root."""
        return f"{self.prefix.value}/{self.owner}/objects/{self.digest[:2]}/{self.digest}"


class Store:
    """A store at an fsspec address such as `file:///folder` or `s3://bucket/folder`.

    Credentials come from the environment, never from the address; with a key in the environment everything below
    `identifying/` is sealed (see `infra.storage.encryption`). Safe among threads, and after a fork.

    Every method raises StoreUnavailable when the store cannot be reached, refuses, or is full, a remote one only after
    patient retries; that says nothing about its objects. UsageError: the store is sealed with a key that is not there.
    """

    def __init__(self, url: str, private: bool = True) -> None:
        """Open the store; the folder is made on first write.

        Args:
            url: fsspec address without credentials.
            private: local files are readable by this user only; False for a destination, where the usual rights apply.

        Raises:
            UsageError: the address cannot be opened or holds credentials, or a setting is wrong.
        """
        fs, root = open_address(url)
        self.place: ObjectBackend = Disk(Path(root), private) if isinstance(fs, LocalFileSystem) else Bucket(url)
        self._seal = seal_from_environment()
        self._agreed = False
        self.keeps_versions: bool | None = None
        """Whether what is removed stays as an old version; None until it was asked for (`infra.storage.upkeep`)."""

    def put_bytes(self, prefix: Prefix, owner: str, data: bytes) -> Ref:
        """Store bytes; storing the same bytes again is cheap and harmless.

        Args:
            prefix: half of the store.
            owner: public id.
            data: the bytes.

        Returns:
            Their reference.
        """
        ref = Ref(prefix, owner, hashlib.sha256(data).hexdigest(), len(data))
        if not self.exists(ref.path, ref.size):
            self.write_named(ref.path, data)
        return ref

    def put_file(self, prefix: Prefix, owner: str, source: Path) -> Ref:
        """Store a local file's content.

        Args:
            prefix: half of the store.
            owner: public id.
            source: the file.

        Returns:
            Its reference.
        """
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        ref = Ref(prefix, owner, digest, source.stat().st_size)
        if not self.exists(ref.path, ref.size):
            self.put_named(ref.path, source)
        return ref

    def get_bytes(self, ref: Ref) -> bytes:
        """Read an object whole.

        Args:
            ref: its reference.

        Returns:
            Its content.

        Raises:
            StoreError: it is missing or damaged; a damaged one is removed first.
        """
        return self._twice(ref.path, lambda: b"".join(self._checked(ref, small=ref.size < CHUNK)))

    def get_file(self, ref: Ref, destination: Path) -> None:
        """Copy an object to a local file, which appears only when its digest was right.

        Args:
            ref: its reference.
            destination: the file.

        Raises:
            StoreError: it is missing or damaged; a damaged one is removed first.
        """
        partial = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}.part")

        def copy() -> None:
            with partial.open("wb") as target:
                target.writelines(self._checked(ref))

        try:
            self._twice(ref.path, copy)
            partial.replace(destination)
        finally:
            partial.unlink(missing_ok=True)

    def write_named(self, path: str, data: bytes) -> None:
        """Write a small object under a name, atomically: readers see the old content or the new, never a part.

        Args:
            path: the name, relative to the root.
            data: its content.
        """
        self.place.write(path, self._sealed(path, data))

    def put_named(self, path: str, source: Path) -> None:
        """Write a local file's content under a name, atomically: readers see all of it or nothing.

        Args:
            path: the name, relative to the root.
            source: the file.
        """
        sealed = functools.partial(self._seal.close_file, source, path)
        self.place.write(path, sealed if self._seals(path) else source)

    def create_named(self, path: str, data: bytes) -> bool:
        """Write a small object under a name that must be free.

        Atomic for readers and exclusive among threads, processes and machines, also for equal bytes, as long as the
        store honours create-only writes: see `check_exclusive`.

        Args:
            path: the name, relative to the root.
            data: its content.

        Returns:
            True when this call made it, False when it was there.
        """
        return self.place.create(path, self._sealed(path, data))

    def check_exclusive(self) -> None:
        """Check that `create_named` does not write over what is there.

        Raises:
            UsageError: the store lets it, as some S3 servers do.
        """
        path = f"{Prefix.SAFE.value}/probe/{secrets.token_hex(8)}"
        try:
            honoured = self.create_named(path, b"1") and not self.create_named(path, b"2")
        finally:
            self.remove(path)
        if not honoured:
            raise UsageError("The store does not honour create-only writes, which workers need to share it safely.")

    def read_named(self, path: str) -> bytes | None:
        """Read a named object. A sealed one that is damaged is removed.

        Args:
            path: the name, relative to the root.

        Returns:
            Its content; None when there is none, or when it was damaged.
        """
        try:
            return self._twice(path, lambda: b"".join(self._content(path, small=True)))
        except (Damaged, FileNotFoundError):
            return None

    def read_json(self, path: str) -> dict[str, Any] | None:
        """Read a named JSON object.

        Args:
            path: the name, relative to the root.

        Returns:
            The object; None when there is none or it is not valid JSON.
        """
        data = self.read_named(path)
        try:
            value = json.loads(data) if data is not None else None
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def remove(self, path: str) -> None:
        """Remove a named object; nothing happens when there is none.

        Args:
            path: the name, relative to the root.
        """
        self.place.remove([path])

    def remove_tree(self, path: str) -> None:
        """Remove everything below a path.

        Args:
            path: folder relative to the root.

        Raises:
            UsageError: it is the root, a whole prefix, or a path outside the root.
        """
        parts = path.split("/")
        if len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
            raise UsageError("Only a folder below a prefix can be removed.")
        self.place.remove_tree(path)

    def exists(self, path: str, size: int) -> bool:
        """Say whether a named object with so many bytes of content is there.

        With a key only a sealed one counts where such belong, so that what was written before there was a key is
        written again.

        Args:
            path: the name, relative to the root.
            size: bytes of content.

        Returns:
            True when it is.
        """
        return self.place.size(path) == (sealed_size(size) if self._seals(path) else size)

    def digest(self, path: str) -> str | None:
        """Hash a named object's content.

        Args:
            path: the name, relative to the root.

        Returns:
            SHA-256, hexadecimal; None when there is none or it is damaged.
        """

        def read() -> str:
            digest = hashlib.sha256()
            for piece in self._content(path):
                digest.update(piece)
            return digest.hexdigest()

        try:
            return self._twice(path, read)
        except (Damaged, FileNotFoundError):
            return None

    def stamp(self, path: str) -> str | None:
        """Read the stamp of a named object.

        Args:
            path: the name, relative to the root.

        Returns:
            The stamp as `entries` says it; None when there is none.
        """
        try:
            return self.place.info(path).stamp
        except FileNotFoundError:
            return None

    def entries(self, path: str) -> dict[str, Entry]:
        """List details of all objects below a path.

        Half-written local objects (`.name.….part`) are listed too. What others write meanwhile may be in it or not.

        Args:
            path: folder relative to the root.

        Returns:
            Details by place relative to the root, sorted.
        """
        return dict(sorted(self.place.entries(path).items()))

    def list_tree(self, path: str) -> list[str]:
        """List all objects below a path.

        Args:
            path: folder relative to the root.

        Returns:
            Their places relative to the root, sorted.
        """
        return sorted(self.place.entries(path))

    def _seals(self, path: str) -> bool:
        if not _identifying(path):
            return False
        if not self._agreed:
            agree(self.place, self._seal)
            self._agreed = True
        return self._seal.active

    def _sealed(self, path: str, data: bytes) -> bytes:
        return b"".join(self._seal.close([data], path)) if self._seals(path) else data

    def _content(self, path: str, small: bool = False) -> Iterator[bytes]:
        stored = chunks(self.place, path, small)
        return self._seal.open(stored, path) if _identifying(path) else stored

    def _checked(self, ref: Ref, small: bool = False) -> Iterator[bytes]:
        """Content of an object; at its end an error is raised when it was not the right one."""
        digest = hashlib.sha256()
        try:
            for piece in self._content(ref.path, small):
                digest.update(piece)
                yield piece
        except FileNotFoundError:
            raise StoreError("An object is missing from the store.") from None
        if digest.hexdigest() != ref.digest:
            raise Damaged("An object does not match its digest.")

    def _twice(self, path: str, read: Callable[[], T]) -> T:
        """What `read` returns; read once more when it was damaged or changing, for the fault may lie on the way.

        Raises Damaged, after the object was removed, or Changed.
        """
        with contextlib.suppress(Damaged, Changed):
            return read()
        try:
            return read()
        except Damaged:
            self.remove(path)
            raise Damaged("An object in the store was damaged and has been dropped.") from None


def _identifying(path: str) -> bool:
    return path.startswith(f"{Prefix.IDENTIFYING.value}/")
