"""Stopping a run, or one video of it."""

from __future__ import annotations


class Cancelled(BaseException):
    """The user stopped the run; no verdict, so that the next run resumes. Not an Exception on purpose."""


class LeaseLost(Cancelled):
    """Another process has taken this video over; what was made of it here must not be published."""
