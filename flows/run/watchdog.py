"""Ends the process when one video hangs where no exception can reach it."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator

from flows.recipes.clock import Clock
from infra.reasons import Reason
from infra.storage.lease import Leases

log = logging.getLogger("anonflow")

GRACE_S = 300.0
"""Seconds past its limit in which a video may still notice by itself."""
EXIT_STATUS = 75
HUNG = Reason.HUNG


class Watchdog:
    """Watches the videos of a process that is restarted when it ends (see `flows.prefect.supervisor`).

    A video that is far past its time limit hangs in native code or in a child process. It is marked, so that it is
    not tried again, and the process ends at once; what else it was doing is resumed by the next one.
    """

    def __init__(self, leases: Leases, grace_s: float = GRACE_S, end: Callable[[int], object] = os._exit) -> None:
        """Args:
        leases: Mark the video that hangs.
        grace_s: Seconds past its limit in which a video may still notice by itself.
        end: Ends the process.
        """
        self._leases, self._grace_s, self._end = leases, grace_s, end
        self._watched: dict[str, Clock] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @contextlib.contextmanager
    def watching(self, public_id: str, clock: Clock) -> Iterator[None]:
        """Watch a video for the length of the block.

        Args:
            public_id: Of the video.
            clock: Of the video.

        Yields:
            Nothing.
        """
        with self._lock:
            self._watched[public_id] = clock
        try:
            yield
        finally:
            with self._lock:
                self._watched.pop(public_id, None)

    def _watch(self) -> None:
        while not self._stopped.wait(min(self._grace_s / 4, 15.0)):
            with self._lock:
                late = [name for name, clock in self._watched.items() if clock.used_s > clock.allowed_s + self._grace_s]
            for name in late:
                log.error("%s hangs; it will not be tried again, and this process ends.", name)
                self._leases.mark_poisoned(name, HUNG)
            if late:
                self._end(EXIT_STATUS)
                return
