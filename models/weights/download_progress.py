"""How far a pull has come, told now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as (what is being done, bytes done, bytes in all); bytes are those that must be fetched. The sum grows while
sizes become known that were not stated before."""

EVERY_SECONDS = 5.0


class Meter:
    """Counts the bytes of one pull, file after file. Not for several threads.

    report: told at the start and end of every file, and in between at most every EVERY_SECONDS.
    """

    def __init__(self, report: Progress | None, total: int) -> None:
        self._report = report
        self._total = total
        self._before = 0
        self._size = 0
        self._message = ""
        self._told = 0.0

    def start(self, what: str, size: int) -> None:
        """Begin a file.

        Args:
            what: Name of the file, for the report.
            size: Bytes as they were counted into the total, 0 when unknown.
        """
        self._message, self._size = what, size
        self._tell(f"fetching {what}", self._before)

    def resize(self, size: int) -> None:
        """Correct the size of the file that is being fetched.

        Args:
            size: Its real size in bytes.
        """
        self._total += size - self._size
        self._size = size

    def at(self, position: int) -> None:
        """Report how much of the file is there, at most every EVERY_SECONDS.

        Args:
            position: Bytes of the file that are there.
        """
        if time.monotonic() - self._told >= EVERY_SECONDS:
            self._tell(f"fetching {self._message}", self._before + position)

    def finish(self) -> None:
        """The file is in place."""
        self._before += self._size
        self._tell(f"fetched {self._message}", self._before)

    def _tell(self, message: str, done: int) -> None:
        self._told = time.monotonic()
        if self._report is not None:
            self._report(message, done, self._total)
