"""Following a run in the terminal, and waiting for the end of one that was stopped."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType
from prefect.states import AwaitingRetry, Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Running, Scheduled
from rich.console import Console

from flows.cli import watch
from flows.dataset import store_layout
from flows.prefect.server.runs import Seen
from infra.errors import ServerUnavailable
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK_S", 0.0)


def watched(monkeypatch: pytest.MonkeyPatch, *seen: Seen | Exception) -> tuple[bool, list[str]]:
    """Whether a run ended well, and the lines that were printed, given what is seen of it look for look."""
    looks = list(seen)

    def look(dataset: str, flow_run: UUID) -> Seen:
        one = looks.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(watch.runs, "look", look)
    monkeypatch.setattr(watch.connection, "page", lambda kind, identifier: f"http://server/{identifier.int}")
    out = io.StringIO()
    well = watch.watch_to_the_end(Console(file=out, width=200), "films", ONE)
    assert looks == [], "it ended too early"
    return well, out.getvalue().splitlines()


def test_a_line_for_each_change_and_the_page_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    well, lines = watched(
        monkeypatch,
        Seen(ONE, Scheduled(), unattended=("datasets",)),
        Seen(ONE, Scheduled(), unattended=("datasets",)),
        Seen(ONE, Pending()),
        Seen(ONE, Running(), "0 of 2 videos", ("shards",)),
        ServerUnavailable("away"),
        Seen(ONE, Running(), "1 of 2 videos"),
        Seen(ONE, AwaitingRetry(), "1 of 2 videos"),
        Seen(OTHER, Running(), "1 of 2 videos"),
        Seen(OTHER, Completed(message="2 published"), "2 of 2 videos"),
    )
    assert well
    assert lines == [
        "films: Scheduled",
        "No worker asks for datasets: start one with `anonflow worker`.",
        "films: Pending",
        "films: Running: 0 of 2 videos",
        "No worker asks for shards: start one with `anonflow worker`.",
        "films: Running: 1 of 2 videos",
        "films: AwaitingRetry: 1 of 2 videos",
        "films: Running: 1 of 2 videos",
        "films: Completed: 2 published",
        "http://server/2",
    ]


@pytest.mark.parametrize(
    "end", [Completed(name="Skipped", message="Another run"), Failed(message="no"), Cancelled(), Crashed()]
)
def test_what_failed_was_cancelled_or_skipped_did_not_end_well(end: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    well, lines = watched(monkeypatch, Seen(ONE, Running()), Seen(ONE, Cancelling()), Seen(ONE, end))
    assert not well and lines[-2].startswith(f"films: {end.name}")


def test_a_server_that_stays_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_PATIENCE_S", -1.0)
    with pytest.raises(ServerUnavailable):
        watched(monkeypatch, ServerUnavailable("away"))


given_up: list[str] = []
"""Datasets whose cancelled runs were given up."""


def stopped(monkeypatch: pytest.MonkeyPatch, store: Store, *left: list[Any]) -> list[str]:
    """The lines that are printed, given what had not ended look for look."""
    looks = list(left)
    monkeypatch.setattr(watch.runs, "stop", lambda dataset: looks.pop(0) if looks else [])
    monkeypatch.setattr(watch.runs, "give_up", given_up.append)
    out = io.StringIO()
    watch.wait_for_the_end(Console(file=out, width=200), store, "films")
    return out.getvalue().splitlines()


def test_stopping_waits_until_all_has_ended_and_takes_the_notes_away(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = Store(Settings().cache_url)
    note = store_layout.recheck_path("films")
    store.write_named(note, b'{"handle": "h", "parameters": {}}')
    run = SimpleNamespace(id=ONE, name="convert · films", state_type=StateType.RUNNING)
    shard = SimpleNamespace(id=OTHER, name="convert · films · shard 1/1", state_type=StateType.RUNNING)
    assert stopped(monkeypatch, store, [run], [run, shard], [shard]) == [
        "cancelled: convert · films",
        "cancelled: convert · films · shard 1/1",
        "films: nothing runs or waits any more",
    ]
    assert store.list_tree("safe") == []
    # Nobody ends what a dead worker had: once no lease says that somebody does, it counts as cancelled.
    given_up.clear()
    dead = SimpleNamespace(id=ONE, name="convert · films", state_type=StateType.CANCELLING)
    assert stopped(monkeypatch, store, [dead])[-1] == "films: nothing runs or waits any more"
    assert given_up == ["films"]
    with Leases(store) as leases, leases.holding(store_layout.lease_of("films")):
        monkeypatch.setattr(watch, "_STOP_S", 0.2)
        assert stopped(monkeypatch, store) == ["films: not everything has ended yet; see `anonflow status films`"]
