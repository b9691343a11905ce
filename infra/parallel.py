"""Map over a stream on a few threads, in order, holding only a bounded number of items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered(function: Callable[[Item], Result], items: Iterable[Item], workers: int, window: int) -> Iterator[Result]:
    """Yield function(item) for each item, in order.

    workers: threads; 1 or fewer runs in the caller's thread. window: items in flight at most. An exception of the
    function or of the iterable is raised here, after the items in flight were dropped. Worth it only where the
    function spends its time outside the interpreter lock.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="frames") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= window:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
