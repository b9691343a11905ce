"""What a coordinator asks of the scheduler that hands shards to workers."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    """Of a submitted shard, as far as the scheduler knows; CANCELLED by a person, so that it is not submitted again."""

    WAITING = "waiting"
    RUNNING = "running"
    OVER = "over"
    CANCELLED = "cancelled"


class Scheduler(Protocol):
    """What hands shards to workers. May lose them, and may run one twice."""

    def submit(self, dataset: str, run: str, number: int, of: int, attempt: int) -> str:
        """Queue a shard. The same arguments give the same handle and no second shard.

        Args:
            dataset: Its name.
            run: Id of the run.
            number: Of the shard, from 1.
            of: How many shards the run has.
            attempt: At this shard, from 1.

        Returns:
            A handle.
        """

    def state(self, handle: str) -> State:
        """Return where a shard is.

        Args:
            handle: Of the shard.

        Returns:
            Its state.
        """

    def abandon(self, handle: str) -> None:
        """Stop waiting for a shard, or a coordinator, whose worker died.

        Args:
            handle: Of the shard or coordinator.
        """

    def drop(self, run: str) -> None:
        """Drop the shards of a run that still wait; they need not be converted any more.

        Args:
            run: Id of the run.
        """

    def cancel(self, run: str) -> bool:
        """Cancel the shards of a run: those that wait at once, those that run at their next step.

        To be called again until no shard is worked on: one may begin meanwhile.

        Args:
            run: Id of the run.

        Returns:
            Whether the scheduler could be asked; it is not waited for.
        """

    def running(self, run: str) -> list[tuple[str, int]]:
        """Return the shards of a run that seem to run.

        Args:
            run: Id of the run.

        Returns:
            Handle and number of each.
        """
