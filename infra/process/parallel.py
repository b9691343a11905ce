"""Streams on several threads, in order, holding only a bounded number of items."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered(function: Callable[[Item], Result], items: Iterable[Item], workers: int, window: int) -> Iterator[Result]:
    """Apply a function to items on several threads and yield the results in order.

    Worth it only where the function spends its time outside the interpreter lock.

    Args:
        function: called with one item, by several threads at a time.
        items: what to work on; read in the caller's thread.
        workers: threads; 1 or fewer runs in the caller's thread.
        window: items in flight at most.

    Yields:
        function(item) for each item. An exception of the function or of the iterable is raised here, after the items in
        flight were dropped.
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


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream of items into lists.

    Args:
        items: what to cut.
        size: items in each list.

    Yields:
        Lists of `size` items, the last one shorter.
    """
    source = iter(items)
    while batch := list(islice(source, max(size, 1))):
        yield batch


def ahead(items: Iterable[Item], most: int = 1) -> Generator[Item]:
    """Make items on a thread of their own and yield them in order.

    When the consumer stops early, the thread ends after its current item. A consumer that stops early closes this
    generator before it closes what the items come from.

    Args:
        items: read on the other thread.
        most: finished items that the thread is ahead at most.

    Yields:
        The items. An exception of the iterable is raised here, after the items before it.
    """
    ready: queue.Queue[tuple[list[Item], BaseException | None]] = queue.Queue(maxsize=max(most, 1))
    stopped = threading.Event()

    def put(item: list[Item], error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put((item, error), timeout=0.1)
                return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put([item]):
                    return
            put([])
        except BaseException as error:
            put([], error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if not item:
                return
            yield item[0]
    finally:
        stopped.set()
        thread.join()
