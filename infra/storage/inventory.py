"""What a cache holds, for its operators. All of it is safe to show: names in a store are keyed ids."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from infra.storage.bucket import Bucket
from infra.storage.bucket_versions import Upload, uploads
from infra.storage.encryption import sealed_size
from infra.storage.store import Entry, Prefix, Store

_READERS = 16


@dataclass
class Amount:
    """So many objects (or entries of the cache) of so many bytes together, as stored."""

    count: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        """Count one more.

        Args:
            size: its bytes, as stored.
        """
        self.count += 1
        self.size += size


@dataclass(frozen=True)
class Group:
    """All that one owner (a video or a gallery) has in one half of the store.

    Attributes:
        changed: when the newest was written, by the store's clock.
    """

    prefix: str
    owner: str
    amount: Amount
    changed: datetime.datetime
    paths: tuple[str, ...] = field(repr=False)

    @property
    def path(self) -> str:
        """Its folder."""
        return f"{self.prefix}/{self.owner}"

    @property
    def gallery(self) -> bool:
        """Whether it is that of a dataset, which many videos share."""
        return self.prefix == Prefix.IDENTIFYING and self.owner.startswith("dataset-")

    @property
    def prunable(self) -> bool:
        """Whether it holds what can be made again (results, the shards of a run, a report), and not what workers tell
        each other."""
        return (
            self.gallery
            or self.owner.startswith(("run-", "report-"))
            or any(path.split("/")[2] in ("objects", "done") for path in self.paths)
        )


@dataclass
class Stats:
    """What a cache holds.

    Attributes:
        prefixes: amount by prefix.
        stages: entries by (prefix, stage), with the bytes of their objects.
        damaged: entries with an unreadable manifest, or with an object that is missing or of another size.
        orphans: objects of no entry, left by runs that were stopped or by entries that were made again.
        unfinished: half-written files and uploads in parts.
    """

    prefixes: dict[str, Amount]
    stages: dict[tuple[str, str], Amount]
    damaged: int
    orphans: Amount
    unfinished: int


def store_time(store: Store) -> datetime.datetime:
    """Ask what the store's clock says now: the time of an object that is written and removed again.

    Only this can be compared with the times of other objects.

    Args:
        store: the store.

    Returns:
        The time; whole seconds on most S3 servers.
    """
    path = f"{Prefix.SAFE.value}/probe/{secrets.token_hex(8)}"
    store.write_named(path, b"what time is it")
    try:
        return store.place.info(path).modified
    finally:
        store.remove(path)


def groups(store: Store, prefix: Prefix | None = None) -> list[Group]:
    """List everything in a store, or in one half, by owner.

    Args:
        store: the store.
        prefix: the half, both when None.

    Returns:
        The groups, sorted.

    Raises:
        StoreUnavailable: the store does not answer, refuses, or is full.
    """
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    for half in Prefix if prefix is None else (prefix,):
        for path, entry in store.entries(half.value).items():
            parts = path.split("/")
            if len(parts) > 2:
                found.setdefault((parts[0], parts[1]), {})[path] = entry
    return [_group(half, owner, entries) for (half, owner), entries in sorted(found.items())]


def unfinished_uploads(store: Store) -> list[Upload]:
    """List uploads in parts that have not ended, those of writers at work included.

    Args:
        store: the store.

    Returns:
        The uploads; only S3 has any.
    """
    place = store.place
    if not isinstance(place, Bucket) or not place.s3:
        return []
    return [upload for half in Prefix for upload in uploads(place, half.value)]


def half_written(path: str) -> bool:
    """Say whether a path is that of a local file that a writer works on, or worked on when it was killed.

    Args:
        path: path of an object.

    Returns:
        True when it is.
    """
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith(".part")


def stats(store: Store) -> Stats:
    """Count a whole cache; reads every manifest.

    Args:
        store: the store.

    Returns:
        The counts.

    Raises:
        StoreUnavailable: the store does not answer, refuses, or is full.
        UsageError: a key is missing.
    """
    result = Stats({}, {}, 0, Amount(), 0)
    for half in Prefix:
        entries = store.entries(half.value)
        amount = result.prefixes[half.value] = Amount()
        for entry in entries.values():
            amount.add(entry.size)
        referred = set()
        for prefix, stage, path in _manifests(store, entries):
            if path is None or path not in entries:
                result.damaged += 1
                continue
            referred.add(path)
            result.stages.setdefault((prefix, stage), Amount()).add(entries[path].size)
        for path in entries.keys() - referred:
            if half_written(path):
                result.unfinished += 1
            elif _kind(path) == "objects":
                result.orphans.add(entries[path].size)
    result.unfinished += len(unfinished_uploads(store))
    return result


def _manifests(store: Store, entries: dict[str, Entry]) -> Iterator[tuple[str, str, str | None]]:
    """(prefix, stage, path of the object) of every entry, None for the path when it cannot be intact."""
    paths = [path for path in entries if _kind(path) == "done" and path.endswith(".json")]
    # A remote store answers slowly, but many at a time.
    with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="inventory") as pool:
        for path, manifest in zip(paths, pool.map(store.read_json, paths), strict=True):
            prefix, owner, _, name = path.split("/")
            yield prefix, name.rpartition("-")[0], _object(f"{prefix}/{owner}", manifest, entries)


def _object(folder: str, manifest: dict[str, Any] | None, entries: dict[str, Entry]) -> str | None:
    digest, size = (manifest or {}).get("digest"), (manifest or {}).get("size")
    if not isinstance(digest, str) or not isinstance(size, int):
        return None
    path = f"{folder}/objects/{digest[:2]}/{digest}"
    intact = path in entries and entries[path].size in (size, sealed_size(size))
    return path if intact else None


def _group(prefix: str, owner: str, entries: dict[str, Entry]) -> Group:
    amount = Amount()
    for entry in entries.values():
        amount.add(entry.size)
    return Group(prefix, owner, amount, max(entry.modified for entry in entries.values()), tuple(entries))


def _kind(path: str) -> str:
    parts = path.split("/")
    return parts[2] if len(parts) > 3 else ""
