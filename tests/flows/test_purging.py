"""What purging a dataset removes, and when it may."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from flows import datasets, purging, run_places
from flows.manifest import Ledger
from flows.rows import VideoRow
from infra.errors import UsageError
from infra.lease import TTL_S, Leases
from infra.settings import Settings
from infra.store import Store
from infra.upkeep import leftovers, purge
from tasks.records import Verdict
from tests.flows.local_engine import define


@pytest.fixture
def store(home: Path) -> Store:
    return Store(Settings().cache_url)


def test_all_that_is_known_of_a_dataset_goes_and_nothing_else(store: Store, tmp_path: Path) -> None:
    define(tmp_path / "Jane", tmp_path / "out")
    define(tmp_path / "John", tmp_path / "other", "others")
    row = VideoRow(public_id="converted", input_id="i", ordinal=1, verdict=Verdict.PUBLISHED)
    Ledger(Store(str(tmp_path / "out"), private=False)).record(row)
    with Leases(store, about="films") as leases, Leases(store, about="others") as others:
        assert leases.claim("crashed") and others.claim("theirs")
        own = ["identifying/converted/x", "identifying/crashed/x", "safe/converted/x", "safe/runs/films.json"]
        run = json.dumps({"run": "dead", "handle": "", "parameters": {}}).encode()
        store.write_named(run_places.present_path("films"), run)
        own += [
            "identifying/run-dead/shard-000001.json",
            "safe/leases/run-dead/000000",
            "safe/leases/shard-dead-1/000000",
            f"{run_places.report_folder('films')}/index.html",
            run_places.evaluation_path("films"),
            f"safe/leases/{run_places.evaluation_of('films')}/000000",
            f"identifying/{run_places.evaluation_of('films')}/x",
            f"identifying/{run_places.evaluation_of('converted')}/x",
        ]
        kept = ["identifying/theirs/x", f"identifying/{run_places.evaluation_of('theirs')}/x", "safe/runs/others.json"]
        for path in (*own, *kept):
            store.write_named(path, b"1")
        doomed = purging.prefixes_of(store, "films", b"k" * 32)
        assert doomed[-1] == datasets.path_of("films"), "or what was interrupted could not be purged again"
        assert set(purging.followed_up("films")) < set(doomed)
        assert purge(store, doomed).none and leftovers(store, doomed).none
        left = store.list_tree("identifying") + store.list_tree("safe")
        assert set(left) == {*kept, "identifying/definitions/others.json", "safe/leases/theirs/000000"}


def test_a_run_under_way_is_not_purged_but_a_dead_one_is(store: Store, tmp_path: Path) -> None:
    define(tmp_path, tmp_path / "out")
    purging.refuse_while_running(store, "films")
    path = f"safe/leases/{run_places.lease_of('films')}/000000"
    store.write_named(path, b'{"machine": "another"}')
    assert run_places.coordinated(store, "films")
    with pytest.raises(UsageError, match="under way"):
        purging.refuse_while_running(store, "films")
    # As old as the lease of a coordinator on another machine that died a while ago.
    file = Path(Settings().cache_url.removeprefix("file://")) / path
    os.utime(file, (time.time() - 2 * TTL_S,) * 2)
    assert not run_places.coordinated(store, "films")
    purging.refuse_while_running(store, "films")
