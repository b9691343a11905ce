from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from infra.errors import UsageError
from infra.reasons import Reason
from infra.storage.store import Store
from tasks.records import Verdict

ATTEMPT = {
    "number": 1,
    "candidate": 4711,
    "strength": 1.4,
    "distance": 0.3,
    "threshold": 0.5,
    "accepted": False,
    "reason": "too_close",
    "made_with": {},
    "genuine": 0.1,
    "strangers": float("nan"),
}


@pytest.fixture
def out(home: Path, tmp_path: Path) -> Path:
    manifest = Manifest(Store(str(tmp_path / "out"), private=False))
    withheld = VideoRow(
        public_id="held",
        input_id="in-1",
        ordinal=1,
        verdict=Verdict.WITHHELD,
        reason=Reason.TOO_CLOSE,
        message="It is [bold]too[/bold] near.",
        attempts=[ATTEMPT],
    )
    manifest.record(withheld)
    manifest.record(
        VideoRow(public_id="well", input_id="in-2", ordinal=2, verdict=Verdict.PUBLISHED, output="videos/w")
    )
    manifest.flush()
    return tmp_path / "out"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def call(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, ["explain", *map(str, arguments)])
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_video_is_explained_and_nothing_is_written(out: Path) -> None:
    before = files(out)
    said = call("held", out).splitlines()
    assert said[:2] == ["held (input: 1)", "withheld: nothing is published of it."]
    assert said[2] == f"Reason: too_close. {Reason.TOO_CLOSE.meaning}"
    assert said[3] == "It is [bold]too[/bold] near.", "as it stands, whatever a console makes of brackets"
    assert said[5].startswith("  1. Rejected (too_close).") and said[-1] == f"What to do: {Reason.TOO_CLOSE.remedy}"
    assert not any("4711" in line or "well" in line for line in said)
    assert "What to do: Nothing." in call("well", out)
    assert files(out) == before


def test_the_argument_that_is_wrong_is_named(out: Path) -> None:
    with pytest.raises(UsageError, match="PUBLIC_ID nobody is not in the manifest of DESTINATION"):
        call("nobody", out)
    with pytest.raises(UsageError, match=f"DESTINATION does not exist: {out}/typo"):
        call("held", out / "typo")
    with pytest.raises(UsageError, match="DESTINATION has no manifest"):
        call("held", out.parent)
