"""Results of stages for tests that look at what lies in a store."""

from __future__ import annotations

from dataclasses import dataclass

from infra.storage.cache import Cache, Key
from infra.storage.store import Prefix, Store

ONE, TWO = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


@dataclass(frozen=True)
class Result:
    text: str


def fill(store: Store, owner: str, prefix: Prefix = Prefix.IDENTIFYING, size: int = 10) -> None:
    """Store the result of a stage for an owner."""
    key = Key("faces", 1, owner, (), prefix=prefix)
    Cache(store).get_or_make(key, Result, lambda: Result("x" * size))
