"""Running a network on as many items at once as its card has memory for.

Imports no torch: whoever runs a network on a card has imported it already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

_WORDS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Most:
    """How many items to run at once, at least 1. Lowered for good by `in_batches` when so many do not fit.

    One object per network, kept between calls and shared by its threads, so that the search happens once.
    """

    items: int


def in_batches(items: Sequence[T], run: Callable[[Sequence[T]], Sequence[R]], most: Most) -> list[R]:
    """The results of `run` on slices of at most `most.items` items, one per item, in their order.

    When a slice does not fit into the card's memory, its cache is emptied and half as many are tried, from then on in
    every call. Raises the error itself when a single item does not fit (see `no_memory`), and ValueError when `run`
    returns another number of results than it got items. Any other error of `run` is raised as it is.
    """
    results: list[R] = []
    while len(results) < len(items):
        some = items[len(results) : len(results) + max(most.items, 1)]
        found = _tried(some, run)
        if found is None:
            # Only here, where the error and with it the tensors of the failed run are gone, can memory be given back.
            _empty_cache()
            most.items = min(most.items, len(some) // 2)
            continue
        if len(found) != len(some):
            raise ValueError(f"expected {len(some)} results, got {len(found)}")
        results += found
    return results


def _tried(some: Sequence[T], run: Callable[[Sequence[T]], Sequence[R]]) -> Sequence[R] | None:
    """The results of one slice; None when several items do not fit at once."""
    try:
        return run(some)
    except RuntimeError as error:
        if len(some) == 1 or not no_memory(error):
            raise
        return None


def no_memory(error: RuntimeError) -> bool:
    """Whether an error says that a card's memory is full: torch's own kind of error, or one of its libraries' words."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return any(words in str(error) for words in _WORDS)


def _empty_cache() -> None:
    sys.modules["torch"].cuda.empty_cache()
