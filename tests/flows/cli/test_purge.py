"""What `anonflow purge` asks, removes, counts and proves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.dataset import definition, store_layout
from flows.prefect.server import purge as server_purge
from infra.errors import UsageError
from infra.settings import Settings
from infra.storage.store import Store
from tests.flows.local_engine import define


@pytest.fixture
def store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    define(tmp_path / "Jane", tmp_path / "out")
    return Store(Settings().cache_url)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many flow runs a server knows of each dataset."""
    known = {"films": 3}
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(server_purge, "forget", lambda name: known.pop(name, 0))
    monkeypatch.setattr(server_purge, "left", lambda name: ["flow run 7"] * known.get(name, 0))
    return known


def call(*arguments: str, code: int = 0, answer: str | None = None) -> list[str]:
    done = CliRunner().invoke(app, ["purge", *arguments], input=answer)
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output.splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers sits at a terminal."""
    real = CliRunner.isolation

    def isolation(self: CliRunner, *given: Any, **more: Any) -> Any:
        context = real(self, *given, **more)

        class Inside:
            def __enter__(self) -> Any:
                streams = context.__enter__()
                sys.stdin.isatty = lambda: True  # type: ignore[method-assign]
                return streams

            def __exit__(self, *error: Any) -> Any:
                return context.__exit__(*error)

        return Inside()

    monkeypatch.setattr(CliRunner, "isolation", isolation)


def test_what_is_removed_is_counted_and_proved(store: Store, server: dict[str, int]) -> None:
    for path in (store_layout.record_path("films"), f"{store_layout.report_folder('films')}/index.html"):
        store.write_named(path, b"1")
    said = call("films", "--prove")
    assert said == [
        "3 flow runs deleted, with the deployment and its schedules",
        "3 objects removed from the store",
        "nothing is left",
    ]
    assert store.list_tree("identifying") + store.list_tree("safe") == [] and server == {}


def test_of_a_dataset_that_never_ran_there_is_its_definition_alone(store: Store) -> None:
    said = call("films")
    assert said == [
        "PREFECT_API_URL is not set: nothing was looked for at a Prefect server",
        "1 objects removed from the store",
    ]


def test_a_dataset_that_is_gone_is_proved_gone(store: Store, server: dict[str, int]) -> None:
    call("films", "--yes")
    assert call("films", "--prove") == ["There is no dataset films in the store.", "nothing is left"]
    with pytest.raises(UsageError, match="no dataset of this name"):
        call("films")


def test_what_is_left_of_a_dataset_that_is_gone_is_named(store: Store, server: dict[str, int]) -> None:
    store.remove(definition.path_of("films"))
    store.write_named(store_layout.record_path("films"), b"1")
    server["films"] = 1
    assert call("films", "--prove", code=1) == [
        "There is no dataset films in the store.",
        "left at the Prefect server: flow run 7",
        f"left: {store_layout.record_path('films')}",
        "something is left, see above",
    ]


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_it_asks_first(store: Store, server: dict[str, int]) -> None:
    said = call("films", code=1, answer="n\n")
    assert "Go on?" in " ".join(said)
    assert definition.names(store) == ["films"] and server == {"films": 3}
    call("films", answer="y\n")
    assert definition.names(store) == [] and server == {}


@pytest.mark.usefixtures("terminal")
def test_yes_does_not_ask(store: Store) -> None:
    assert "Go on?" not in " ".join(call("films", "--yes"))
    assert definition.names(store) == []
