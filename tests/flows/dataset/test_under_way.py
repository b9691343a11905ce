"""What is taken away after the work on a dataset was stopped, and only then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.dataset import store_layout
from flows.dataset.under_way import clear_cancelled, present_run
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store


@pytest.fixture
def store(home: Path) -> Store:
    return Store(Settings().cache_url)


def test_nothing_makes_others_go_on_and_other_datasets_stay(store: Store) -> None:
    run = json.dumps({"run": "dead", "handle": "h", "parameters": {}}).encode()
    gone = [
        store_layout.evaluation_path("films"),
        store_layout.recheck_path("films"),
        "identifying/run-dead/shard-000001.json",
        "safe/leases/coordinator-films/000000",
        "safe/leases/evaluation-films/000000",
        "safe/leases/recheck-films/000000",
        "safe/leases/run-dead/000000",
        "safe/leases/shard-dead-1/000000",
    ]
    kept = [
        store_layout.record_path("films"),
        "identifying/converted/x",
        "identifying/run-other/shard-000001.json",
        "safe/leases/coordinator-others/000000",
        "safe/leases/shard-other-1/000000",
    ]
    store.write_named(store_layout.present_path("films"), run)
    for path in (*gone, *kept):
        store.write_named(path, b"{}")
    with Leases(store, ttl_s=0.3) as leases:
        assert not clear_cancelled(store, leases, "films"), "who is silent may live"
        assert set(gone) < {*store.list_tree("safe"), *store.list_tree("identifying")}
        while not clear_cancelled(store, leases, "films"):
            pass
    assert {*store.list_tree("safe"), *store.list_tree("identifying")} == set(kept)


@pytest.mark.parametrize("lease", ["coordinator-films", "evaluation-films", "shard-now-1"])
def test_nothing_is_taken_from_who_still_works(store: Store, lease: str) -> None:
    run = json.dumps({"run": "now", "handle": "h", "parameters": {}}).encode()
    store.write_named(store_layout.present_path("films"), run)
    with Leases(store) as leases, leases.holding(lease):
        assert not clear_cancelled(store, leases, "films")
        assert present_run(store, "films") == "now"
    with Leases(store) as leases:
        assert clear_cancelled(store, leases, "films")
        assert clear_cancelled(store, leases, "films"), "nothing is left"
