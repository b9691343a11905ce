"""What `anonflow deploy`, `schedule`, `trigger` and `status` refuse, ask of the server, and say."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Late, Pending, Running, Scheduled
from typer.testing import CliRunner

from flows.cli import watch
from flows.cli.main import app
from flows.dataset import definition, store_layout
from flows.dataset.store_layout import RunRecord
from flows.prefect.server import registration, runs, schedules
from infra.errors import ServerUnavailable, UsageError
from infra.settings import Settings
from infra.storage.lease import Leases
from infra.storage.store import Store
from tests.flows.local_engine import define

NOWHERE = "http://127.0.0.1:9/api"
ID = UUID(int=7)

Asked = list[tuple[Any, ...]]


@pytest.fixture
def store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The private store; commands are told of a server that nothing answers at."""
    monkeypatch.setenv("PREFECT_API_URL", NOWHERE)
    monkeypatch.setenv("COLUMNS", "240")
    (tmp_path / "in").mkdir()
    with temporary_settings({PREFECT_API_URL: NOWHERE}):
        yield Store(Settings().cache_url)


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What a server that listens is asked to register, in order."""
    heard: Asked = []
    monkeypatch.setattr(registration, "check", lambda *given: None)
    monkeypatch.setattr(registration, "register", lambda *given: heard.append(("register", *given)) or ["all"])
    monkeypatch.setattr(registration, "register_dataset", lambda *given: heard.append(("dataset", *given)))
    monkeypatch.setattr(schedules, "move_all_shared", lambda: heard.append(("move",)))
    monkeypatch.setattr(schedules, "schedule", lambda *given: heard.append(("schedule", *given)))
    monkeypatch.setattr(schedules, "pause", lambda *given: heard.append(("pause", *given)))
    known = schedules.Schedules(("0 22 * * * (UTC)",), True, (datetime.datetime(2027, 1, 2, 22),))
    monkeypatch.setattr(schedules, "schedules_of", lambda name: known)
    monkeypatch.setattr(runs, "trigger", lambda *given, **more: heard.append((*given, more)) or ID)
    return heard


def call(*arguments: str | Path, code: int = 0) -> str:
    """What a command prints in a line; raises what it raises."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_deploy_leaves_schedules_alone_unless_it_is_told_of_one(store: Store, asked: Asked, tmp_path: Path) -> None:
    place, out = tmp_path / "in", tmp_path / "out"
    said = call("deploy", "talks", place, out, "--seed", "7")
    described = definition.described(definition.load(store, "talks"))
    assert asked == [("register", "anonflow", None), ("move",), ("dataset", "talks", described)]
    assert "talks: runs at 0 22 * * * (UTC)" in said and "seed 7" in described and str(tmp_path) not in described
    del asked[:]
    call("deploy", "talks", place, out, "--schedule", "0 1 * * *")
    assert asked[-1] == ("schedule", "talks", "0 1 * * *")
    call("deploy", "talks", place, out, "--schedule", "")
    assert asked[-1] == ("schedule", "talks", "")
    del asked[:]
    call("deploy")
    assert asked == [("register", "anonflow", None), ("move",)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["talks", "in", "out", "--schedule", "every night"], "no cron expression"),
        (["talks", "nowhere", "out"], "SOURCE does not exist"),
        (["talks", "in"], "a SOURCE and a DESTINATION"),
        (["talks", "in", "out", "--profile", "imaginary"], "imaginary"),
        (["Talks", "in", "out"], "lower case"),
        (["known", "in", "out"], "another SOURCE. Choose"),
        (["known", "elsewhere", "there"], "another DESTINATION. Choose"),
        (["known", "in", "there"], "another SOURCE and another DESTINATION. Choose"),
    ],
)
def test_what_deploy_refuses_it_neither_stores_nor_registers(
    arguments: list[str], said: str, store: Store, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    known = define(tmp_path / "elsewhere", tmp_path / "out", "known")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=said):
        call("deploy", *arguments)
    assert asked == [] and definition.names(store) == ["known"] and definition.load(store, "known") == known


def test_a_known_name_is_given_to_others_only_with_replace(store: Store, asked: Asked, tmp_path: Path) -> None:
    define(tmp_path / "elsewhere", tmp_path / "out", "known")
    call("deploy", "known", tmp_path / "in", tmp_path / "out", "--replace")
    assert definition.load(store, "known").source == str(tmp_path / "in")
    call("deploy", "known", tmp_path / "in", tmp_path / "out", "--seed", "3")
    assert definition.load(store, "known").settings["seed"] == 3, "settings are not what tells datasets apart"
    store.write_named(definition.path_of("known"), b"{}")
    with pytest.raises(UsageError, match="--replace"):
        call("deploy", "known", tmp_path / "in", tmp_path / "out")
    call("deploy", "known", tmp_path / "in", tmp_path / "out", "--replace")
    assert definition.load(store, "known").settings["seed"] == 0


def test_without_a_server_nothing_is_stored_or_queued_and_one_sentence_says_so(store: Store, tmp_path: Path) -> None:
    for name in ("talks", "convert-dataset"):
        with pytest.raises((ServerUnavailable, UsageError)) as refused:
            call("deploy", name, tmp_path / "in", tmp_path / "out")
        assert ("No Prefect server answers" in str(refused.value)) == (name == "talks")
    assert definition.names(store) == []
    define(tmp_path / "in", tmp_path / "out")
    for command in ("trigger", "retry-failed", "stop", "schedule"):
        with pytest.raises(ServerUnavailable, match="No Prefect server answers at PREFECT_API_URL"):
            call(command, "films")


def test_trigger_hands_the_run_what_it_was_told(
    store: Store, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(tmp_path / "in", tmp_path / "out")
    assert f"queued as flow run {ID} http://127.0.0.1:9/runs/flow-run/{ID}" in call("trigger", "films")
    call("trigger", "films", "--on-failure", "redact", "--crf", "20")
    call("retry-failed", "films")
    call("trigger", "films", "--evaluate", "--fid")
    assert asked == [
        ("films", "convert", {}),
        ("films", "convert", {"policy": "redact", "changes": {"crf": 20}}),
        ("films", "convert", {"only_failed": True}),
        ("films", "evaluate", {"fid": True}),
    ]
    monkeypatch.setattr(watch, "watch_to_the_end", lambda console, name, run: False)
    call("trigger", "films", "--watch", code=1)

    def unregistered(*_: Any, **__: Any) -> UUID:
        raise ObjectNotFound(ValueError())

    monkeypatch.setattr(runs, "trigger", unregistered)
    with pytest.raises(UsageError, match="run `anonflow deploy`"):
        call("trigger", "films")
    with pytest.raises(UsageError, match="no dataset of this name"):
        call("trigger", "talks")


def test_schedules_are_set_paused_and_taken_away(store: Store, asked: Asked, tmp_path: Path) -> None:
    define(tmp_path / "in", tmp_path / "out")
    assert call("schedule", "films").splitlines() == [
        "films: runs at 0 22 * * * (UTC), but is paused",
        "next: 2027-01-02 22:00 UTC",
    ]
    assert asked == []
    call("schedule", "films", "--cron", "0 3 * * *", "--timezone", "Europe/Berlin")
    call("schedule", "films", "--pause")
    call("schedule", "films", "--resume")
    call("schedule", "films", "--none")
    assert asked == [
        ("schedule", "films", "0 3 * * *", "Europe/Berlin"),
        ("pause", "films", True),
        ("pause", "films", False),
        ("schedule", "films", "", "UTC"),
    ]
    with pytest.raises(UsageError, match="Choose one of"):
        call("schedule", "films", "--pause", "--none")


def flow_run(name: str, state: Any, hours: int = 0, planned: bool = False) -> FlowRun:
    begins = datetime.datetime(2027, 1, 2, tzinfo=datetime.UTC) + datetime.timedelta(hours=hours)
    return FlowRun(
        flow_id=uuid4(),
        name=name,
        state=state,
        state_type=state.type,
        state_name=state.name,
        expected_start_time=begins,
        auto_scheduled=planned,
    )


def line(text: str, name: str) -> list[str]:
    """The cells of a dataset's line."""
    (found,) = [each for each in text.splitlines() if f"│ {name} " in each]
    return [cell.strip() for cell in found.strip("│").split("│")]


def test_status_says_what_runs_waits_and_is_planned(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, list[FlowRun]] = {
        "idle": [],
        "busy": [
            flow_run("convert · busy", Running()),
            flow_run("convert · busy", Scheduled(), 9, planned=True),
            flow_run("convert · busy", Scheduled(), 4, planned=True),
        ],
        "late": [flow_run("convert · late", Late(), planned=True), flow_run("evaluate · late", Pending())],
    }
    for name in known:
        define(tmp_path / "in", tmp_path / "out", name)
    monkeypatch.setattr(runs, "known", known.__getitem__)
    record = RunRecord("idle", "r", "a", "2027-01-01T10:30:00+00:00", 9, 0, 1, {"published": 5, "failed": 1}, 3, True)
    store_layout.save_record(store, record)
    store_layout.save_record(store, RunRecord("busy", "r", "a", "2027-01-01T11:00:00+00:00", 5, 0, 1, {}, 0))
    counts = '"inputs": 7, "todo": 3, "done": 1, "verdicts": {"withheld": 1}'
    present = f'{{"run": "r", "handle": "", "parameters": {{}}, {counts}}}'
    store.write_named(store_layout.present_path("busy"), present.encode())
    with Leases(store) as leases, leases.holding(store_layout.lease_of("busy")):
        said = call("status")
    ended = "2027-01-01 10:30, cancelled, 3 without a verdict"
    assert line(said, "idle") == ["idle", "", "", ended, "9", "5 published, 1 failed"]
    running = "running, 1 of 3 videos so far"
    assert line(said, "busy") == ["busy", running, "2027-01-02 04:00", "2027-01-01 11:00", "7", "1 withheld"]
    assert line(said, "late") == ["late", "convert queued, evaluate queued", "", "never", "", ""]
    assert "late" not in call("status", "idle") and "not known" not in said


def test_status_tells_without_a_server_what_the_store_knows(store: Store, tmp_path: Path) -> None:
    define(tmp_path / "in", tmp_path / "out")
    store_layout.save_record(store, RunRecord("films", "r", "a", "2027-01-01T10:30:00+00:00", 2, 0, 1, {}, 0))
    said = call("status")
    assert line(said, "films")[3:5] == ["2027-01-01 10:30", "2"]
    assert "What waits or is planned is not known. No Prefect server answers" in said
