"""Objects behind fsspec: S3 and what speaks like it, other remote stores, and memory."""

from __future__ import annotations

import datetime
import itertools
import os
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infra.errors import StoreUnavailable
from infra.process.scratch import scratch
from infra.storage.faults import answer, patience, patient
from infra.storage.filesystem import is_s3, open_address
from infra.storage.object_backend import Content, Entry, chunks

# Uploads in parts hold this many bytes, times the number of parts at a time, in memory.
_PART = 16 << 20
_PARTS_AT_A_TIME = 4
_BATCH = 1000
_TRIES = 3
# What S3 servers answer to a create-only write of what is there already, or is being written by another process.
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_WRITER = "anonflow-writer"
# Filesystems in memory are shared by everything in a process and know no exclusive writing.
_ONE_AT_A_TIME = threading.Lock()


class _NotRemoved(OSError):
    """The server answered a removal of several objects well, but some of them are still there."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__("some objects were not removed")
        self.response = {"Error": result["Errors"][0]}


class Bucket:
    """Objects at an fsspec address. What fails for passing reasons is tried again; see `infra.storage.faults`."""

    def __init__(self, url: str) -> None:
        """Open an address; no server is contacted.

        Args:
            url: fsspec address.

        Raises:
            UsageError: the address cannot be opened, or a setting is wrong.
        """
        self.patience = patience()
        self._url = url
        self._opened, self._root = open_address(url)
        self._root = self._root.rstrip("/")
        self._process = os.getpid()
        self.s3 = is_s3(self._opened)

    @property
    def fs(self) -> Any:
        """The filesystem; opened anew in a forked process, where the old one's connections are dead."""
        if self._process != os.getpid():
            self._opened, _ = open_address(self._url)
            self._process = os.getpid()
        return self._opened

    @property
    def name(self) -> str:
        """The bucket."""
        return str(self.fs.split_path(f"{self._root}/x")[0])

    def key(self, path: str) -> str:
        """Work out the key of an object in the bucket.

        Args:
            path: the object.

        Returns:
            Its key.
        """
        return str(self.fs.split_path(self._full(path))[1])

    def path(self, key: str) -> str:
        """Work out the path of an object from its key; the reverse of `key`.

        Args:
            key: the key.

        Returns:
            The object's path.
        """
        return key[len(self.key("x")) - 1 :]

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
        details = self.fs.info(self._full(path))
        if details["type"] != "file":
            raise FileNotFoundError(path)
        return self._entry(details)

    @patient
    def size(self, path: str) -> int | None:
        """Read the size of one object, see ObjectBackend.

        Args:
            path: the object.

        Returns:
            Bytes as stored, None where there is none.
        """
        try:
            if self.s3:
                # One request, where `info` asks again in a second one whether a missing object is a folder.
                return int(self.fs.call_s3("head_object", Bucket=self.name, Key=self.key(path))["ContentLength"])
            details = self.fs.info(self._full(path))
            return int(details["size"]) if details["type"] == "file" else None
        except FileNotFoundError:
            return None

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
        try:
            return bytes(self.fs.cat_file(self._full(path), start=start, end=start + length))
        except OSError as error:
            if answer(error)[0] in ("InvalidRange", "416"):
                return b""
            raise

    def write(self, path: str, content: Content) -> None:
        """Make or replace an object, see ObjectBackend.

        Args:
            path: the object.
            content: its content; what is made piece by piece goes through a file on local disk.
        """
        if isinstance(content, bytes | Path):
            self._write(path, content)
            return
        with scratch() as folder:
            spool = folder / "object"
            with spool.open("wb") as file:
                file.writelines(content())
            self._write(path, spool)

    def create(self, path: str, data: bytes) -> bool:
        """Make an object unless there is one, see ObjectBackend.

        As exclusive as the server's create-only writes are: see Store.check_exclusive.

        Args:
            path: the object.
            data: its content.

        Returns:
            Whether this call made it.
        """
        return self._create(path, data, secrets.token_hex(16))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects, see ObjectBackend.

        Args:
            paths: the objects.
        """
        names = iter(paths)
        while batch := list(itertools.islice(names, _BATCH)):
            self._remove(batch)

    def remove_tree(self, path: str) -> None:
        """Remove all that lies below a path, see ObjectBackend.

        Args:
            path: the folder.

        Raises:
            StoreUnavailable: something is left after three tries.
        """
        for _ in range(_TRIES):
            found = self.entries(path)
            if not found:
                return
            self.remove(found)
        if self.entries(path):
            raise StoreUnavailable("Objects could not be removed from the store, or others go on writing them.")

    def entries(self, path: str) -> dict[str, Entry]:
        """List all objects below a path, see ObjectBackend.

        Args:
            path: the folder.

        Returns:
            Details by path.
        """
        if not self.s3:
            return self._find(path)
        found: dict[str, Entry] = {}
        token: dict[str, str] = {}
        while True:
            # Page by page: a fault costs a page, and one request is enough for what is empty.
            page = self.call("list_objects_v2", Prefix=self.key(path) + "/", **token)
            for item in page.get("Contents", []):
                if not item["Key"].endswith("/"):
                    found[self.path(item["Key"])] = Entry(item["Size"], item["ETag"], item["LastModified"])
            if not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    @patient
    def call(self, method: str, /, **arguments: Any) -> dict[str, Any]:
        """Ask an S3 server something for which filesystems have no call, or not the right one.

        Args:
            method: name of the S3 operation.
            **arguments: its arguments; the bucket is added.

        Returns:
            The answer.
        """
        return dict(self.fs.call_s3(method, Bucket=self.name, **arguments))

    @patient
    def fetch(self, path: str, destination: Path) -> None:
        """Fill a local file with an object by the filesystem's own means, for those that know no sizes.

        Args:
            path: the object.
            destination: the file.
        """
        self.fs.get_file(self._full(path), str(destination))

    @patient
    def _find(self, path: str) -> dict[str, Entry]:
        found = self.fs.find(self._full(path), detail=True)
        start, below = len(self._root) + 1, self._full(path) + "/"
        return {name[start:]: self._entry(details) for name, details in found.items() if name.startswith(below)}

    @patient
    def _write(self, path: str, content: bytes | Path) -> None:
        full = self._full(path)
        limits = {"chunksize": _PART, "max_concurrency": _PARTS_AT_A_TIME} if self.s3 else {}
        if isinstance(content, bytes):
            self.fs.pipe_file(full, content, **limits)
        else:
            self.fs.put_file(str(content), full, **limits)

    @patient
    def _create(self, path: str, data: bytes, writer: str) -> bool:
        full = self._full(path)
        if not self.s3:
            try:
                with _ONE_AT_A_TIME:
                    self.fs.pipe_file(full, data, mode="create")
            except FileExistsError:
                return False
            return True
        try:
            self.fs.pipe_file(full, data, mode="create", Metadata={_WRITER: writer})
        except Exception as error:
            made_by = self._writer(full) if answer(error)[0] in _TAKEN else None
            if made_by is None:
                # Also where it is not there after all: another process writes or removes it, and a new try shows which.
                raise
            # The answer to an earlier try may have been lost after the object was made.
            return made_by == writer
        return True

    def _writer(self, full: str) -> str | None:
        try:
            return str(self.fs.metadata(full).get(_WRITER, ""))
        except FileNotFoundError:
            return None

    @patient
    def _remove(self, paths: list[str]) -> None:
        if not self.s3 or len(paths) == 1:
            for path in paths:
                try:
                    self.fs.rm_file(self._full(path))
                except FileNotFoundError:
                    continue
            return
        objects = [{"Key": self.key(path)} for path in paths]
        result = self.fs.call_s3("delete_objects", Bucket=self.name, Delete={"Objects": objects, "Quiet": True})
        if result.get("Errors"):
            raise _NotRemoved(result)

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _entry(self, details: dict[str, Any]) -> Entry:
        name = details["name"]
        modified = details.get("LastModified") or details.get("created") or self.fs.modified(name)
        if isinstance(modified, int | float):
            modified = datetime.datetime.fromtimestamp(modified, datetime.UTC)
        elif isinstance(modified, str):
            modified = datetime.datetime.fromisoformat(modified)
        if modified.tzinfo is None:
            modified = modified.replace(tzinfo=datetime.UTC)
        return Entry(int(details["size"]), str(details.get("ETag") or self.fs.ukey(name)), modified)


def download(url: str, destination: Path) -> None:
    """Fill a local file with what lies at an address, patiently. After an error the file may hold a part.

    Args:
        url: fsspec address of one object.
        destination: the file.

    Raises:
        FileNotFoundError: nothing is there.
        StoreUnavailable: the store does not answer, or refuses.
        OSError: the file cannot be written.
        UsageError: the address cannot be opened.
    """
    bucket = Bucket(url)
    if not bucket.s3:
        bucket.fetch("", destination)
        return
    with destination.open("wb") as file:
        file.writelines(chunks(bucket, ""))
