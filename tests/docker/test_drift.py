"""What a fresh install of today is compared with."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.docker.support import script


@pytest.fixture
def drift() -> ModuleType:
    return script("drift")


def report(**versions: str) -> dict[str, Any]:
    """As pip writes it."""
    names = {name.replace("_", "-"): version for name, version in versions.items()}
    return {"install": [{"metadata": {"name": name, "version": version}} for name, version in names.items()]}


def test_new_releases_and_new_and_missing_packages_are_named(drift: ModuleType) -> None:
    old = drift.tested("# Written by hand.\nPrefect==3.8.8\nsqlalchemy==2.0.58\ntorch==2.13.0\ngone==1\n")
    today = report(prefect="3.8.8", SQLAlchemy="2.1.9", torch="2.13.0+cpu", new="2", anonflow="0.1.0", nvidia_nccl="1")
    assert drift.differences(old, drift.resolved(today)) == [
        ("gone", "1", "-"),
        ("new", "-", "2"),
        ("sqlalchemy", "2.0.58", "2.1.9"),
    ]


@pytest.mark.parametrize(("today", "code"), [("1.0", 0), ("1.1", 1)])
def test_a_difference_ends_with_an_exit_code(
    today: str,
    code: int,
    drift: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "lock.txt").write_text("some==1.0\n")
    asked: list[list[str]] = []

    def pip(command: list[str], **_: Any) -> Any:
        asked.append(command)
        return SimpleNamespace(stdout=json.dumps(report(some=today)))

    monkeypatch.setattr(drift, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr(drift.sys, "argv", ["drift.py", "lock.txt", "dev", "torch"])
    with pytest.raises(SystemExit) as ended:
        drift.main()
    assert ended.value.code == code
    (command,) = asked
    assert command[-1] == f"{tmp_path}[dev,torch]" and {"--dry-run", "--ignore-installed"} <= set(command)
    assert ("tested 1.0" in capsys.readouterr().out) == bool(code)
