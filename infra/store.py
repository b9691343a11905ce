"""Objects named by their content, behind fsspec: a folder by default, S3 and others by the same code."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from infra.errors import StoreError, UsageError

_CHUNK = 8 << 20


class Prefix(StrEnum):
    """Which half of the store: what reveals the person, and what may be kept and shown."""

    IDENTIFYING = "identifying"
    SAFE = "safe"


@dataclass(frozen=True)
class Ref:
    """Reference to one object. prefix and owner (a public id) say where it lies, digest is SHA-256 of its bytes."""

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

    Credentials of remote stores come from the environment, never from the address. Safe among threads.
    """

    def __init__(self, url: str, private: bool = True) -> None:
        """Open the store; the folder is made on first write.

        private: local files are readable by this user only; False for a destination, where the usual rights apply.
        Raises UsageError for an address fsspec cannot open.
        """
        try:
            # Listings must be fresh: other processes write to the same place.
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise UsageError(f"The store address cannot be opened: {type(error).__name__}.") from None
        self._root = root.rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)
        self._modes = (0o700, 0o600) if private else (0o777, 0o666)

    def put_bytes(self, prefix: Prefix, owner: str, data: bytes) -> Ref:
        """Store bytes and return their reference; storing the same bytes again is cheap and harmless."""
        ref = Ref(prefix, owner, hashlib.sha256(data).hexdigest(), len(data))
        if not self.exists(ref.path, ref.size):
            self.write_named(ref.path, data)
        return ref

    def put_file(self, prefix: Prefix, owner: str, source: Path) -> Ref:
        """Store a local file's content and return its reference."""
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        ref = Ref(prefix, owner, digest, source.stat().st_size)
        if self.exists(ref.path, ref.size):
            return ref
        self.put_named(ref.path, source)
        return ref

    def get_bytes(self, ref: Ref) -> bytes:
        """Read an object whole. Raises StoreError when it is missing or damaged; a damaged one is removed first."""
        try:
            data = bytes(self._fs.cat_file(self._full(ref.path)))
        except FileNotFoundError:
            raise StoreError("An object is missing from the store.") from None
        if len(data) != ref.size or hashlib.sha256(data).hexdigest() != ref.digest:
            self.remove(ref.path)
            raise StoreError("An object in the store was damaged and has been dropped.")
        return data

    def get_file(self, ref: Ref, destination: Path) -> None:
        """Copy an object to a local file, which appears only when its digest was right. Raises StoreError as above."""
        partial = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}.part")
        digest = hashlib.sha256()
        try:
            with self._fs.open(self._full(ref.path), "rb") as source, partial.open("wb") as target:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
            if digest.hexdigest() != ref.digest:
                self.remove(ref.path)
                raise StoreError("An object in the store was damaged and has been dropped.")
            partial.replace(destination)
        except FileNotFoundError:
            raise StoreError("An object is missing from the store.") from None
        finally:
            partial.unlink(missing_ok=True)

    def write_named(self, path: str, data: bytes) -> None:
        """Write a small object under a name, atomically: readers see the old content or the new, never a part."""
        if self._local:
            self._write_local(Path(self._full(path)), data)
        else:
            self._fs.pipe_file(self._full(path), data)

    def put_named(self, path: str, source: Path) -> None:
        """Write a local file's content under a name, atomically: readers see all of it or nothing."""
        if self._local:
            self._write_local(Path(self._full(path)), source)
        else:
            self._fs.put_file(str(source), self._full(path))

    def read_named(self, path: str) -> bytes | None:
        """Content of a named object, None when there is none."""
        try:
            return bytes(self._fs.cat_file(self._full(path)))
        except FileNotFoundError:
            return None

    def read_json(self, path: str) -> dict[str, Any] | None:
        """A named JSON object, None when there is none or it is not valid JSON."""
        data = self.read_named(path)
        try:
            value = json.loads(data) if data is not None else None
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def remove(self, path: str) -> None:
        """Remove a named object; nothing happens when there is none."""
        try:
            self._fs.rm_file(self._full(path))
        except FileNotFoundError:
            return

    def remove_tree(self, path: str) -> None:
        """Remove everything below a path. Raises UsageError for the root or a path outside it."""
        parts = path.split("/")
        if len(parts) < 2 or any(part in ("", ".", "..") for part in parts):
            raise UsageError("Only a folder below a prefix can be removed.")
        full = self._full(path)
        if self._fs.exists(full):
            self._fs.rm(full, recursive=True)

    def exists(self, path: str, size: int) -> bool:
        """Whether a named object of this many bytes is there."""
        try:
            return int(self._fs.info(self._full(path))["size"]) == size
        except FileNotFoundError:
            return False

    def digest(self, path: str) -> str | None:
        """SHA-256 of a named object, None when there is none."""
        digest = hashlib.sha256()
        try:
            with self._fs.open(self._full(path), "rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def list_tree(self, path: str) -> list[str]:
        """Places of all objects below a path, relative to the root, sorted."""
        found = self._fs.find(self._full(path))
        return sorted(entry[len(self._root) + 1 :] for entry in found)

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _write_local(self, target: Path, content: bytes | Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True, mode=self._modes[0])
        partial = target.with_name(f".{target.name[:16]}.{secrets.token_hex(6)}.part")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._modes[1])
            with os.fdopen(descriptor, "wb") as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with content.open("rb") as source:
                        while chunk := source.read(_CHUNK):
                            file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
