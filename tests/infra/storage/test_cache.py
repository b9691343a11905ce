from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.storage.cache import Cache, Key
from infra.storage.store import Prefix, Store


@dataclass(frozen=True, eq=False)
class Result:
    numbers: NDArray[np.float32]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


KEY = Key("faces", 1, "owner", ("d1", "d2"), {"side": 640}, {"net": "h1"})


class Maker:
    def __init__(self, value: float = 1.0) -> None:
        self.calls, self.value = 0, value

    def __call__(self) -> Result:
        self.calls += 1
        return Result(np.full(3, self.value, np.float32))


def test_made_once(store: Store) -> None:
    maker = Maker()
    first = Cache(store).get_or_make(KEY, Result, maker)
    second = Cache(store).get_or_make(KEY, Result, maker)
    assert maker.calls == 1
    assert (first.hit, second.hit) == (False, True)
    assert first.digest == second.digest
    assert second.value.numbers.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, stage="tracks"),
        replace(KEY, version=2),
        replace(KEY, owner="somebody"),
        replace(KEY, inputs=("d2", "d1")),
        replace(KEY, inputs=("d1",)),
        replace(KEY, parameters={"side": 641}),
        replace(KEY, backends={"net": "h2"}),
    ],
)
def test_everything_in_the_key_counts(other: Key, store: Store) -> None:
    cache, maker = Cache(store), Maker()
    cache.get_or_make(KEY, Result, maker)
    cache.get_or_make(other, Result, maker)
    assert maker.calls == 2
    assert other.digest != KEY.digest


def test_order_of_names_does_not_count() -> None:
    one = replace(KEY, parameters={"a": 1, "b": 2})
    assert one.digest == replace(KEY, parameters={"b": 2, "a": 1}).digest


@pytest.mark.parametrize("damage", ["object gone", "object cut", "manifest cut", "manifest of another", "no manifest"])
def test_an_incomplete_entry_is_made_again(damage: str, store: Store, tmp_path: Path) -> None:
    cache, maker = Cache(store), Maker()
    cache.get_or_make(KEY, Result, maker)
    (target,) = (tmp_path / "store/identifying/owner/objects").rglob("??/*")
    manifest = tmp_path / "store" / KEY.manifest
    if damage == "object gone":
        target.unlink()
    elif damage == "object cut":
        target.write_bytes(target.read_bytes()[:-1])
    elif damage == "manifest cut":
        manifest.write_bytes(manifest.read_bytes()[:20])
    elif damage == "manifest of another":
        manifest.write_text(manifest.read_text().replace(KEY.digest, "0" * 64))
    else:
        manifest.unlink()
    again = cache.get_or_make(KEY, Result, maker)
    assert maker.calls == 2
    assert again.value.numbers.tolist() == [1, 1, 1]
    assert cache.get_or_make(KEY, Result, maker).hit


def test_other_type_is_made_again(store: Store) -> None:
    @dataclass(frozen=True)
    class Other:
        text: str

    cache = Cache(store)
    cache.get_or_make(KEY, Result, Maker())
    assert cache.get_or_make(KEY, Other, lambda: Other("x")).value.text == "x"


def test_failure_stores_nothing(store: Store) -> None:
    def fail() -> Result:
        raise ValueError("x")

    cache, maker = Cache(store), Maker()
    with pytest.raises(ValueError, match="x"):
        cache.get_or_make(KEY, Result, fail)
    assert store.list_tree("identifying") == []
    assert not cache.get_or_make(KEY, Result, maker).hit


def test_concurrent_askers_share_one_making(store: Store) -> None:
    cache, maker = Cache(store), Maker()
    begin = threading.Barrier(6)
    hits: list[bool] = []

    def ask() -> None:
        begin.wait()
        hits.append(cache.get_or_make(KEY, Result, maker).hit)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert maker.calls == 1
    assert sorted(hits) == [False] + [True] * 5


def test_two_processes_at_once_do_no_harm(store: Store) -> None:
    """Two caches know nothing of each other, as in two processes."""
    one, two = Cache(store), Cache(store)

    def slow() -> Result:
        two.get_or_make(KEY, Result, Maker())
        return Result(np.full(3, 1.0, np.float32))

    assert not one.get_or_make(KEY, Result, slow).hit
    assert one.get_or_make(KEY, Result, Maker()).hit


def test_purge(store: Store) -> None:
    cache = Cache(store)
    safe = replace(KEY, prefix=Prefix.SAFE)
    other = replace(KEY, owner="somebody")
    for key in (KEY, safe, other):
        cache.get_or_make(key, Result, Maker())
    cache.purge("owner")
    assert not cache.get_or_make(KEY, Result, Maker()).hit
    assert cache.get_or_make(safe, Result, Maker()).hit
    assert cache.get_or_make(other, Result, Maker()).hit
