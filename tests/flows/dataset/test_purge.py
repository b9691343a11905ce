"""What purging a dataset removes, and when it may."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from flows.dataset import definition, purge, store_layout, under_way
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from infra.errors import UsageError
from infra.settings import Settings
from infra.storage import upkeep
from infra.storage.lease import TTL_S, Leases
from infra.storage.store import Store
from infra.storage.upkeep import leftovers
from tasks.records import Verdict
from tests.flows.local_engine import define


@pytest.fixture
def store(home: Path) -> Store:
    return Store(Settings().cache_url)


def test_all_that_is_known_of_a_dataset_goes_and_nothing_else(store: Store, tmp_path: Path) -> None:
    define(tmp_path / "Jane", tmp_path / "out")
    define(tmp_path / "John", tmp_path / "other", "others")
    row = VideoRow(public_id="converted", input_id="i", ordinal=1, verdict=Verdict.PUBLISHED)
    Manifest(Store(str(tmp_path / "out"), private=False)).record(row)
    with Leases(store, about="films") as leases, Leases(store, about="others") as others:
        assert leases.claim("crashed") and others.claim("theirs")
        own = ["identifying/converted/x", "identifying/crashed/x", "safe/converted/x", "safe/runs/films.json"]
        run = json.dumps({"run": "dead", "handle": "", "parameters": {}}).encode()
        store.write_named(store_layout.present_path("films"), run)
        own += [
            "identifying/run-dead/shard-000001.json",
            "safe/leases/run-dead/000000",
            "safe/leases/shard-dead-1/000000",
            f"{store_layout.report_folder('films')}/index.html",
            store_layout.evaluation_path("films"),
            f"safe/leases/{store_layout.evaluation_of('films')}/000000",
            f"identifying/{store_layout.evaluation_of('films')}/x",
            f"identifying/{store_layout.evaluation_of('converted')}/x",
        ]
        kept = [
            "identifying/theirs/x",
            f"identifying/{store_layout.evaluation_of('theirs')}/x",
            "safe/runs/others.json",
        ]
        for path in (*own, *kept):
            store.write_named(path, b"1")
        doomed = purge.prefixes_of(store, "films", b"k" * 32)
        assert doomed[-1] == definition.path_of("films"), "or what was interrupted could not be purged again"
        assert set(purge.followed_up("films")) < set(doomed)
        assert upkeep.purge(store, doomed).none and leftovers(store, doomed).none
        left = store.list_tree("identifying") + store.list_tree("safe")
        assert set(left) == {*kept, "identifying/definitions/others.json", "safe/leases/theirs/000000"}


def test_a_run_under_way_is_not_purged_but_a_dead_one_is(store: Store, tmp_path: Path) -> None:
    define(tmp_path, tmp_path / "out")
    purge.refuse_while_running(store, "films")
    path = f"safe/leases/{store_layout.lease_of('films')}/000000"
    store.write_named(path, b'{"machine": "another"}')
    assert under_way.alive_lately(store, "films", "convert")
    with pytest.raises(UsageError, match="under way"):
        purge.refuse_while_running(store, "films")
    # As old as the lease of a coordinator on another machine that died a while ago.
    file = Path(Settings().cache_url.removeprefix("file://")) / path
    os.utime(file, (time.time() - 2 * TTL_S,) * 2)
    assert not under_way.alive_lately(store, "films", "convert")
    purge.refuse_while_running(store, "films")
