"""Rechecks of datasets on workers: what they are asked, one at a time, and what becomes of one whose worker died."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from flows.cli import watch
from flows.cli.main import app
from flows.dataset import purge, store_layout, under_way
from flows.dataset.shard_run import Machine
from flows.prefect import worker
from flows.prefect.server import runs
from flows.recheck import dataset_recheck
from flows.recheck.dataset_recheck import DatasetRecheck
from flows.recheck.recheck import Rechecked, Request
from flows.recipes.context import run_plain
from flows.run.cancelled import Cancelled
from infra.errors import StoreUnavailable, UsageError
from infra.process.processes import machine
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from tests.flows.local_engine import LocalEngine, define

LEASE = "safe/leases/recheck-films"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(Settings().cache_url)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """A recheck that finds nothing at once."""
    requests: list[Request] = []

    def find(
        request: Request, settings: Settings, told: object, check_cancelled: Callable[[], None], show: object
    ) -> Rechecked:
        requests.append(request)
        check_cancelled()
        return Rechecked((), 0)

    monkeypatch.setattr(dataset_recheck, "recheck", find)
    return requests


def prepared(store: Store, tmp_path: Path, scheduler: LocalEngine | None = None) -> DatasetRecheck:
    (tmp_path / "Jane").mkdir(exist_ok=True)
    (tmp_path / "Jane" / "one.mp4").touch()
    dataset = define(tmp_path / "Jane", tmp_path / "out")
    return DatasetRecheck(dataset, store, scheduler or LocalEngine(), Machine(), threading.Event(), "mine")


def die(store: Store) -> None:
    """Leave the lease of a process of this machine that has ended."""
    content = {"machine": machine(), "process": 2**22 + 1, "began": "long ago", "about": "", "beat": 0}
    store.write_named(f"{LEASE}/000000", json.dumps(content).encode())


@pytest.mark.parametrize("pull", [False, True])
def test_results_are_held_against_their_sources_where_those_are(
    store: Store, tmp_path: Path, asked: list[Request], pull: bool
) -> None:
    run = prepared(store, tmp_path)
    run.run(pull, True, run_plain)
    run.run(pull, False, run_plain)
    (tmp_path / "Jane" / "one.mp4").unlink()
    run.run(pull, True, run_plain)
    assert [bool(request.source) for request in asked] == [True, False, False]
    assert {request.pull for request in asked} == {pull}
    assert store.list_tree("safe") == []


def test_two_workers_do_not_recheck_at_once(store: Store, tmp_path: Path, asked: list[Request]) -> None:
    with Leases(store) as leases, leases.holding(store_layout.recheck_of("films")) as other:
        assert other is not None
        with pytest.raises(UsageError, match="another worker"):
            prepared(store, tmp_path).run(False, True, run_plain)
        with pytest.raises(UsageError, match="under way"):
            purge.refuse_while_running(store, "films")
    assert not asked


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ValueError("what"), Cancelled()])
def test_what_failed_or_was_stopped_leaves_no_crash_behind(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        noted = under_way.noted(store, store_layout.recheck_path("films"))
        assert noted == ("mine", {"pull": True, "against_source": True})
        raise error

    monkeypatch.setattr(dataset_recheck, "recheck", fail)
    with pytest.raises(type(error)):
        prepared(store, tmp_path).run(True, True, run_plain)
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []
    assert store.list_tree("safe") == []


def test_the_dead_are_followed_up_and_their_flow_run_is_ended(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    triggered: list[tuple[object, ...]] = []
    monkeypatch.setattr(runs, "trigger", lambda *given, **rest: triggered.append((*given, rest)))
    scheduler = LocalEngine()
    run = prepared(store, tmp_path, scheduler)
    die(store)
    under_way.note(store, store_layout.recheck_path("films"), "theirs", {"pull": True, "against_source": True})
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == ["films"]
    begun = {"pull": True, "against_source": True}
    assert triggered == [("films", "recheck", "resume-recheck-films-theirs-1", begun)]
    run.run(True, True, run_plain)
    assert scheduler.abandoned == ["theirs"] and store.list_tree("safe") == []


@pytest.mark.parametrize(
    ("options", "parameters"), [([], {}), (["--pull"], {"pull": True})], ids=["named only", "pulled"]
)
def test_trigger_queues_a_recheck(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], parameters: dict[str, bool]
) -> None:
    queued: list[tuple[object, ...]] = []
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(runs, "trigger", lambda *given, **rest: queued.append((*given, rest)) or uuid4())
    monkeypatch.setattr(watch, "watch_to_the_end", lambda *_: False)
    define(tmp_path / "Jane", tmp_path / "out")
    result = CliRunner().invoke(app, ["trigger", "films", "--recheck", *options, "--watch"])
    assert queued == [("films", "recheck", parameters)]
    assert result.exit_code == 1, "a recheck that finds something fails"


@pytest.mark.parametrize(("options", "said"), [(["--pull"], "--recheck"), (["--evaluate", "--recheck"], "Choose one")])
def test_options_that_contradict_each_other_are_refused(store: Store, options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["trigger", "films", *options])
    assert isinstance(result.exception, UsageError) and said in str(result.exception)
