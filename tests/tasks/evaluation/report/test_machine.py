from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from tasks.evaluation.report import machine
from tasks.evaluation.report.content import Content
from tests.tasks.evaluation.report import support


@pytest.fixture(scope="module")
def content() -> Content:
    return support.content()


def test_numbers_come_back_from_the_table(content: Content, tmp_path: Path) -> None:
    machine.write_tables(content, tmp_path)
    table = pandas.read_parquet(tmp_path / machine.TABLE)
    assert list(table.columns) == [
        *("scope", "name", "title", "variant", "unit", "better", "value", "low", "high", "samples", "people"),
        *("original", "chance", "note"),
    ]
    lines = [("dataset", line) for line in (*content.privacy, *content.usefulness, *content.adversaries)]
    lines += [(page.name, line) for page in content.pages for line in page.lines]
    assert len(table) == len(lines)
    for row, (scope, line) in zip(table.to_dict("records"), lines, strict=True):
        figure = line.figure
        assert (row["scope"], row["name"], row["variant"]) == (scope, line.definition.name, line.variant)
        for name in ("value", "low", "high", "samples", "people", "original", "chance"):
            assert row[name] == pytest.approx(getattr(figure, name), nan_ok=True, abs=0)
        assert row["note"] == figure.note


def test_unknown_numbers_are_null(content: Content, tmp_path: Path) -> None:
    machine.write_tables(content, tmp_path)
    table = pandas.read_parquet(tmp_path / machine.TABLE, dtype_backend="pyarrow")
    assert table.loc[table["name"] == "inverted", "value"].isna().all()
    said = json.loads((tmp_path / machine.SUMMARY).read_bytes())
    assert said["schema"] == 1
    assert (said["outcome"], said["files"][0]["outcome"], said["reviewer"]) == ("look", "fail", False)
    assert [file["nearest"] is None for file in said["files"]] == [math.isnan(page.nearest) for page in content.pages]
    assert said["privacy"][-1]["value"] is None
    assert said["usefulness"][1]["better"] == "like the original"
    assert [file["name"] for file in said["files"]] == [page.name for page in content.pages]


def test_kinds_stand_in_the_summary_as_counts(content: Content) -> None:
    rows = json.loads(machine.summary(content))["kinds"]
    assert [(row["by"], row["kind"]) for row in rows][:2] == [("gender", "men"), ("gender", "women")]
    assert {key: rows[1][key] for key in ("originals", "published", "failed", "people", "named")} == {
        "originals": 4,
        "published": 3,
        "failed": 0,
        "people": 3,
        "named": 0,
    }
    assert rows[0]["kept"][0]["name"] == "opening_correlation" and rows[0]["kept"][0]["value"] == 0.96
    assert rows[2]["kept"][0]["value"] is None


def test_tables_are_private(content: Content, tmp_path: Path) -> None:
    machine.write_tables(content, tmp_path)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        machine.TABLE: 0o600,
        machine.SUMMARY: 0o600,
    }


def test_report_id_follows_what_is_said(content: Content) -> None:
    first = machine.report_id(machine.summary(content))
    assert first == machine.report_id(machine.summary(support.content()))
    assert len(first) == 64
    for other in (replace(content, made_at="later"), replace(content, pages=content.pages[1:])):
        assert machine.report_id(machine.summary(other)) != first


def test_table_of_nothing(content: Content) -> None:
    assert machine.table(replace(content, privacy=(), usefulness=(), pages=(), adversaries=()))
