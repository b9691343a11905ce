"""How long inputs are, before anything is converted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from flows.dataset.durations import Length, lengths
from flows.run.sources import VIDEO_SUFFIXES, Job, find
from infra.media import duration


def test_headers_tell_and_sizes_stand_in(made: Callable[..., Path], home: Path, tmp_path: Path) -> None:
    one, two = made("plain.mp4"), made("two.mp4", frames=24)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"x" * one.stat().st_size)
    jobs = [Job(n, str(path), path.name, "", path.stat().st_size) for n, path in enumerate((one, two, broken), 1)]
    told: list[int] = []
    found = lengths(jobs, told.append)
    assert [round(length.seconds, 1) for length in found[:2]] == [1.0, 2.0]
    assert [length.measured for length in found] == [True, True, False]
    assert 0.2 < found[2].seconds < 5 and told == [1, 2, 3]


def test_without_any_readable_file_there_is_a_guess(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"x" * 1_000_000)
    assert lengths([Job(1, str(tmp_path / "x.mp4"), "x.mp4", "", 1_000_000)]) == [Length(5.0, False)]


@pytest.mark.parametrize("front", [True, False])
def test_of_a_remote_file_only_the_ends_are_read(
    front: bool, made: Callable[..., Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("-movflags", "+faststart") if front else ()
    source = made(f"long{front}.mp4", *options, "-b:v", "4M", "-preset", "ultrafast", size="640x480", frames=120)
    monkeypatch.setattr("flows.dataset.durations.HEAD", 100_000)
    assert source.stat().st_size > 250_000
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"/{tmp_path.name}/a.mp4", source.read_bytes())
    asked: list[int] = []
    real = type(memory).cat_file

    def reading(fs: object, path: str, start: int, end: int) -> bytes:
        asked.append(end - start)
        return real(fs, path, start, end)  # type: ignore[arg-type]

    monkeypatch.setattr(type(memory), "cat_file", reading)
    (length,) = lengths(find(f"memory://{tmp_path.name}", VIDEO_SUFFIXES))
    assert (round(length.seconds, 1), length.measured) == (10.0, True)
    assert asked == [100_000, 100_000]


def test_a_partial_copy_has_both_ends_and_the_size(tmp_path: Path) -> None:
    duration.partial_copy(tmp_path / "x", 1000, b"head", b"tail")
    data = (tmp_path / "x").read_bytes()
    assert (len(data), data[:4], data[-4:]) == (1000, b"head", b"tail")
    duration.partial_copy(tmp_path / "y", 6, b"abcdef", b"abcdef")
    assert (tmp_path / "y").read_bytes() == b"abcdef"
