"""Evaluations of datasets: one at a time, and what becomes of one whose worker died."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from flows import dataset_report, purging, reports, run_places, worker
from flows.cancelled import Cancelled
from flows.context import unseen
from flows.dataset_report import Evaluation
from flows.evaluate import Request
from flows.shard_run import Machine
from infra.errors import StoreUnavailable, UsageError
from infra.lease import Leases
from infra.processes import machine
from infra.settings import Settings
from infra.store import Store
from tests.flows.local_engine import LocalEngine, define

LEASE = "safe/leases/evaluation-films"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(Settings().cache_url)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """An evaluation that writes its report at once."""
    asked: list[Request] = []

    def write(request: Request, settings: Settings, told: object, show: object, stop: threading.Event) -> str:
        asked.append(request)
        request.out.mkdir()
        (request.out / "index.html").write_text("found")
        return "content"

    monkeypatch.setattr(dataset_report, "evaluate", write)
    return asked


def evaluation(store: Store, tmp_path: Path, engine: LocalEngine | None = None) -> Evaluation:
    dataset = define(tmp_path / "Jane", tmp_path / "out")
    return Evaluation(dataset, store, engine or LocalEngine(), Machine(), threading.Event(), "mine")


def die(store: Store, lease: str = LEASE, number: int = 0) -> None:
    """Leave the lease of a process of this machine that has ended."""
    content = {"machine": machine(), "process": 2**22 + 1, "began": "long ago", "about": "", "beat": 0}
    store.write_named(f"{lease}/{number:06d}", json.dumps(content).encode())


def test_the_report_can_be_fetched_and_nothing_else_is_left(store: Store, tmp_path: Path, quick: list[Request]) -> None:
    engine = LocalEngine()
    assert evaluation(store, tmp_path, engine).run(7, unseen) == "content"
    (request,) = quick
    assert (request.dataset, request.every, request.reviewer) == ("films", 7, False)
    reports.fetch(store, "films", tmp_path / "report")
    assert (tmp_path / "report" / "index.html").read_text() == "found"
    assert store.list_tree("safe") == [] and engine.abandoned == []


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), ValueError("what"), Cancelled()])
def test_what_failed_or_was_stopped_leaves_no_crash_behind(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        assert run_places.present_evaluation(store, "films") == ("mine", {"every": 5})
        assert run_places.evaluated(store, "films")
        with pytest.raises(UsageError, match="under way"):
            purging.refuse_while_running(store, "films")
        raise error

    monkeypatch.setattr(dataset_report, "evaluate", fail)
    with pytest.raises(type(error)):
        evaluation(store, tmp_path).run(5, unseen)
    assert store.list_tree("safe") == [] and not run_places.evaluated(store, "films")
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []


def test_two_workers_do_not_evaluate_at_once(store: Store, tmp_path: Path, quick: list[Request]) -> None:
    with Leases(store) as leases, leases.holding(run_places.evaluation_of("films")) as other:
        assert other is not None
        with pytest.raises(UsageError, match="another worker"):
            evaluation(store, tmp_path).run(5, unseen)
        assert leases.held(other) and not quick


def test_whoever_takes_over_ends_the_run_of_the_dead(store: Store, tmp_path: Path) -> None:
    engine = LocalEngine()
    die(store)
    run_places.note_evaluation(store, "films", "theirs", {"every": 3})
    evaluation(store, tmp_path, engine).run(3, unseen)
    assert engine.abandoned == ["theirs"] and store.list_tree("safe") == []


def test_the_dead_are_followed_up_with_what_they_began_with(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    triggered: list[tuple[object, ...]] = []
    monkeypatch.setattr(worker.registration, "trigger", lambda *given, **rest: triggered.append((*given, rest)))
    define(tmp_path / "Jane", tmp_path / "out")
    run_places.note_evaluation(store, "films", "theirs", {"every": 3})
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []
        die(store)
        assert worker.resume_orphans(store, leases) == ["films"]
        assert triggered == [("films", True, "resume-evaluation-films-theirs-1", {"every": 3})]
        for number in range(1, 6):
            die(store, number=number)
        assert worker.resume_orphans(store, leases) == [], "not for ever"
        store.remove_tree(LEASE)

        run = json.dumps({"run": "r", "handle": "", "parameters": {"only_failed": True}}).encode()
        store.write_named(run_places.present_path("films"), run)
        die(store, "safe/leases/coordinator-films")
        assert worker.resume_orphans(store, leases) == ["films"]
        assert triggered[1:] == [("films", False, "resume-coordinator-films-r-1", {"only_failed": True})]


def test_a_server_that_does_not_answer_is_asked_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("to a place that is nobody's business")

    monkeypatch.setattr(worker.registration, "trigger", refuse)
    define(tmp_path / "Jane", tmp_path / "out")
    die(store)
    with Leases(store) as leases:
        assert worker.resume_orphans(store, leases) == []
    assert "films could not be resumed (ConnectionError)" in caplog.text and "nobody" not in caplog.text
