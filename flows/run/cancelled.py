"""Stopping a run, or one video of it."""

from __future__ import annotations

import threading


class Cancelled(BaseException):
    """The user stopped the run; no verdict, so that the next run resumes. Not an Exception on purpose."""


class LeaseLost(Cancelled):
    """Another process has taken this video over; what was made of it here must not be published."""


class Stop(threading.Event):
    """Ends work at its next step when set: because its process ends, or because a person cancelled the work.

    Attributes:
        cancelled: Whether a person cancelled it, so that it is not taken up again until somebody asks for it.
        suspended: Whether it was only paused, so that the scheduler runs it again when a person resumes it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = self.suspended = False

    def cancel(self, suspended: bool = False) -> None:
        """End the work because a person cancelled it.

        Args:
            suspended: It was only paused.
        """
        self.cancelled, self.suspended = True, suspended
        self.set()
