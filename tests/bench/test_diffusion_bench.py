"""The diffusion bench runs and its figures hang together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="the diffusion models need: pip install 'anonflow[diffusion]'")
ROOT = Path(__file__).resolve().parents[2]


def test_ratios_are_speeds_over_the_plain_way(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    options = ["--small", "--side", "64", "--batches", "1", "2", "--precisions", "float32", "--json", str(file)]
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "diffusion.py", *options], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert [(row["mode"], row["batch"]) for row in rows] == [("plain", 1), ("eager", 1), ("eager", 2)]
    assert done.stdout.count("extrapolated from 2 of 35 steps") == 3
    for row in rows:
        # No figure's size is asserted: on a busy machine two steps may take less time than one.
        assert row["ratio"] == pytest.approx(rows[0]["seconds"] / row["seconds"])
        assert row["seconds"] == pytest.approx(row["rest"] + 35 * row["step"])
