"""One process at a time on this machine, for things that cannot be shared, such as a graphics card."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator

from infra.errors import UsageError
from infra.process.scratch import scratch_root


@contextlib.contextmanager
def only_one(thing: str) -> Iterator[None]:
    """Hold a thing for the length of the block.

    The kernel gives it back when the process ends, however it ends.

    Args:
        thing: name of what cannot be shared, such as a graphics card.

    Yields:
        Nothing, while the thing is held.

    Raises:
        UsageError: another process of this user holds it.
    """
    root = scratch_root()
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = re.sub(r"[^A-Za-z0-9,-]", "_", thing)
    descriptor = os.open(root / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"Another worker on this machine uses {thing}; give each worker its own.") from None
        yield
    finally:
        os.close(descriptor)
