from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import StoreUnavailable
from infra.storage.disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "store", private=True)


def test_folder_that_vanishes_once(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, left = tmp_path / "store/safe", [1]
    mkdir = Path.mkdir

    def mkdir_in_vain(path: Path, *args: object, **kwargs: object) -> None:
        mkdir(path, *args, **kwargs)  # type: ignore[arg-type]
        if path == folder and left:
            left.pop()
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir_in_vain)
    disk.write("safe/x", b"1")
    assert disk.read("safe/x", 0, 10) == b"1"
    assert left == []


def test_folders_are_no_objects(disk: Disk) -> None:
    disk.write("safe/folder/x", b"12345")
    assert disk.size("safe/folder") is None
    assert disk.size("safe/folder/x") == 5
    with pytest.raises(FileNotFoundError):
        disk.info("safe/folder")
    with pytest.raises(StoreUnavailable):
        disk.read("safe/folder", 0, 1)


def test_what_cannot_be_listed_is_not_empty(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.write("safe/folder/x", b"1")

    def refuse(path: object) -> None:
        raise PermissionError(13, "refused", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(StoreUnavailable, match="rights"):
        disk.entries("safe")


def test_removal_that_fails_is_told(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.write("safe/folder/x", b"1")
    monkeypatch.setattr("shutil.rmtree", lambda path, ignore_errors: None)
    with pytest.raises(StoreUnavailable, match="could not be removed"):
        disk.remove_tree("safe/folder")


def test_single_object_is_a_tree_as_well(disk: Disk) -> None:
    disk.write("safe/x", b"1")
    disk.remove_tree("safe/x")
    disk.remove(["safe/x", "safe/nothing"])
    assert disk.entries("safe") == {}
