"""What a coordinator asks of whatever hands shards to workers."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    """Of a submitted shard, as far as the engine knows."""

    WAITING = "waiting"
    RUNNING = "running"
    OVER = "over"


class Engine(Protocol):
    """What hands shards to workers. May lose them, and may run one twice."""

    def submit(self, dataset: str, run: str, number: int, of: int, attempt: int) -> str:
        """Queue a shard; returns a handle. The same arguments give the same handle and no second shard."""

    def state(self, handle: str) -> State:
        """Where a shard is."""

    def abandon(self, handle: str) -> None:
        """A shard, or a coordinator, whose worker died is not waited for any more."""

    def drop(self, run: str) -> None:
        """Shards of a run that still wait need not be converted any more."""

    def running(self, run: str) -> list[tuple[str, int]]:
        """Handles and numbers of the shards of a run that seem to run."""
