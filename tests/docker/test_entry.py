"""The images' entry script: keys that a group can read are copied to where nobody else can, and it fails closed."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.errors import UsageError
from infra.privacy import load_key
from tests.docker.support import ROOT, run

KEY = "ab" * 32
Enter = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "mounted.key"
    path.write_text(KEY)
    return path


@pytest.fixture
def enter(tmp_path: Path) -> Enter:
    """Run the entry script with a command and these variables."""
    (tmp_path / "private").mkdir()

    def start(*command: str, **variables: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path / "private")}
        environment |= {name: str(value) for name, value in variables.items()}
        return run("sh", ROOT / "docker" / "entry.sh", *command, env=environment)

    return start


@pytest.mark.parametrize("name", ["ANONFLOW_KEY_FILE", "ANONFLOW_SEAL_KEY_FILE"])
def test_a_key_that_the_group_can_read_is_used_from_a_private_copy(enter: Enter, key: Path, name: str) -> None:
    key.chmod(0o440)
    with pytest.raises(UsageError, match="chmod"):
        load_key(key)
    done = enter("printenv", name, **{name: key})
    copy = Path(done.stdout.strip())
    assert copy != key
    assert stat.S_IMODE(copy.stat().st_mode) == 0o400
    assert load_key(copy) == bytes.fromhex(KEY)
    again = enter("printenv", name, **{name: key})
    assert again.stdout == done.stdout


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_key_stays_where_it_is(enter: Enter, key: Path, mode: int) -> None:
    key.chmod(mode)
    assert enter("printenv", "ANONFLOW_KEY_FILE", ANONFLOW_KEY_FILE=key).stdout.strip() == str(key)


def test_without_the_key_that_is_named_nothing_starts(enter: Enter, tmp_path: Path) -> None:
    done = enter("touch", str(tmp_path / "started"), ANONFLOW_SEAL_KEY_FILE=tmp_path / "missing")
    assert done.returncode == 2
    assert "ANONFLOW_SEAL_KEY_FILE" in done.stderr
    assert not (tmp_path / "started").exists()


def test_without_a_place_for_the_copy_nothing_starts(enter: Enter, key: Path, tmp_path: Path) -> None:
    key.chmod(0o440)
    gone = tmp_path / "gone"
    done = enter("touch", str(tmp_path / "started"), ANONFLOW_KEY_FILE=key, XDG_RUNTIME_DIR=gone)
    assert done.returncode != 0
    assert not (tmp_path / "started").exists()


def test_the_command_gets_its_arguments_rights_and_exit_code(enter: Enter, key: Path, tmp_path: Path) -> None:
    key.chmod(0o440)
    made = tmp_path / "made by command"
    done = enter("sh", "-c", 'umask 022; : >"$1"; umask; exit 7', "x", str(made), ANONFLOW_KEY_FILE=key)
    assert done.returncode == 7
    assert made.exists()
    before = run("sh", "-c", "umask").stdout
    assert enter("sh", "-c", "umask", ANONFLOW_KEY_FILE=key).stdout == before
