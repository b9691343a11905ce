"""How long stages take and how much memory the process has used."""

from __future__ import annotations

import contextlib
import resource
import sys
import threading
import time
from collections.abc import Iterator


class Timings:
    """Wall clock seconds per stage of one video; a stage that runs several times is summed. Safe among threads."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block, also when it raises.

        Args:
            name: stage to add the seconds to.

        Yields:
            Nothing.
        """
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begun)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds measured elsewhere.

        Args:
            name: stage to add them to.
            seconds: wall clock seconds.
        """
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def as_dict(self) -> dict[str, float]:
        """Stage -> seconds, in order of first use, rounded to milliseconds."""
        with self._lock:
            return {name: round(seconds, 3) for name, seconds in self._seconds.items()}


def peak_memory_bytes(children: bool = False) -> int:
    """Read the largest resident memory since the start of this process.

    Args:
        children: read that of its largest finished child instead.

    Returns:
        Bytes.
    """
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024
