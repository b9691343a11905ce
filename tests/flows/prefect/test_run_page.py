"""The page of a run while it runs: its log, how far it is, and a table that grows."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from flows.dataset.run_progress import RunProgress
from flows.manifest.rows import VideoRow
from flows.prefect import run_page
from flows.prefect.run_page import RunPage
from infra.reasons import Reason
from tasks.records import Verdict

LOGGER = logging.getLogger("anonflow.page")


def row(n: int, verdict: Verdict = Verdict.PUBLISHED, reason: str = "") -> VideoRow:
    return VideoRow(public_id=f"v{n}", input_id=f"i{n}", ordinal=n, verdict=verdict, reason=reason)


class Server:
    """Keeps artifacts by their ids, while it is not away."""

    def __init__(self) -> None:
        self.away, self.writes = False, 0
        self.kept: dict[UUID, dict[str, Any]] = {}

    def _write(self, identifier: UUID, **values: Any) -> None:
        if self.away:
            raise ConnectionError("http://server/Jane")
        self.writes += 1
        self.kept.setdefault(identifier, {}).update(values)

    def progress(self, percent: float, **given: Any) -> UUID:
        identifier = uuid4()
        self._write(identifier, percent=percent, **given)
        return identifier

    def progress_now(self, identifier: UUID, percent: float, **given: Any) -> None:
        self._write(identifier, percent=percent, **given)

    def table(self, **given: Any) -> UUID:
        identifier = uuid4()
        self._write(identifier, **given)
        return identifier

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update_artifact(self, identifier: UUID, update: Any) -> None:
        self._write(identifier, table=json.loads(update.data), description=update.description)

    def shown(self, key: str) -> dict[str, Any]:
        """The one artifact of a key."""
        (found,) = [one for one in self.kept.values() if one["key"] == key]
        return found


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    one = Server()
    monkeypatch.setattr(run_page, "create_progress_artifact", one.progress)
    monkeypatch.setattr(run_page, "update_progress_artifact", one.progress_now)
    monkeypatch.setattr(run_page, "create_table_artifact", one.table)
    monkeypatch.setattr(run_page, "get_client", lambda sync_client: one)
    return one


def test_the_page_grows_with_the_run(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    page, start = RunPage("talks", LOGGER, every_s=0.0), RunProgress(5, 1, shards=2)
    page.show(start)
    assert server.shown("anonflow-progress-talks")["percent"] == 0.0
    rows = [row(1), row(2, Verdict.WITHHELD, "too_close"), row(3, Verdict.FAILED, "not_media")]
    for number in (1, 2, 3):
        page.show(replace(start, rows=rows[:number]))
    page.show(replace(start, rows=rows))
    progress, table = server.shown("anonflow-progress-talks"), server.shown("anonflow-verdicts-talks")
    assert progress["percent"] == 75.0
    assert progress["description"] == (
        "3 of 4 videos: 1 published, 1 withheld, 1 failed; 0 of 2 shards ended; 1 unchanged since an earlier run"
    )
    assert [line["public id"] for line in table["table"]] == ["v3", "v2", "v1"]
    assert table["description"] == "1 published, 0 redacted, 1 withheld, 1 failed."
    page.conclude([*rows, row(4), row(5)])
    assert len(server.shown("anonflow-verdicts-talks")["table"]) == 5
    assert len(server.kept) == 2, "each is made once and then kept up to date"
    said = [(record.levelname, record.message) for record in caplog.records]
    assert [level for level, _ in said].count("INFO") == 4, "a line whenever something has changed"
    reason = Reason.TOO_CLOSE
    assert ("WARNING", f"v2 withheld (too_close): {reason.meaning} {reason.remedy}") in said
    assert [text for level, text in said if level == "ERROR"] == [
        f"v3 failed (not_media): {Reason.NOT_MEDIA.meaning} {Reason.NOT_MEDIA.remedy}"
    ]


def test_the_table_is_written_seldom_but_at_the_end(server: Server) -> None:
    page, start = RunPage("talks", LOGGER, every_s=3600.0), RunProgress(3, 0, shards=1)
    page.show(start)
    page.show(replace(start, rows=[row(1)]))
    page.show(replace(start, rows=[row(1), row(2)]))
    assert server.shown("anonflow-verdicts-talks")["table"] == []
    page.show(replace(start, rows=[row(1), row(2), row(3)], over=1))
    assert len(server.shown("anonflow-verdicts-talks")["table"]) == 3


def test_a_run_without_work_is_at_its_end(server: Server) -> None:
    RunPage("talks", LOGGER).show(RunProgress(4, 4))
    assert server.shown("anonflow-progress-talks")["percent"] == 100.0
    assert server.shown("anonflow-progress-talks")["description"] == ("0 of 0 videos; 4 unchanged since an earlier run")


def test_a_log_names_only_so_many(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_page, "MOST_LINES", 2)
    bad = [row(n, Verdict.FAILED, "not_media") for n in range(5)]
    page = RunPage("talks", LOGGER)
    page.show(RunProgress(5, 0, bad, 1))
    page.show(RunProgress(5, 0, bad, 1, 1))
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line.partition(" ")[0] for line in told] == ["v0", "v1", "More"]


def test_a_server_that_is_away_does_not_end_a_run_and_hears_the_rest(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    page, start = RunPage("talks", LOGGER, every_s=0.0), RunProgress(5, 0, shards=1)
    server.away = True
    page.show(start)
    page.show(replace(start, rows=[row(1)]))
    page.conclude([row(1)])
    assert "ConnectionError" in caplog.text and "Jane" not in caplog.text and server.kept == {}
    server.away = False
    page.show(replace(start, rows=[row(1), row(2)]))
    assert server.shown("anonflow-progress-talks")["percent"] == 40.0
    assert len(server.shown("anonflow-verdicts-talks")["table"]) == 2
