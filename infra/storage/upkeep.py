"""Making room in a cache, and removing what must be gone for good."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from infra.errors import StoreError, StoreUnavailable, UsageError
from infra.storage.bucket import Bucket
from infra.storage.bucket_versions import Upload, abort, erase, keeps_versions, uploads, versions
from infra.storage.inventory import Group, groups, half_written, store_time, unfinished_uploads
from infra.storage.store import Prefix, Store

log = logging.getLogger("anonflow")

LEASES = "leases"
# A lease is renewed every few seconds; one this old has no holder.
_LEASE_LIFE = datetime.timedelta(hours=1)
# No upload and no write takes this long.
_WRITE_LIFE = datetime.timedelta(days=1)
_TRIES = 3


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        groups: whole owners.
        unfinished: writes that were never ended.
        in_use: owners that were due but that a running video may still read.
    """

    groups: tuple[Group, ...]
    unfinished: int
    in_use: int

    @property
    def size(self) -> int:
        """Bytes of the groups, as stored."""
        return sum(group.amount.size for group in self.groups)


@dataclass(frozen=True)
class Leftovers:
    """What a store still holds.

    Attributes:
        objects: paths.
        versions: (path, version) of old content and delete markers.
        uploads: (path, upload) of unfinished uploads in parts.
    """

    objects: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    uploads: tuple[tuple[str, str], ...]

    @property
    def none(self) -> bool:
        """Whether nothing is left."""
        return not (self.objects or self.versions or self.uploads)


def prune(
    store: Store,
    older_than: datetime.timedelta | None = None,
    identifying_only: bool = False,
    max_size: int | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove results of owners by age, by total size, or both; also what was half-written a day ago.

    Removed are owners of which nothing was written for longer than `older_than`, then, those that were left alone
    longest first, more until at most `max_size` bytes are left. Times are the store's own; this machine's clock does
    not matter. Only reading does not make an owner younger. Left alone: owners with a lease younger than an hour, all
    galleries while there is any such lease, owners that change while this runs, and what is no result (leases, records
    of runs). A video that starts while this runs may lose what it found a moment ago; it is made again.

    Args:
        store: the store.
        older_than: age from which on an owner is due, None for no age.
        identifying_only: neither touch nor count the safe half.
        max_size: bytes to keep at most, None for no bound.
        dry_run: remove nothing, only say what would be removed.

    Returns:
        What was removed, or would be.

    Raises:
        UsageError: there is neither an age nor a size.
        StoreUnavailable: the store does not answer, refuses, or is full.
    """
    if older_than is None and max_size is None:
        raise UsageError("Say what to prune: an age, or a size.")
    now = store_time(store)
    found = groups(store, Prefix.IDENTIFYING if identifying_only else None)
    size = sum(group.amount.size for group in found)
    removed, in_use = [], 0
    for group in sorted((group for group in found if group.prunable), key=lambda group: group.changed):
        old = older_than is not None and now - group.changed > older_than
        if not old and (max_size is None or size <= max_size):
            continue
        if _in_use(group, store, now):
            in_use += 1
        elif dry_run or _remove(group, store):
            removed.append(group)
            size -= group.amount.size
    return Pruned(tuple(removed), _unfinished(store, found, now, dry_run), in_use)


def purge(store: Store, paths: Iterable[str]) -> Leftovers:
    """Remove objects, or all that lies below them, for good.

    On S3 that is with all versions, delete markers and unfinished uploads. Not guaranteed: that a provider, its backups
    or replicas keep no copy, or a disk no trace; the bucket's own rules (replication, logs) are its owner's.

    Args:
        store: the store.
        paths: paths of objects or folders.

    Returns:
        What is left nevertheless, for instance under a retention rule of the bucket.

    Raises:
        UsageError: a path is the root or outside it.
        StoreUnavailable: the store does not answer, refuses, or is full.
    """
    doomed = [_inside(path) for path in paths]
    place = store.place
    for path in doomed:
        if isinstance(place, Bucket) and place.s3:
            for _ in range(_TRIES):
                abort(place, uploads(place, path))
                erase(place, versions(place, path))
                if leftovers(store, [path]).none:
                    break
        # What has no versions, or is on a server that does not list any. Removing what is not there would leave a
        # delete marker in a bucket with versions.
        if place.size(path) is not None:
            place.remove([path])
        place.remove_tree(path)
    return leftovers(store, doomed)


def hides_removed(store: Store) -> bool:
    """Ask whether what is removed, other than by `purge`, stays readable as an old version.

    Args:
        store: the store.

    Returns:
        True when it does.

    Raises:
        StoreUnavailable: for instance, the credentials do not allow to ask.
    """
    return isinstance(store.place, Bucket) and store.place.s3 and keeps_versions(store.place)


def remove_for_good(store: Store, path: str) -> None:
    """Remove all below a path of the store, also from a bucket that keeps versions of what is removed.

    Args:
        store: the store.
        path: folder in the store.

    Raises:
        StoreError: something is left, for instance under a retention rule of the bucket.
        StoreUnavailable: the store does not answer, refuses, or is full.
        UsageError: the path is the root or outside it.
    """
    if store.keeps_versions is None:
        try:
            store.keeps_versions = hides_removed(store)
        except StoreUnavailable:
            log.warning("It may not be asked whether the store keeps versions of what is removed; it is taken not to.")
            store.keeps_versions = False
    if not store.keeps_versions:
        store.remove_tree(path)
    elif not purge(store, [path]).none:
        raise StoreError("The store keeps versions of what was removed and does not let them go.")


def leftovers(store: Store, paths: Iterable[str]) -> Leftovers:
    """List what a store holds of objects and below them, deleted but not gone included.

    Args:
        store: the store.
        paths: paths of objects or folders.

    Returns:
        What is left.

    Raises:
        UsageError: a path is the root or outside it.
        StoreUnavailable: the store does not answer, refuses, or is full.
    """
    objects: list[str] = []
    old: list[tuple[str, str]] = []
    begun: list[tuple[str, str]] = []
    place = store.place
    for path in map(_inside, paths):
        objects += [path] if place.size(path) is not None else []
        objects += sorted(place.entries(path))
        if isinstance(place, Bucket) and place.s3:
            old += [(version.path, version.number) for version in versions(place, path) if not version.current]
            begun += [(upload.path, upload.number) for upload in uploads(place, path)]
    return Leftovers(tuple(objects), tuple(old), tuple(begun))


def _in_use(group: Group, store: Store, now: datetime.datetime) -> bool:
    """By the leases of this very moment, since much time may have passed since the listing."""
    leases = store.entries(f"{Prefix.SAFE.value}/{LEASES}")
    young = [path for path, entry in leases.items() if now - entry.modified < _LEASE_LIFE]
    return bool(young) if group.gallery else any(group.owner in path for path in young)


def _remove(group: Group, store: Store) -> bool:
    entries = store.entries(group.path)
    if any(entry.modified > group.changed for entry in entries.values()):
        return False
    # Manifests first: an entry whose object is gone before it would look damaged to a process that reads it now.
    done = f"{group.path}/done/"
    store.place.remove(path for path in entries if path.startswith(done))
    store.remove_tree(group.path)
    return True


def _unfinished(store: Store, found: list[Group], now: datetime.datetime, dry_run: bool) -> int:
    def old(begun: datetime.datetime) -> bool:
        return now - begun > _WRITE_LIFE

    suspects = [group for group in found if any(map(half_written, group.paths))]
    files = [
        path
        for group in suspects
        for path, entry in store.entries(group.path).items()
        if half_written(path) and old(entry.modified)
    ]
    begun = [upload for upload in unfinished_uploads(store) if old(upload.begun)]
    if not dry_run:
        store.place.remove(files)
        _abort(store, begun)
    return len(files) + len(begun)


def _abort(store: Store, begun: list[Upload]) -> None:
    if isinstance(store.place, Bucket):
        abort(store.place, begun)


def _inside(path: str) -> str:
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise UsageError("Only what lies below the root can be purged.")
    return path
