"""Names, times and reports the stages of one input, and ends them when they must not go on."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from flows.manifest.rows import VideoRow
from infra.errors import TimeLimitError
from infra.process.telemetry import Timings
from tasks.stage import Advance


class Reporter(Protocol):
    """Hears what happens. Inputs are known by ordinal and public id only."""

    def stage(self, ordinal: int, public_id: str, name: str, done: int, total: int) -> None:
        """Report that a stage of a video has begun (done 0) or advanced.

        Args:
            ordinal: Of the video.
            public_id: Of the video.
            name: Of the stage.
            done: Units that are done.
            total: Units of the stage, 0 when unknown.
        """

    def finished(self, row: VideoRow, reused: bool) -> None:
        """Report that a video has its verdict.

        Args:
            row: Of the video.
            reused: Nothing had to be done.
        """

    def unchanged(self, count: int) -> None:
        """Report that some videos have a verdict of an earlier run that still holds.

        Args:
            count: How many.
        """


class Clock:
    """Names, times and reports the stages of one video, and ends them when they must not go on."""

    def __init__(
        self, ordinal: int, public_id: str, reporter: Reporter, check: Callable[[], None] | None = None
    ) -> None:
        """Args:
        ordinal: Of the video.
        public_id: Of the video.
        reporter: Hears of the stages.
        check: Raises what shall end the video; it is called again and again.
        """
        self.timings = Timings()
        self.allowed_s = math.inf
        self._began = time.monotonic()
        self._who = (ordinal, public_id)
        self._reporter = reporter
        self._check = check or (lambda: None)

    @property
    def used_s(self) -> float:
        """Seconds since the video was begun."""
        return time.monotonic() - self._began

    @contextlib.contextmanager
    def stage(self, name: str, total: int = 0) -> Iterator[Advance]:
        """Measure a stage.

        Args:
            name: Of the stage.
            total: Units of the stage (frames, say), 0 when unknown.

        Yields:
            A function that is called with the number of units done. It raises TimeLimitError when the video has had
            more than `allowed_s` seconds.
        """

        def advance(done: int) -> None:
            self._check()
            if self.used_s > self.allowed_s:
                raise TimeLimitError(f"Given up after {self.allowed_s:.0f} s of work; see --time-limit.")
            self._reporter.stage(*self._who, name, done, total)

        advance(0)
        with self.timings.stage(name):
            yield advance
