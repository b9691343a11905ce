"""Batches that shrink to what a card's memory holds: nothing is lost, repeated or reordered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from models.runtime.oom_backoff import Most, in_batches

torch = pytest.importorskip("torch")


def _card(fits: int, seen: list[int]) -> Callable[[Sequence[int]], list[int]]:
    """A network on a card whose memory holds `fits` items."""

    def run(some: Sequence[int]) -> list[int]:
        seen.append(len(some))
        if len(some) > fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return [item * 10 for item in some]

    return run


@pytest.fixture
def emptied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every time that the card's cache was emptied."""
    calls: list[int] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append(1))
    return calls


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 23])
@pytest.mark.parametrize("fits", [1, 3, 8])
def test_every_item_gets_its_result_in_order(count: int, fits: int, emptied: list[int]) -> None:
    items = list(range(count))
    assert in_batches(items, _card(fits, []), Most(8)) == [item * 10 for item in items]


def test_what_fits_is_searched_once(emptied: list[int]) -> None:
    seen: list[int] = []
    most = Most(8)
    in_batches(range(9), _card(2, seen), most)
    assert seen == [8, 4, 2, 2, 2, 2, 1] and most.items == 2 and len(emptied) == 2
    seen.clear()
    in_batches(range(4), _card(2, seen), most)
    assert seen == [2, 2] and len(emptied) == 2


def test_a_single_item_that_does_not_fit_is_an_error(emptied: list[int]) -> None:
    with pytest.raises(torch.cuda.OutOfMemoryError):
        in_batches([1, 2], _card(0, []), Most(8))


def test_other_errors_are_raised_at_once() -> None:
    seen: list[int] = []

    def breaks(some: Sequence[int]) -> list[int]:
        seen.append(len(some))
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([1, 2, 3], breaks, Most(2))
    assert seen == [2]


def test_a_network_that_loses_results_is_found_out() -> None:
    with pytest.raises(ValueError, match="expected 3 results, got 2"):
        in_batches([1, 2, 3], lambda some: some[1:], Most(8))


def test_the_failed_run_is_gone_before_the_next_one() -> None:
    """Else its tensors would still fill the memory."""
    alive: list[object] = []

    class Tensor:
        def __init__(self) -> None:
            alive.append(self.__class__)

        def __del__(self) -> None:
            alive.pop()

    def run(some: Sequence[int]) -> Sequence[int]:
        assert not alive
        held = Tensor()
        if len(some) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        del held
        return some

    assert in_batches([1, 2], run, Most(2)) == [1, 2]


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, models.runtime.oom_backoff; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
