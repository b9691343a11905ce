"""Archives of the npm registry: npm is asked for the pinned package only, and its answer is checked."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from infra.errors import WeightsError
from models.weights import npm_source, weight_files
from models.weights.packages import Carrier
from models.weights.weight import Weight

CONTENT = bytes(range(256)) * 40


def _archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        entry = tarfile.TarInfo("package/models/net.bin")
        entry.size = len(CONTENT)
        tar.addfile(entry, io.BytesIO(CONTENT))
    return stream.getvalue()


ARCHIVE = _archive()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
CARRIER = Carrier("@some/models", "1.2.3", "some-models-1.2.3.tgz", SHA256, len(ARCHIVE), "npm")


class Npm:
    """Stands in for npm: notes its arguments and packs what it is given."""

    def __init__(self, content: bytes, code: int = 0, said: str = "") -> None:
        self.content, self.code, self.said = content, code, said
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **options: Any) -> Any:
        self.commands.append(command)
        folder = Path(command[command.index("--pack-destination") + 1])
        assert Path(command[command.index("--cache") + 1]).parent == folder == options["cwd"]
        if self.content:
            (folder / CARRIER.archive).write_bytes(self.content)
        return subprocess.CompletedProcess(command, self.code, "", self.said)


def _use(monkeypatch: pytest.MonkeyPatch, npm: Any) -> Any:
    monkeypatch.setattr(subprocess, "run", npm)
    return npm


def test_the_pinned_package_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = _use(monkeypatch, Npm(ARCHIVE))
    found = npm_source.fetch(CARRIER, tmp_path / "archives")
    assert found.read_bytes() == ARCHIVE and npm_source.fetch(CARRIER, tmp_path / "archives") == found
    assert [path.name for path in found.parent.iterdir()] == [CARRIER.archive], "nothing else is left"
    assert len(npm.commands) == 1 and npm.commands[0][:2] == ["npm", "pack"]
    assert "--ignore-scripts" in npm.commands[0] and npm.commands[0][-1] == "@some/models@1.2.3"


def test_another_archive_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, Npm(ARCHIVE + b"x"))
    with pytest.raises(WeightsError, match="pinned SHA-256"):
        npm_source.fetch(CARRIER, tmp_path)
    _use(monkeypatch, Npm(b""))
    with pytest.raises(WeightsError, match="not as some-models"):
        npm_source.fetch(CARRIER, tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_npm_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: Any, **options: Any) -> Any:
        raise FileNotFoundError

    _use(monkeypatch, missing)
    with pytest.raises(WeightsError, match=r"npm could not fetch @some/models@1\.2\.3.*ANONFLOW_ARCHIVES"):
        npm_source.fetch(CARRIER, tmp_path)
    _use(monkeypatch, Npm(b"", 1, "npm ERR! first\nnpm ERR! 404\n"))
    with pytest.raises(WeightsError, match="404"):
        npm_source.fetch(CARRIER, tmp_path)


def test_a_weight_file_is_taken_out_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    weight = Weight("some", "test", "net.bin", CARRIER, digest, len(CONTENT), "none", "unclear", "made for a test",
                    member="package/models/net.bin")  # fmt: skip
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("ANONFLOW_ARCHIVES", raising=False)
    monkeypatch.setattr(weight_files, "WEIGHTS", {"some": weight})
    monkeypatch.setattr(weight_files, "_checked", {})
    npm = _use(monkeypatch, Npm(ARCHIVE))
    assert weight_files.pull() == ["some"] and weight_files.path("some").read_bytes() == CONTENT
    assert weight.source == "@some/models@1.2.3" and weight_files.pull() == [] and len(npm.commands) == 1
    assert not list((tmp_path / "weights" / "archives").iterdir()), "the archive is far larger than what is kept"
