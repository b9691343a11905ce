from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.errors import UsageError
from tasks.evaluation.report import machine, review
from tasks.evaluation.report.review import Choice, Decision
from tests.tasks.evaluation.report import support


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    machine.write_tables(support.content(), folder)
    return folder


@pytest.fixture
def exported(report: Path) -> dict[str, Any]:
    return {
        "schema": 1,
        "report": machine.report_id((report / machine.SUMMARY).read_bytes()),
        "exported_at": "2026-11-03T10:00:00.000Z",
        "decisions": [
            {"name": support.HOSTILE[0], "choice": "reject", "note": "Seen at 0:12 \u2028 “so”"},
            {"name": support.HOSTILE[4], "choice": "accept", "note": ""},
        ],
    }


def load(value: Any, report: Path, folder: Path) -> review.Review:
    path = folder / "review.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return review.load(path, report)


def test_decisions_come_back(exported: dict[str, Any], report: Path, tmp_path: Path) -> None:
    found = load(exported, report, tmp_path)
    assert found.decisions == (
        Decision(support.HOSTILE[0], Choice.REJECT, "Seen at 0:12 \u2028 “so”"),
        Decision(support.HOSTILE[4], Choice.ACCEPT),
    )
    names = [page.name for page in support.content().pages]
    assert set(found.undecided) == set(names) - {support.HOSTILE[0], support.HOSTILE[4]}
    assert (found.report, found.exported_at) == (exported["report"], exported["exported_at"])


def test_nothing_decided(exported: dict[str, Any], report: Path, tmp_path: Path) -> None:
    found = load(exported | {"decisions": []}, report, tmp_path)
    assert not found.decisions
    assert len(found.undecided) == 8


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 2}, "version"),
        ({"schema": True}, "version"),
        ({"schema": "1"}, "version"),
        ({"report": "0" * 64}, "another report"),
        ({"report": 5}, "another report"),
        ({"exported_at": None}, "wrong kind"),
        ({"decisions": {}}, "wrong kind"),
        ({"who": "me"}, "unknown"),
        ({"decisions": ["accept"]}, "Decision 1"),
        ({"decisions": [{"name": "__proto__", "choice": "accept"}]}, "Decision 1"),
        ({"decisions": [{"name": "__proto__", "choice": "accept", "note": None}]}, "no text"),
        ({"decisions": [{"name": ["__proto__"], "choice": "accept", "note": ""}]}, "no text"),
        ({"decisions": [{"name": "__proto__", "choice": "Accept", "note": ""}]}, "none of accept"),
        ({"decisions": [{"name": "__proto__", "choice": "", "note": ""}]}, "none of accept"),
        ({"decisions": [{"name": "secret.mp4", "choice": "accept", "note": ""}]}, "not in the report"),
        ({"decisions": [{"name": "__proto__", "choice": "accept", "note": ""}] * 2}, "same file"),
    ],
)
def test_refused(change: dict[str, Any], says: str, exported: dict[str, Any], report: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        load(exported | change, report, tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("field", ["schema", "report", "exported_at", "decisions"])
def test_missing_fields(field: str, exported: dict[str, Any], report: Path, tmp_path: Path) -> None:
    del exported[field]
    with pytest.raises(UsageError, match=r"version|fields"):
        load(exported, report, tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"schema": 1}'])
def test_no_decisions_at_all(text: str, report: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="export"):
        load(text, report, tmp_path)


def test_bytes_that_are_no_text(report: Path, tmp_path: Path) -> None:
    (tmp_path / "review.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UsageError, match="no JSON"):
        review.load(tmp_path / "review.json", report)


def test_missing_files(exported: dict[str, Any], report: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"review\.json"):
        review.load(tmp_path / "nowhere.json", report)
    with pytest.raises(UsageError, match=r"index\.html"):
        load(exported, tmp_path / "nowhere", tmp_path)


def test_damaged_report(exported: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / machine.SUMMARY).write_bytes(b"{}")
    with pytest.raises(UsageError, match="write the report again"):
        load(exported | {"report": machine.report_id(b"{}")}, tmp_path, tmp_path)
