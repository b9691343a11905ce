"""What `anonflow plan` prints."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from typer.testing import CliRunner

from flows.cli.main import app
from tests.conftest import Make


def printed(*words: str) -> dict[str, str]:
    """Label -> value of the table's lines."""
    done = CliRunner().invoke(app, ["plan", *words], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return dict(re.findall(r"│ (.+?) +│ (.+?) +│", done.output))


def test_one_shard_is_said_to_gain_nothing_from_a_second_worker(made: Make, home: Path, tmp_path: Path) -> None:
    source = tmp_path / "films"
    source.mkdir()
    shutil.copy(made("one.mp4", frames=12), source)
    one, two = printed(str(source)), printed(str(source), "--workers", "2")
    # A clip of a second: 5 s and 17 s for its second.
    assert one["length of the videos"] == "1 second" and one["shards"] == "1 shard"
    assert one["work of one worker"].startswith("22 seconds (by ")
    assert (one["time until done"], two["time until done"]) == ("22 seconds with 1 worker", "22 seconds with 2 workers")
    assert two["shards"] == "1 shard: more than 1 worker does not help"


def test_shards_that_keep_two_workers_busy_are_only_counted(made: Make, home: Path, tmp_path: Path) -> None:
    source = tmp_path / "films"
    source.mkdir()
    for name, frames in (("one.mp4", 96), ("two.mp4", 72)):
        shutil.copy(made(name, frames=frames), source)
    two, three = printed(str(source), "--workers", "2"), printed(str(source), "--workers", "3")
    # 8 s and 6 s of video: 141 s and 107 s.
    assert two["work of one worker"].startswith("4.1 minutes") and two["time until done"].startswith("2.4 minutes")
    assert (two["shards"], three["shards"]) == ("2 shards", "2 shards: more than 2 workers do not help")
