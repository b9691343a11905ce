from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.errors import UsageError
from infra.storage.cache import Cache, Key
from infra.storage.inventory import groups, stats, store_time
from infra.storage.object_backend import Entry
from infra.storage.store import Prefix, Store
from infra.storage.upkeep import hides_removed, leftovers, prune, purge
from tests.infra.support import ONE, TWO, Result, fill

WEEK, HOUR = datetime.timedelta(days=7), datetime.timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


@pytest.fixture
def age(tmp_path: Path) -> Callable[..., None]:
    """Make everything below a path of the local store older."""

    def make_older(path: str, by: datetime.timedelta) -> None:
        for file in (tmp_path / "store" / path).rglob("*"):
            old = file.stat().st_mtime - by.total_seconds()
            os.utime(file, (old, old))

    return make_older


def owners(store: Store) -> list[str]:
    return [group.path for group in groups(store)]


def test_what_was_left_alone_for_long_goes(store: Store, age: Callable[..., None]) -> None:
    for owner in (ONE, TWO):
        fill(store, owner)
        fill(store, owner, Prefix.SAFE)
    store.write_named(f"identifying/dataset-{ONE}/gallery", b"people")
    store.write_named("safe/board/one", b"what workers tell each other")
    age("safe/board", 2 * WEEK)
    age(f"identifying/{ONE}", 2 * WEEK)
    age(f"safe/{TWO}", 2 * WEEK)
    before = store.list_tree("identifying") + store.list_tree("safe")
    tried = prune(store, WEEK, dry_run=True)
    assert store.list_tree("identifying") + store.list_tree("safe") == before
    assert prune(store, WEEK, identifying_only=True, dry_run=True).groups == tried.groups[:1]
    done = prune(store, WEEK)
    assert [group.path for group in done.groups] == [f"identifying/{ONE}", f"safe/{TWO}"]
    assert done == tried
    assert owners(store) == [f"identifying/{TWO}", f"identifying/dataset-{ONE}", f"safe/{ONE}", "safe/board"]
    age(f"identifying/dataset-{ONE}", 2 * WEEK)
    prune(store, WEEK)
    assert owners(store) == [f"identifying/{TWO}", f"safe/{ONE}", "safe/board"]


def test_one_fresh_object_keeps_an_owner(store: Store, age: Callable[..., None]) -> None:
    fill(store, ONE)
    age(f"identifying/{ONE}", 2 * WEEK)
    fill(store, ONE, size=11)
    Cache(store).get_or_make(Key("tracks", 1, ONE, ()), Result, lambda: Result("new"))
    assert prune(store, WEEK).groups == ()


def test_running_videos_are_left_alone(store: Store, age: Callable[..., None]) -> None:
    for owner in (ONE, TWO):
        fill(store, owner)
        store.create_named(f"safe/leases/{owner}/000000", b"holder")
    store.write_named(f"identifying/dataset-{ONE}/gallery", b"people")
    age("identifying", 2 * WEEK)
    age(f"safe/leases/{ONE}", 2 * HOUR)
    done = prune(store, WEEK)
    assert ([group.path for group in done.groups], done.in_use) == ([f"identifying/{ONE}"], 2)
    assert owners(store) == [
        f"identifying/{TWO}",
        f"identifying/dataset-{ONE}",
        "safe/leases",
    ]
    age(f"safe/leases/{TWO}", 2 * HOUR)
    prune(store, WEEK)
    assert owners(store) == ["safe/leases"]


def test_oldest_first_until_it_fits(store: Store, age: Callable[..., None]) -> None:
    names = [letter * 16 for letter in "abcd"]
    for number, name in enumerate(names):
        fill(store, name, size=10_000)
        age(f"identifying/{name}", number * HOUR)
    size = groups(store)[0].amount.size
    done = prune(store, max_size=2 * size + 100)
    assert [group.owner for group in done.groups] == [names[3], names[2]]
    assert [group.owner for group in groups(store)] == names[:2]
    assert prune(store, max_size=2 * size + 100).groups == ()


def test_owner_that_changes_meanwhile_is_left_alone(
    store: Store, age: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, ONE)
    age("identifying", 2 * WEEK)
    entries = store.entries

    def entries_and_write(path: str) -> dict[str, Entry]:
        found = entries(path)
        if path == "safe/leases":
            store.write_named(f"identifying/{ONE}/done/new.json", b"{}")
        return found

    monkeypatch.setattr(store, "entries", entries_and_write)
    assert prune(store, WEEK).groups == ()
    assert len(store.list_tree(f"identifying/{ONE}")) == 3


class Skewed:
    """A place whose clock is wrong by some time, as seen from here."""

    def __init__(self, place: Any, skew: datetime.timedelta) -> None:
        self._place, self._skew = place, skew

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def _shift(self, entry: Entry) -> Entry:
        return replace(entry, modified=entry.modified + self._skew)

    def info(self, path: str) -> Entry:
        return self._shift(self._place.info(path))

    def entries(self, path: str) -> dict[str, Entry]:
        return {name: self._shift(entry) for name, entry in self._place.entries(path).items()}


@pytest.mark.parametrize("days", [-30, 30])
def test_only_the_clock_of_the_store_counts(days: int, store: Store, age: Callable[..., None]) -> None:
    fill(store, ONE)
    fill(store, TWO)
    age(f"identifying/{TWO}", 2 * WEEK)
    store.create_named(f"safe/leases/{ONE}/000000", b"holder")
    store.place = Skewed(store.place, datetime.timedelta(days=days))
    assert abs(store_time(store) - datetime.datetime.now(datetime.UTC)) > datetime.timedelta(days=29)
    assert [group.owner for group in prune(store, WEEK).groups] == [TWO]


def test_half_written_files_go_after_a_day(store: Store, age: Callable[..., None], tmp_path: Path) -> None:
    fill(store, ONE)
    folder = tmp_path / f"store/identifying/{ONE}/objects/ab"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".old.0123.part").write_bytes(b"half")
    age(f"identifying/{ONE}/objects/ab", 2 * WEEK)
    (folder / ".new.0123.part").write_bytes(b"half")
    assert stats(store).unfinished == 2
    assert prune(store, 10 * WEEK, dry_run=True).unfinished == 1
    assert prune(store, 10 * WEEK).unfinished == 1
    assert [path.name for path in folder.glob(".*")] == [".new.0123.part"]


def test_pruning_needs_something_to_go_by(store: Store) -> None:
    with pytest.raises(UsageError):
        prune(store)


@pytest.mark.parametrize("url", ["file", "memory"])
def test_purge(url: str, tmp_path: Path) -> None:
    store = Store(f"{url}://{tmp_path}/store")
    store.write_named("videos/a.mp4", b"1")
    store.write_named("manifest/a/1.json", b"1")
    store.write_named("manifest.jsonl", b"1")
    held = leftovers(store, ["videos/a.mp4", "manifest"])
    assert held.objects == ("videos/a.mp4", "manifest/a/1.json")
    assert not hides_removed(store)
    assert purge(store, ["videos/a.mp4", "manifest", "nothing/there"]).none
    assert store.read_named("manifest.jsonl") == b"1"
    assert store.list_tree("videos") == store.list_tree("manifest") == []


@pytest.mark.parametrize("path", ["", "/", "..", "a/../b", "a/", "./a"])
def test_purge_cannot_reach_the_root_or_beyond(path: str, store: Store) -> None:
    for call in (purge, leftovers):
        with pytest.raises(UsageError):
            call(store, [path])
