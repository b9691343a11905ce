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
    """One object of a listing.

    Attributes:
        size: bytes as stored.
        stamp: another one after other content was written.
        modified: when it was last written, by the store's clock.
    """

    size: int
    stamp: str
    modified: datetime.datetime


class Changed(StoreUnavailable):
    """An object was rewritten while it was read."""


class ObjectBackend(Protocol):
    """Raw objects by their paths relative to a root. Safe among threads, and after a fork.

    Every method raises StoreUnavailable as `infra.storage.faults.patient` does; those that need one object raise
    FileNotFoundError where it is not there.
    """

    def info(self, path: str) -> Entry:
        """Read details of one object.

        Args:
            path: the object.

        Returns:
            Its details.

        Raises:
            FileNotFoundError: it is not there.
        """

    def size(self, path: str) -> int | None:
        """Read the size of one object.

        Args:
            path: the object.

        Returns:
            Bytes as stored, None where there is none; may be None for a bucket that does not exist.
        """

    def read(self, path: str, start: int, length: int) -> bytes:
        """Read a part of an object.

        Args:
            path: the object.
            start: first byte.
            length: bytes at most.

        Returns:
            The bytes; fewer only where the object ends.

        Raises:
            FileNotFoundError: it is not there.
        """

    def write(self, path: str, content: Content) -> None:
        """Make or replace an object, atomically.

        Args:
            path: the object.
            content: its content.
        """

    def create(self, path: str, data: bytes) -> bool:
        """Make an object unless there is one. Atomic and exclusive.

        Args:
            path: the object.
            data: its content.

        Returns:
            Whether this call made it.
        """

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects; what is not there is no error.

        Args:
            paths: the objects.
        """

    def remove_tree(self, path: str) -> None:
        """Remove all that lies below a path, and check that nothing is left.

        Args:
            path: the folder.
        """

    def entries(self, path: str) -> dict[str, Entry]:
        """List all objects below a path.

        Args:
            path: the folder.

        Returns:
            Details by path, in no order.
        """


def chunks(place: ObjectBackend, path: str, small: bool = False) -> Iterator[bytes]:
    """Read the content of one version of an object.

    Args:
        place: where the object lies.
        path: the object.
        small: most likely one piece, then the store is asked only once.

    Yields:
        Pieces of at most 8 MiB.

    Raises:
        FileNotFoundError: there is no such object.
        StoreUnavailable: the store does not answer, or refuses.
        Changed: the object was rewritten meanwhile.
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
