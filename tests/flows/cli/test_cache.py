from __future__ import annotations

import datetime
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.cache import byte_count, cache_app, duration
from infra.errors import UsageError
from infra.storage.cache import Cache, Key
from infra.storage.store import Prefix, Store

OWNER = "abcdefghijklmnop"


@dataclass(frozen=True)
class Result:
    text: str


@pytest.fixture
def store(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("ANONFLOW_CACHE_URL", f"file://{tmp_path}/store")
    store = Store(f"file://{tmp_path}/store")
    for prefix in Prefix:
        Cache(store).get_or_make(Key("faces", 1, OWNER, (), prefix=prefix), Result, lambda: Result("x" * 200_000))
    return store


def call(*arguments: str) -> str:
    done = CliRunner().invoke(cache_app, arguments)
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_import_is_light() -> None:
    heavy = ("prefect", "fsspec", "s3fs", "numpy", "cryptography")
    code = f"import sys, flows.cli.cache; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_ls(store: Store) -> None:
    said = call("ls")
    assert said.count(OWNER) == 2
    assert "0.2" in said
    assert "0s ago" in said
    assert "2 owners, 0.4 MB" in said
    assert call("ls", "--prefix", "safe").count(OWNER) == 1
    with pytest.raises(UsageError):
        call("ls", "--prefix", "secret")


def test_stats(store: Store) -> None:
    said = call("stats")
    assert said.count("faces") == 2
    assert "damaged entries: 0" in said
    store.remove(next(path for path in store.list_tree("identifying") if "/objects/" in path))
    assert "damaged entries: 1" in call("stats")


def test_prune(store: Store, tmp_path: Path) -> None:
    assert "0 owners" in call("prune", "--older-than", "1h")
    for file in (tmp_path / "store").rglob("*"):
        os.utime(file, (file.stat().st_mtime - 7200,) * 2)
    said = call("prune", "--older-than", "1h", "--dry-run")
    assert f"identifying/{OWNER}: 2 objects" in said
    assert "2 owners, 0.4 MB would be removed" in said
    assert "1 owners" in call("prune", "--older-than", "1h", "--identifying-only")
    assert store.list_tree("identifying") == []
    assert len(store.list_tree("safe")) == 2
    assert "1 owners" in call("prune", "--max-size", "0.1MB")
    assert store.list_tree("safe") == []
    with pytest.raises(UsageError, match="--older-than"):
        call("prune")


def test_other_cache(store: Store, tmp_path: Path) -> None:
    assert "0 owners" in call("ls", "--cache", f"file://{tmp_path}/another")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("7d", 604800), ("2W", 1209600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "count"), [("12", 12), ("50GB", 50 * 10**9), ("1.5 mb", 1_500_000), ("2TiB", 2 * 2**40), ("3K", 3000)]
)
def test_sizes(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 days", "1e9d", "GB", "-5GB", "5XB", "5iB"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(UsageError):
        duration(text)
    if text != "7":
        with pytest.raises(UsageError):
            byte_count(text)
