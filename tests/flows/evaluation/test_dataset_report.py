"""Evaluations of datasets: one at a time, and what becomes of one whose worker died."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.dataset import exclusive, purge, store_layout, under_way
from flows.dataset.shard_run import Machine
from flows.evaluation import dataset_report, reports
from flows.evaluation.dataset_report import Evaluation
from flows.evaluation.evaluate import PROFILE, WITH_FID, Request
from flows.prefect import worker
from flows.recipes.context import run_plain
from flows.run.cancelled import Cancelled, LeaseLost
from infra.errors import StoreUnavailable, UsageError
from infra.process.processes import machine
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from tests.flows.local_engine import LocalEngine, define

Asked = list[tuple[Request, Settings]]

LEASE = "safe/leases/evaluation-films"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(Settings().cache_url)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """An evaluation that writes its report at once."""
    asked: Asked = []

    def write(
        request: Request,
        settings: Settings,
        told: object,
        show: object,
        check_cancelled: Callable[[], None],
        done: Callable[[], None],
    ) -> str:
        asked.append((request, settings))
        request.out.mkdir()
        (request.out / "index.html").write_text(f"found {len(asked)}")
        check_cancelled()
        done()
        return "content"

    monkeypatch.setattr(dataset_report, "evaluate", write)
    return asked


def evaluation(store: Store, tmp_path: Path, scheduler: LocalEngine | None = None) -> Evaluation:
    dataset = define(tmp_path / "Jane", tmp_path / "out")
    return Evaluation(dataset, store, scheduler or LocalEngine(), Machine(), threading.Event(), "mine")


def die(store: Store, lease: str = LEASE, number: int = 0) -> None:
    """Leave the lease of a process of this machine that has ended."""
    content = {"machine": machine(), "process": 2**22 + 1, "began": "long ago", "about": "", "beat": 0}
    store.write_named(f"{lease}/{number:06d}", json.dumps(content).encode())


def test_the_report_can_be_fetched_and_nothing_else_is_left(store: Store, tmp_path: Path, quick: Asked) -> None:
    scheduler = LocalEngine()
    assert evaluation(store, tmp_path, scheduler).run(7, run_plain) == "content"
    ((request, settings),) = quick
    assert (request.dataset, request.every, request.reviewer, settings.profile) == ("films", 7, False, PROFILE)
    reports.fetch(store, "films", tmp_path / "report")
    assert (tmp_path / "report" / "index.html").read_text() == "found 1"
    assert store.list_tree("safe") == [] and scheduler.abandoned == []


def test_the_definition_says_who_is_who_and_the_run_what_is_measured(
    store: Store, tmp_path: Path, quick: Asked
) -> None:
    dataset = replace(define(tmp_path / "Jane", tmp_path / "out"), people="s3://raw/who.csv")
    run = Evaluation(dataset, store, LocalEngine(), Machine(videos=2), threading.Event(), "mine")
    run.run(5, run_plain, fid=True)
    ((request, settings),) = quick
    assert (request.person, request.people) == ("", "s3://raw/who.csv")
    assert (settings.profile, settings.workers) == (WITH_FID, 2)


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ValueError("what"), Cancelled()])
def test_what_failed_or_was_stopped_leaves_no_crash_behind(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        assert under_way.noted(store, store_layout.evaluation_path("films")) == ("mine", {"every": 5})
        assert under_way.alive_lately(store, "films", "evaluate")
        with pytest.raises(UsageError, match="under way"):
            purge.refuse_while_running(store, "films")
        raise error

    monkeypatch.setattr(dataset_report, "evaluate", fail)
    with pytest.raises(type(error)):
        evaluation(store, tmp_path).run(5, run_plain)
    assert store.list_tree("safe") == [] and not under_way.alive_lately(store, "films", "evaluate")
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []


def test_two_workers_do_not_evaluate_at_once(store: Store, tmp_path: Path, quick: Asked) -> None:
    with Leases(store) as leases, leases.holding(store_layout.evaluation_of("films")) as other:
        assert other is not None
        with pytest.raises(UsageError, match="another worker"):
            evaluation(store, tmp_path).run(5, run_plain)
        assert leases.held(other) and not quick


def test_whoever_is_stopped_before_begins_nothing(store: Store, tmp_path: Path, quick: Asked) -> None:
    run = evaluation(store, tmp_path)
    run._stop.set()
    with pytest.raises(Cancelled):
        run.run(5, run_plain)
    assert not quick and store.list_tree("safe") == []


def test_a_worker_that_lost_its_lease_leaves_its_successor_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.save(store, "films", written(tmp_path / "theirs"))

    def slow(*given: Any) -> None:
        assert store.create_named(f"{LEASE}/000001", b"{}")
        under_way.note(store, store_layout.evaluation_path("films"), "successor", {"every": 2})
        # As its own heartbeat would find.
        monkeypatch.setattr(Leases, "held", lambda *_: False)
        given[4]()

    monkeypatch.setattr(dataset_report, "evaluate", slow)
    with pytest.raises(LeaseLost):
        evaluation(store, tmp_path).run(5, run_plain)
    assert under_way.noted(store, store_layout.evaluation_path("films")) == ("successor", {"every": 2})
    assert f"{LEASE}/000001" in store.list_tree("safe")


def test_a_store_that_fails_at_the_end_hides_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: object) -> None:
        raise StoreUnavailable("No.")

    run = evaluation(store, tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(store, "remove", unreachable)
        assert run.run(5, run_plain) == "content"
    assert "could not be given back" in caplog.text


def written(folder: Path, text: str = "theirs") -> Path:
    (folder / "videos").mkdir(parents=True)
    (folder / "index.html").write_text(text)
    (folder / "videos" / f"{text}.html").write_text(text)
    return folder


def test_a_report_takes_the_place_of_another_only_when_it_is_complete(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports.save(store, "films", written(tmp_path / "one", "first"))
    second, real = written(tmp_path / "two", "second"), store.write_named

    def until_the_index(path: str, data: bytes) -> None:
        if path.endswith("/index.html"):
            raise StoreUnavailable("No.")
        real(path, data)

    with monkeypatch.context() as broken, pytest.raises(StoreUnavailable):
        broken.setattr(store, "write_named", until_the_index)
        reports.save(store, "films", second)
    reports.fetch(store, "films", tmp_path / "a")
    assert (tmp_path / "a" / "index.html").read_text() == "first"
    assert [path.name for path in (tmp_path / "a" / "videos").iterdir()] == ["first.html"]
    reports.save(store, "films", second)
    reports.fetch(store, "films", tmp_path / "b")
    assert [path.name for path in (tmp_path / "b" / "videos").iterdir()] == ["second.html"]
    assert len(store.list_tree(store_layout.report_folder("films"))) == 2, "what was unfinished has gone, too"
    with pytest.raises(UsageError, match="no report"):
        reports.fetch(store, "others", tmp_path / "c")


def test_whoever_takes_over_ends_the_run_of_the_dead(store: Store, tmp_path: Path) -> None:
    scheduler = LocalEngine()
    die(store)
    under_way.note(store, store_layout.evaluation_path("films"), "theirs", {"every": 3})
    evaluation(store, tmp_path, scheduler).run(3, run_plain)
    assert scheduler.abandoned == ["theirs"] and store.list_tree("safe") == []


def test_one_who_died_on_another_machine_is_taken_over_as_well(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = LocalEngine()
    store.write_named(f"{LEASE}/000000", json.dumps({"machine": "elsewhere", "process": 1, "beat": 3}).encode())
    under_way.note(store, store_layout.evaluation_path("films"), "theirs", {"every": 3})
    monkeypatch.setattr(exclusive, "Leases", partial(Leases, ttl_s=0.2))
    assert evaluation(store, tmp_path, scheduler).run(3, run_plain) == "content"
    assert scheduler.abandoned == ["theirs"] and store.list_tree("safe") == []


def test_the_dead_are_followed_up_with_what_they_began_with(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    triggered: list[tuple[object, ...]] = []
    monkeypatch.setattr(worker.runs, "trigger", lambda *given, **rest: triggered.append((*given, rest)))
    define(tmp_path / "Jane", tmp_path / "out")
    under_way.note(store, store_layout.evaluation_path("films"), "theirs", {"every": 3})
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []
        die(store)
        assert worker.resume_orphans(store, leases) == ["films"]
        assert triggered == [("films", "evaluate", "resume-evaluation-films-theirs-1", {"every": 3})]
        for number in range(1, 6):
            die(store, number=number)
        assert worker.resume_orphans(store, leases) == [], "not for ever"
        store.remove_tree(LEASE)

        run = json.dumps({"run": "r", "handle": "", "parameters": {"only_failed": True}}).encode()
        store.write_named(store_layout.present_path("films"), run)
        die(store, "safe/leases/coordinator-films")
        assert worker.resume_orphans(store, leases) == ["films"]
        assert triggered[1:] == [("films", "convert", "resume-coordinator-films-r-1", {"only_failed": True})]


def test_a_server_that_does_not_answer_is_asked_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("to a place that is nobody's business")

    monkeypatch.setattr(worker.runs, "trigger", refuse)
    define(tmp_path / "Jane", tmp_path / "out")
    die(store)
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []
    assert "films could not be resumed (ConnectionError)" in caplog.text and "nobody" not in caplog.text
