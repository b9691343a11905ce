"""Which originals have the same content."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.evaluation import copies
from flows.run.sources import VIDEO_SUFFIXES, find
from infra.errors import MediaError, SpaceError


def jobs(folder: Path, *contents: bytes) -> list:  # type: ignore[type-arg]
    for n, content in enumerate(contents):
        (folder / f"{n}.mp4").write_bytes(content)
    return find(str(folder), VIDEO_SUFFIXES)


def test_equal_content_is_found_and_other_sizes_are_not_read(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest = copies.digest_file

    def noted(path: Path) -> str:
        read.append(path.name)
        return digest(path)

    monkeypatch.setattr(copies, "digest_file", noted)
    (tmp_path / "in").mkdir()
    assert copies.contents(jobs(tmp_path / "in", b"aa", b"bb", b"ccc", b"aa", b"bb")) == [0, 1, 2, 0, 1]
    assert read == ["0.mp4", "1.mp4", "3.mp4", "4.mp4"]


def test_what_cannot_be_read_is_no_copy(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    listed = jobs(tmp_path / "in", b"aa", b"aa", b"aa")
    (tmp_path / "in" / "1.mp4").unlink()
    assert copies.contents(listed) == [0, 1, 0]

    def broken(path: Path) -> str:
        raise OSError("a path that is nobody's business")

    monkeypatch.setattr(copies, "digest_file", broken)
    assert copies.contents(listed) == [0, 1, 2]


def test_a_full_disk_is_no_unreadable_file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()

    def full(*_: object) -> Path:
        raise MediaError("no_space", "full")

    monkeypatch.setattr(copies, "fetch", full)
    with pytest.raises(SpaceError):
        copies.contents(jobs(tmp_path / "in", b"aa", b"aa"))
