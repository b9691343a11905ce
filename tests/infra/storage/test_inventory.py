from __future__ import annotations

from pathlib import Path

import pytest

from infra.storage.cache import Cache, Key
from infra.storage.inventory import groups, stats, store_time
from infra.storage.store import Prefix, Store
from tests.infra.support import ONE, TWO, Result, fill


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


def test_groups(store: Store) -> None:
    fill(store, ONE)
    fill(store, ONE, Prefix.SAFE, 1000)
    store.write_named("safe/leases/x/0", b"1")
    store.write_named("identifying/report-films/index.html", b"1")
    store.write_named("safe/of-nobody", b"1")
    found = groups(store)
    assert [(group.path, group.amount.count, group.prunable, group.gallery) for group in found] == [
        (f"identifying/{ONE}", 2, True, False),
        ("identifying/report-films", 1, True, False),
        (f"safe/{ONE}", 2, True, False),
        ("safe/leases", 1, False, False),
    ]
    assert found[2].amount.size - found[0].amount.size > 900
    assert groups(store, Prefix.IDENTIFYING) == found[:2]


def test_time_leaves_nothing_behind(store: Store) -> None:
    first, second = store_time(store), store_time(store)
    assert first <= second
    assert store.list_tree("safe") == []


def test_stats(store: Store) -> None:
    fill(store, ONE, size=1000)
    fill(store, TWO, size=1000)
    Cache(store).get_or_make(Key("safe-thing", 1, ONE, (), prefix=Prefix.SAFE), Result, lambda: Result("y"))
    found = stats(store)
    assert {key: amount.count for key, amount in found.stages.items()} == {
        ("identifying", "faces"): 2,
        ("safe", "safe-thing"): 1,
    }
    assert found.stages["identifying", "faces"].size > 2000
    assert (found.prefixes["identifying"].count, found.prefixes["safe"].count) == (4, 2)
    assert (found.damaged, found.orphans.count, found.unfinished) == (0, 0, 0)
    manifests = [path for path in store.list_tree("identifying") if "/done/" in path]
    objects = [path for path in store.list_tree("identifying") if "/objects/" in path]
    store.write_named(manifests[0], b"{")
    store.write_named(objects[1], b"short")
    found = stats(store)
    assert (found.damaged, found.orphans.count) == (2, 2)


def test_stats_of_a_sealed_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONFLOW_SEAL_KEY", "ab" * 32)
    store = Store(f"file://{tmp_path}/store")
    fill(store, ONE)
    found = stats(store)
    assert (found.damaged, found.orphans.count, found.stages["identifying", "faces"].count) == (0, 0, 1)
