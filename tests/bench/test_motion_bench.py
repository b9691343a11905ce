"""The motion bench runs and its figures hang together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("name", "parts"), [("liveportrait", 3), ("lia", 2)])
def test_ratios_are_speeds_over_the_first_row(name: str, parts: int, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    options = ["--small", "--seconds", "0.01", "--batches", "1", "2", "--precisions", "float32", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "motion.py", name, *options], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert [row["batch"] for row in rows] == [1, 2] and "rate not known" in done.stdout
    for row in rows:
        assert len(row["ms"]) == parts and sum(row["ms"].values()) == pytest.approx(row["total_ms"])
        assert row["ratio"] == pytest.approx(rows[0]["total_ms"] / row["total_ms"]) and row["total_ms"] > 0
