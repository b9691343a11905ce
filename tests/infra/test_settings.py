from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.errors import UsageError
from infra.process.processes import began
from infra.process.scratch import scratch
from infra.process.telemetry import Timings
from infra.settings import OnFailure, Settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"max_attempts": 0},
        {"workers": 0},
        {"crf": 99},
        {"scene_similarity": -1.0},
        {"scene_threshold": 0.0},
    ],
)
def test_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_cautious_by_default(home: Path) -> None:
    settings = Settings()
    assert settings.on_failure is OnFailure.WITHHOLD
    assert not settings.keep_intermediates
    assert settings.cache_url == f"file://{home}/anonflow/store"


def test_what_can_change_a_result(home: Path) -> None:
    base = Settings().affecting_result()
    assert Settings(workers=4, threads=1, keep_intermediates=True, overwrite=True).affecting_result() == base
    for change in ({"seed": 1}, {"crf": 17}, {"on_failure": OnFailure.REDACT}, {"scene_threshold": 0.3}):
        assert Settings(**change).affecting_result() != base  # type: ignore[arg-type]


def test_parameters_by_name(home: Path) -> None:
    assert Settings(crf=17).parameters("crf", "seed") == {"crf": 17, "seed": 0}
    with pytest.raises(AttributeError):
        Settings().parameters("nothing")


def test_scratch_is_private_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    root.mkdir()
    left = root / "999999999-killed"
    left.mkdir()
    (left / "frame").write_text("x")
    (root / "keep me").mkdir()
    with scratch(root) as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert not left.exists()
        (folder / "frame").write_text("x")
        with scratch(root) as second:
            assert folder.exists()
            assert second != folder
    assert [path.name for path in root.iterdir()] == ["keep me"]


def test_timings_add_up_and_survive_errors() -> None:
    timings = Timings()
    timings.add("faces", 1.0)
    timings.add("faces", 0.5)
    with pytest.raises(ValueError, match="x"), timings.stage("audit"):
        raise ValueError("x")
    measured = timings.as_dict()
    assert measured["faces"] == 1.5
    assert list(measured) == ["faces", "audit"]


def test_peak_memory_grows() -> None:
    # Not in this process, whose peak may be gigabytes already, nor in its child, which would inherit that.
    code = (
        "from infra.process.telemetry import peak_memory_bytes as peak\n"
        "before = peak()\n"
        "block = bytearray(b'x') * (before + (64 << 20))\n"
        "assert peak() > len(block) > before"
    )
    subprocess.run(["sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, code], check=True, timeout=60)


def test_folders_of_ended_processes_go_also_where_the_number_is_used_again(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    root.mkdir()
    own = f"{os.getpid()}-{began(os.getpid())}"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {f"{own}-x": True, f"{os.getpid()}-1-x": False, f"{ended.pid}-5-x": False, "card_0.lock": True}
    for name in names:
        (root / name).mkdir()
    with scratch(root):
        assert {name: (root / name).exists() for name in names} == names
