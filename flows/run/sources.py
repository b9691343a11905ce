"""What the user points at, as an ordered list of single inputs."""

from __future__ import annotations

import csv
import hashlib
import io
import posixpath
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fsspec.implementations.local import LocalFileSystem

from infra.errors import MediaError, StoreUnavailable, UsageError
from infra.privacy import public_id
from infra.reasons import Reason
from infra.storage.bucket import download
from infra.storage.faults import full_disk, patience, patiently
from infra.storage.filesystem import open_address

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for group in ("mp4 m4v mov mkv webm avi mpg mpeg ts mts m2ts", "flv gif wmv asf ogv 3gp 3g2")
    for name in group.split()
)
_TABLES = (".csv", ".parquet")
_READERS = 16

Details = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One input. uri, name and stamp are identifying and therefore kept out of the representation.

    Attributes:
        ordinal: Counts from 1.
        uri: Address.
        name: Its place relative to the source folder, or what a table calls it.
        stamp: Its size and version as listed, empty when unknown.
        size: Bytes.
    """

    ordinal: int
    uri: str = field(repr=False)
    name: str = field(repr=False)
    stamp: str = field(default="", repr=False)
    size: int = 0

    @property
    def suffix(self) -> str:
        """Lower case suffix of the name, with its dot; empty when there is none."""
        return posixpath.splitext(urlsplit(self.uri).path if _remote(self.uri) else self.uri)[1].lower()

    def uri_digest(self) -> str:
        """Stands in for the content digest where there is no content to read."""
        return _sha256("uri:" + self.uri)

    def input_id(self, key: bytes) -> str:
        """Return the keyed id of the input's place in the dataset.

        It is the same on machines that mount the dataset elsewhere.

        Args:
            key: Makes keyed ids.

        Returns:
            The id.
        """
        return public_id(key, _sha256("input:" + self.name))

    def stamp_id(self, key: bytes) -> str:
        """Return the keyed id of the source's version; a new version of the file has another one.

        Args:
            key: Makes keyed ids.

        Returns:
            The id, empty when unknown.
        """
        return public_id(key, _sha256("stamp:" + self.stamp)) if self.stamp else ""


def check(address: str, argument: str) -> None:
    """Refuse an address behind which there is nothing, before anything is started.

    The message repeats the address, as it was typed. So this is for the command line alone, never for what a worker
    runs or Prefect shows.

    Args:
        address: What a person typed.
        argument: Of the command, as its help calls it.

    Raises:
        UsageError: nothing is there, or it is no address.
        StoreUnavailable: a remote place does not answer.
    """
    try:
        fs, path = _open(address)
    except UsageError as error:
        raise UsageError(f"{argument}: {error}") from None
    if not _patient(fs, lambda: fs.exists(path)):
        raise UsageError(f"{argument} does not exist: {address}")


def find(source: str, suffixes: frozenset[str], destination: str | None = None, argument: str = "SOURCE") -> list[Job]:
    """List the inputs behind an address, local or any of fsspec.

    Files below the destination and names that begin with a dot are left out of folders.

    Args:
        source: One file, a folder (recursively, by suffix), or a CSV or Parquet table with a `uri` column, whose
            relative entries are taken relative to the table.
        suffixes: Of the files that are inputs.
        destination: Address of the results, if any.
        argument: What the command calls the source. Messages name it and not the address, since Prefect may show them;
            see `check`.

    Returns:
        The inputs, sorted by name, or those of a table in its own order; what it lists twice counts once.

    Raises:
        UsageError: nothing is there.
        StoreUnavailable: a remote place cannot be read.
    """
    fs, path = _open(source)
    return _patient(fs, lambda: _find(fs, path, suffixes, destination, argument))


def _find(fs: Any, path: str, suffixes: frozenset[str], destination: str | None, argument: str) -> list[Job]:
    if not fs.exists(path):
        raise UsageError(f"{argument} does not exist.")
    if fs.isdir(path):
        found = _folder(fs, path, suffixes, destination)
        if not found:
            raise UsageError(f"The folder of {argument} holds no file of a supported kind.")
    elif path.lower().endswith(_TABLES):
        entries = list(dict.fromkeys(_table(fs, path, argument)))
        uris = [_resolve(entry, fs, path) for entry in entries]
        # A remote store answers slowly, but many at a time.
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="listing") as pool:
            found = list(zip(uris, entries, pool.map(_details, uris), strict=True))
    else:
        found = [(_address(fs, path), posixpath.basename(path), fs.info(path))]
    return [Job(n, uri, name, *_version(info)) for n, (uri, name, info) in enumerate(found, start=1)]


def unsupported(source: str, suffixes: frozenset[str], destination: str | None = None) -> list[str]:
    """Return the suffixes of the files in a SOURCE folder that are no inputs, one for each file.

    Args:
        source: Address of the folder, a file or a table.
        suffixes: Of inputs.
        destination: Where results go.

    Returns:
        The suffixes; none for a file or a table.
    """
    fs, path = _open(source)
    if not fs.isdir(path):
        return []
    wanted = {entry for entry, _, _ in _folder(fs, path, suffixes, destination)}
    every = {entry for entry, _, _ in _folder(fs, path, None, destination)}
    return [posixpath.splitext(entry)[1].lower() or "no suffix" for entry in every - wanted]


def fetch(job: Job, scratch: Path) -> Path:
    """Return a local path with an input's content: the file itself, or a private copy of a remote one.

    Args:
        job: The input.
        scratch: Private folder for a copy.

    Returns:
        The path.

    Raises:
        MediaError: `missing` when it cannot be read, `source_unavailable` when its remote place does not answer, and
            `no_space` when there is no room for a copy.
    """
    try:
        fs, path = _open(job.uri)
        if isinstance(fs, LocalFileSystem):
            local = Path(path)
            if not local.is_file():
                raise MediaError(Reason.MISSING, "The input is not a readable file.")
            with local.open("rb"):
                return local
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = scratch / f"source{job.suffix if job.suffix[1:].isalnum() else ''}"
        download(job.uri, copy)
        return copy
    except StoreUnavailable as error:
        raise MediaError(Reason.SOURCE_UNAVAILABLE, str(error)) from None
    except (OSError, UsageError) as error:
        if full_disk(error):
            raise MediaError(
                Reason.NO_SPACE, "There is no room for a copy of the input; see ANONFLOW_SCRATCH."
            ) from None
        raise MediaError(Reason.MISSING, f"The input cannot be read ({type(error).__name__}).") from None


def _patient(fs: Any, work: Callable[[], T]) -> T:
    """What the work returns; a remote place may fail for a while."""
    return work() if isinstance(fs, LocalFileSystem) else patiently(work, patience())


def is_folder(address: str) -> bool:
    """Return whether there is a folder behind an address.

    Args:
        address: The address.

    Returns:
        Whether there is.

    Raises:
        StoreUnavailable: When a remote place does not answer.
    """
    fs, path = _open(address)
    return bool(_patient(fs, lambda: fs.isdir(path)))


def read(address: str) -> bytes:
    """Return the content of a small file.

    Args:
        address: Of the file.

    Returns:
        The content.

    Raises:
        OSError: When it cannot be read.
        StoreUnavailable: When a remote place does not answer.
    """
    fs, path = _open(address)
    return bytes(_patient(fs, lambda: fs.cat_file(path)))


def absolute(address: str) -> str:
    """Return an address in one form, however it was written.

    Args:
        address: The address.

    Returns:
        A full local path, or an fsspec address without a last slash.
    """
    return _address(*_open(address)).rstrip("/")


def _remote(uri: str) -> bool:
    return "://" in uri


def _open(uri: str) -> tuple[Any, str]:
    # Local names are used as they are: they may hold characters that mean something in an address.
    return open_address(uri) if _remote(uri) else (LocalFileSystem(), str(Path(uri).absolute()))


def _address(fs: Any, path: str) -> str:
    return path if isinstance(fs, LocalFileSystem) else str(fs.unstrip_protocol(path))


def _folder(
    fs: Any, path: str, suffixes: frozenset[str] | None, destination: str | None
) -> list[tuple[str, str, Details]]:
    """Address, name and details of the files in a folder; of all of them without suffixes."""
    root = path.rstrip("/") + "/"
    excluded = None
    if destination is not None:
        other, place = _open(destination)
        if type(other) is type(fs):
            excluded = place.rstrip("/") + "/"
    chosen = []
    for entry, details in sorted(fs.find(path, detail=True).items()):
        inner = entry[len(root) :]
        hidden = any(part.startswith(".") for part in inner.split("/"))
        if hidden or (excluded and excluded != root and entry.startswith(excluded)):
            continue
        if suffixes is None or posixpath.splitext(entry)[1].lower() in suffixes:
            chosen.append((_address(fs, entry), inner, details))
    return chosen


def _details(uri: str) -> Details:
    """What a listing would say about one file; nothing when it cannot be asked."""
    try:
        fs, path = _open(uri)
        return dict(_patient(fs, lambda: fs.info(path)))
    except (OSError, UsageError, StoreUnavailable):
        return {}


def _version(details: Details) -> tuple[str, int]:
    """Stamp and size in bytes out of a listing's details."""
    size = int(details.get("size") or 0)
    version = details.get("ETag") or details.get("mtime") or details.get("LastModified") or details.get("created")
    return (f"{size} {version}" if version else ""), size


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _table(fs: Any, path: str, argument: str) -> list[str]:
    data = fs.cat_file(path)
    if path.lower().endswith(".csv"):
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        if "uri" not in (rows.fieldnames or []):
            raise UsageError(f"The table of {argument} has no column called uri.")
        values = [row["uri"] for row in rows]
    else:
        import pyarrow
        import pyarrow.parquet

        try:
            table = pyarrow.parquet.read_table(io.BytesIO(data))
        except pyarrow.ArrowInvalid:
            raise UsageError(f"The table of {argument} is not a Parquet file.") from None
        if "uri" not in table.column_names:
            raise UsageError(f"The table of {argument} has no column called uri.")
        values = table.column("uri").to_pylist()
    uris = [str(value).strip() for value in values if value is not None and str(value).strip()]
    if not uris:
        raise UsageError(f"The table of {argument} lists no input.")
    return uris


def _resolve(entry: str, fs: Any, table: str) -> str:
    if _remote(entry) or entry.startswith("/"):
        return entry
    return _address(fs, posixpath.join(posixpath.dirname(table), entry))
