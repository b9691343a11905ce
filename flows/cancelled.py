"""Stopping a run."""

from __future__ import annotations


class Cancelled(BaseException):
    """The user stopped the run; no verdict, so that the next run resumes. Not an Exception on purpose."""
