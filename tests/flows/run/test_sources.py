"""Wrong places are named by the argument that is wrong, and repeated to the person alone who typed them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.evaluation.pairs import pair_up
from flows.run import sources
from flows.run.sources import VIDEO_SUFFIXES, find
from infra.errors import UsageError

KEY = b"k" * 32


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "Jane.mp4").write_bytes(b"x")
    return tmp_path / "films"


def refused(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert isinstance(done.exception, UsageError), done.output
    return str(done.exception)


def test_find_names_the_argument_and_no_path(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name, content in (("bare.csv", "name\nJane.mp4\n"), ("none.csv", "uri\n"), ("bad.parquet", "x")):
        (tmp_path / name).write_text(content)
    for place in ("nowhere", "empty", "bare.csv", "none.csv", "bad.parquet"):
        with pytest.raises(UsageError, match="ORIGINALS") as caught:
            find(str(tmp_path / place), VIDEO_SUFFIXES, argument="ORIGINALS")
        said = str(caught.value)
        assert "SOURCE" not in said and place not in said and "Jane" not in said, "Prefect may show it"
    with pytest.raises(UsageError, match=r"SOURCE does not exist\.$"):
        find(str(tmp_path / "nowhere"), VIDEO_SUFFIXES)


def test_what_is_paired_is_told_apart(films: Path) -> None:
    with pytest.raises(UsageError, match="ORIGINALS does not exist"):
        pair_up(f"{films}-typo", str(films), KEY)
    with pytest.raises(UsageError, match="ANONYMIZED does not exist"):
        pair_up(str(films), f"{films}-typo", KEY)
    with pytest.raises(UsageError, match="--others does not exist"):
        pair_up(str(films), str(films), KEY, "(.)", others=f"{films}-typo")


def test_commands_repeat_what_was_typed(films: Path, home: Path) -> None:
    typo = f"{films}-typo"
    evaluate = ("evaluate", "--out", f"{films}-report", "--no-orchestration")
    assert refused(*evaluate, typo, films) == f"ORIGINALS does not exist: {typo}"
    assert refused(*evaluate, films, typo) == f"ANONYMIZED does not exist: {typo}"
    said = refused(*evaluate, films, films, "--person", "(.)", "--others", typo)
    assert said == f"--others does not exist: {typo}"
    assert refused("plan", typo) == f"SOURCE does not exist: {typo}"
    assert refused("recheck", typo) == f"DESTINATION does not exist: {typo}"
    assert refused("recheck", films, "--source", typo) == f"--source does not exist: {typo}"


def test_an_address_that_is_none_is_named_by_its_argument_and_not_repeated(films: Path) -> None:
    with pytest.raises(UsageError, match=r"^ANONYMIZED: ") as caught:
        sources.check("s3://key:secret@bucket/folder", "ANONYMIZED")
    assert "secret" not in str(caught.value)
    sources.check(str(films), "ORIGINALS")
