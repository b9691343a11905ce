"""The suite fails when one of its processes took too much memory, and forgets networks between files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.selection import profiles
from tests import memory
from tests.contracts import support

ROOT = Path(__file__).resolve().parents[1]
SMALL_SUITE = """
from tests import memory
memory.LIMIT_GB = {limit}
pytest_plugins = ["tests.memory"]
"""


@pytest.mark.parametrize("processes", ["0", "1"])
@pytest.mark.parametrize(("limit", "code"), [(0.001, 1), (64.0, 0)])
def test_a_process_over_the_limit_fails_a_suite_that_passed(
    limit: float, code: int, processes: str, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text(SMALL_SUITE.format(limit=limit))
    (tmp_path / "test_nothing.py").write_text("def test_nothing(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", processes, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    name = "gw0" if processes == "1" else "this process"
    assert f"peak memory of {name}" in done.stdout
    assert (f"{name} took" in done.stdout) == bool(code)


def test_networks_and_cached_pictures_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_instances", {("detector", "yunet", ()): object()})
    support._read(support.shared() / "stills" / "synthetic" / "02.jpg")
    assert support._read.cache_info().currsize
    memory.release()
    assert not profiles._instances and not support._read.cache_info().currsize
