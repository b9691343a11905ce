"""Running a network on as many items at once as its card has memory for.

Imports no torch: the caller that runs a network on a card has imported it already.
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
    """Return the results of `run` on slices of at most `most.items` items.

    When a slice does not fit into the card's memory, its cache is emptied and half as many are tried, from then on in
    every call. Any other error of `run` is raised as it is.

    Args:
        items: The items.
        run: Returns one result per item of a slice.
        most: How many items to run at once; lowered when they do not fit.

    Returns:
        One result per item, in their order.

    Raises:
        RuntimeError: A single item does not fit (see `no_memory`): the error of `run` itself.
        ValueError: `run` returns another number of results than it got items.
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
    """Return whether an error says that a card's memory is full.

    Args:
        error: An error of torch.

    Returns:
        True for torch's own kind of error, and for one of its libraries' words.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return any(words in str(error) for words in _WORDS)


def _empty_cache() -> None:
    sys.modules["torch"].cuda.empty_cache()
