"""What the user points at, as an ordered list of single inputs."""

from __future__ import annotations

import csv
import hashlib
import io
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from infra.errors import MediaError, UsageError

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for group in ("mp4 m4v mov mkv webm avi mpg mpeg ts mts m2ts", "flv gif wmv asf ogv 3gp 3g2")
    for name in group.split()
)
_TABLES = (".csv", ".parquet")


@dataclass(frozen=True)
class Job:
    """One input. ordinal counts from 1. uri is identifying and therefore kept out of the representation."""

    ordinal: int
    uri: str = field(repr=False)

    @property
    def suffix(self) -> str:
        """Lower case suffix of the name, with its dot; empty when there is none."""
        return posixpath.splitext(urlsplit(self.uri).path if _remote(self.uri) else self.uri)[1].lower()

    def uri_digest(self) -> str:
        """Stands in for the content digest where there is no content to read."""
        return hashlib.sha256(b"uri:" + self.uri.encode("utf-8", "surrogateescape")).hexdigest()


def find(source: str, suffixes: frozenset[str], destination: str | None = None) -> list[Job]:
    """List the inputs behind SOURCE: one file, a folder (recursively, by suffix), or a CSV or Parquet table with a
    `uri` column; local or any fsspec address. Relative entries of a table are taken relative to the table.

    Files below the destination and names that begin with a dot are left out of folders. Sorted by name, a table in
    its own order. Raises UsageError when nothing is there.
    """
    fs, path = _open(source)
    if not fs.exists(path):
        raise UsageError("SOURCE does not exist.")
    if fs.isdir(path):
        uris = _folder(fs, path, suffixes, destination)
        if not uris:
            raise UsageError("The SOURCE folder holds no file of a supported kind.")
    elif path.lower().endswith(_TABLES):
        uris = [_resolve(entry, fs, path) for entry in _table(fs, path)]
    else:
        uris = [_address(fs, path)]
    return [Job(ordinal, uri) for ordinal, uri in enumerate(uris, start=1)]


def fetch(job: Job, scratch: Path) -> Path:
    """A local path with the input's content: the file itself, or a private copy of a remote one.

    Raises MediaError `missing` when it cannot be read.
    """
    try:
        fs, path = _open(job.uri)
        if isinstance(fs, LocalFileSystem):
            local = Path(path)
            if not local.is_file():
                raise MediaError("missing", "The input is not a readable file.")
            with local.open("rb"):
                return local
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = scratch / f"source{job.suffix if job.suffix[1:].isalnum() else ''}"
        fs.get_file(path, str(copy))
        return copy
    except (OSError, UsageError) as error:
        raise MediaError("missing", f"The input cannot be read ({type(error).__name__}).") from None


def absolute(address: str) -> str:
    """The same address however it was written: a full local path, or an fsspec address without a last slash."""
    return _address(*_open(address)).rstrip("/")


def _remote(uri: str) -> bool:
    return "://" in uri


def _open(uri: str) -> tuple[Any, str]:
    try:
        # Local names are used as they are: they may hold characters that mean something in an address.
        if not _remote(uri):
            return LocalFileSystem(), str(Path(uri).absolute())
        fs, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise UsageError(f"An address cannot be opened ({type(error).__name__}).") from None
    return fs, path


def _address(fs: Any, path: str) -> str:
    return path if isinstance(fs, LocalFileSystem) else str(fs.unstrip_protocol(path))


def _folder(fs: Any, path: str, suffixes: frozenset[str], destination: str | None) -> list[str]:
    root = path.rstrip("/") + "/"
    excluded = None
    if destination is not None:
        other, place = _open(destination)
        if type(other) is type(fs):
            excluded = place.rstrip("/") + "/"
    chosen = []
    for entry in sorted(fs.find(path)):
        inner = entry[len(root) :]
        hidden = any(part.startswith(".") for part in inner.split("/"))
        if hidden or (excluded and excluded != root and entry.startswith(excluded)):
            continue
        if posixpath.splitext(entry)[1].lower() in suffixes:
            chosen.append(_address(fs, entry))
    return chosen


def _table(fs: Any, path: str) -> list[str]:
    data = fs.cat_file(path)
    if path.lower().endswith(".csv"):
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        if "uri" not in (rows.fieldnames or []):
            raise UsageError("The table has no column called uri.")
        values = [row["uri"] for row in rows]
    else:
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.read_table(io.BytesIO(data))
        except pyarrow.ArrowInvalid:
            raise UsageError("The table is not a Parquet file.") from None
        if "uri" not in table.column_names:
            raise UsageError("The table has no column called uri.")
        values = table.column("uri").to_pylist()
    uris = [str(value).strip() for value in values if value is not None and str(value).strip()]
    if not uris:
        raise UsageError("The table lists no input.")
    return uris


def _resolve(entry: str, fs: Any, table: str) -> str:
    if _remote(entry) or entry.startswith("/"):
        return entry
    return _address(fs, posixpath.join(posixpath.dirname(table), entry))
