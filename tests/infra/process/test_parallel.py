"""Streams on several threads keep order, hold little, and hand every error on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.process.parallel import ahead, batches, ordered


@given(st.lists(st.integers()), st.integers(-1, 9))
def test_batches_hold_every_item_in_order(items: list[int], size: int) -> None:
    parts = list(batches(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == max(size, 1) for part in parts[:-1]) and all(parts)


@given(st.lists(st.integers(), max_size=20), st.integers(1, 4))
def test_what_is_made_ahead_comes_in_order(items: list[int], most: int) -> None:
    assert list(ahead(iter(items), most)) == items


def test_no_more_is_made_ahead_than_is_allowed() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    for taken, item in enumerate(ahead(items(), 3)):
        if taken == 10:
            time.sleep(0.2)
            # Three wait, and one is in the hands of the thread.
            assert len(made) <= 10 + 1 + 3 + 1
        assert item == taken
    assert made == list(range(50))


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("broken")

    got = []
    with pytest.raises(RuntimeError, match="broken"):
        for item in ahead(items(), 5):
            got.append(item)
    assert got == [1, 2]


def test_a_consumer_that_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()

    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    stream = ahead(endless(), 2)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    stream.close()
    assert threading.active_count() == before


def test_work_on_several_threads_keeps_order_with_items_made_ahead() -> None:
    def slowly(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(ordered(slowly, ahead(iter(range(30)), 4), 3, 6)) == [n * n for n in range(30)]
