"""Where a store's objects lie, without knowing what they mean: a folder on disk, or a bucket behind fsspec."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.errors import StoreUnavailable

CHUNK = 8 << 20

# Bytes, a local file, or what begins the content anew each time it is called.
Content = bytes | Path | Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Entry:
    """One object of a listing. size: bytes as stored. stamp: another one whenever other content was written.
    modified: when it was last written, by the store's clock."""

    size: int
    stamp: str
    modified: datetime.datetime


class Changed(StoreUnavailable):
    """An object was rewritten while it was read."""


class Place(Protocol):
    """Raw objects by their paths relative to a root. Safe among threads, and after a fork.

    Every method raises StoreUnavailable as `infra.storage.faults.patient` does; those that need one object raise
    FileNotFoundError where it is not there.
    """

    def info(self, path: str) -> Entry:
        """Details of one object."""

    def size(self, path: str) -> int | None:
        """Bytes of one object as stored, None where there is none; may answer None for a bucket that does not exist."""

    def read(self, path: str, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on; fewer only where the object ends."""

    def write(self, path: str, content: Content) -> None:
        """Make or replace an object, atomically."""

    def create(self, path: str, data: bytes) -> bool:
        """Make an object unless there is one; whether this call made it. Atomic and exclusive."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects; what is not there is no error."""

    def remove_tree(self, path: str) -> None:
        """Remove all that lies below a path, and see to it that nothing is left."""

    def entries(self, path: str) -> dict[str, Entry]:
        """Details of all objects below a path, in no order."""


def chunks(place: Place, path: str, small: bool = False) -> Iterator[bytes]:
    """The content of one version of an object, in pieces of at most 8 MiB.

    small: most likely one piece, then the store is asked only once. Raises FileNotFoundError where there is none,
    StoreUnavailable, and Changed when the object was rewritten meanwhile.
    """
    if small:
        piece = place.read(path, 0, CHUNK)
        if len(piece) < CHUNK:
            yield piece
            return
    before = place.info(path)
    done = 0
    while done < before.size:
        piece = place.read(path, done, CHUNK)
        done += len(piece)
        if not piece or done > before.size:
            raise Changed("An object was rewritten while it was read.")
        yield piece
    if before.size > CHUNK and place.info(path).stamp != before.stamp:
        raise Changed("An object was rewritten while it was read.")
