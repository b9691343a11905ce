"""Every command that the README names exists, and the cheap ones do what it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from flows.cli.main import app
from infra.errors import WeightsError
from infra.media.pictures.still import write_picture
from models.selection import profiles
from models.weights import weight_files

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CHECKERS = {f".venv/bin/{name}" for name in ("ruff", "lint-imports", "mypy")}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Command lines in the shell blocks of a Markdown text, as words without comments; not what sets variables."""
    blocks = [body for language, body in _FENCE.findall(text) if language in ("sh", "bash", "shell", "console")]
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in lines if words and words[0] != "export"]


def mentioned(text: str) -> list[str]:
    """Code spans in the running text."""
    return re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))


def understood(words: list[str]) -> Any:
    """The command that `anonflow` would run for these words. Raises the parser's UsageError when it would refuse."""
    command, context = typer.main.get_command(app), None
    name, rest = "anonflow", words[1:]
    while True:
        context = command.make_context(name, list(rest), parent=context)
        if not hasattr(command, "resolve_command"):
            return command
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)


def options_of(command: Any) -> set[str]:
    """Every option of a command and of those below it."""
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    return own.union(*(options_of(inner) for inner in getattr(command, "commands", {}).values()))


def dry_run(words: list[str]) -> list[str]:
    """What make would run for these words, line by line; nothing is run."""
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def check(words: list[str]) -> None:
    """Fail when a command line could not be run as it stands."""
    if words[0] == "anonflow":
        understood(words)
    elif words[0] == "make":
        if shutil.which("make") is None:
            pytest.skip("make is not installed")
        own = [shlex.split(line) for line in dry_run(words) if line.startswith(".venv/bin/")]
        assert own, f"{words} calls nothing of this project"
        for called in own:
            if called[0] == ".venv/bin/anonflow":
                understood(["anonflow", *called[1:]])
            elif called[0] not in CHECKERS:
                assert called[0] == ".venv/bin/python", called
                assert called[1:3] in (["-m", "pytest"], ["-m", "pip"]) or (ROOT / called[1]).is_file(), called
    elif words[0] == "pip":
        (wanted,) = words[2:]
        extras = re.fullmatch(r"anonflow\[(\w+)\]", wanted)
        assert words[1] == "install" and extras, words
        declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        assert extras[1] in declared, f"there is no extra {extras[1]}"
    else:
        assert shutil.which(words[0]), f"{words[0]} is no command"


def run(*arguments: str | Path) -> str:
    """What `anonflow` prints, which must succeed."""
    command = [sys.executable, "-m", "flows.cli.main", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_of_the_readme_can_be_run() -> None:
    found = commands(README)
    assert {words[0] for words in found} == {"make", "anonflow", "pip"} and len(found) >= 8
    for words in found:
        check(words)


def test_what_the_text_mentions_exists() -> None:
    spans = mentioned(README)
    known = options_of(typer.main.get_command(app)) | {"--help"}
    flags = {word for span in spans for word in span.split() if word.startswith("--")}
    assert flags and flags <= known, flags - known
    for span in spans:
        words = shlex.split(span)
        if words[0] == "make":
            check(words)
        if words[0] == "anonflow":
            # The text may leave the arguments out; asking for help asks for none.
            run(*words[1:], "--help")
        if re.fullmatch(r"[a-z_.]+/[\w./]*", words[0]):
            assert (ROOT / words[0]).exists(), f"{words[0]} does not exist"


@pytest.mark.parametrize(
    "line",
    [
        "anonflow dance",
        "anonflow convert SOURCE",
        "anonflow convert SOURCE DESTINATION --shrug",
        "anonflow convert SOURCE DESTINATION --workers many",
        "anonflow models",
        "anonflow models burn",
        "make coffee",
        "pip install 'anonflow[coffee]'",
        "nosuchprogram --help",
    ],
)
def test_a_command_that_does_not_exist_is_found_out(line: str) -> None:
    (words,) = commands(f"Text\n```sh\n{line}   # comment\n```\n")
    with pytest.raises((Exception, SystemExit)):
        check(words)


def test_help_names_the_commands_of_the_readme() -> None:
    text = run("--help")
    for words in commands(README):
        if words[0] == "anonflow":
            assert words[1] in text


def test_models_list_lists_every_weight_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    text = run("models", "list")
    assert all(row.weight.name in text for row in weight_files.status())


def test_convert_and_image_write_what_the_readme_says(made: Callable[..., Path], home: Path, tmp_path: Path) -> None:
    needed = {*profiles.weights_of("embedded"), *profiles.weights_of("evaluation")}
    if any(row.state != "present" for row in weight_files.status() if row.weight.name in needed):
        pytest.skip("the weights are not in place; run anonflow models pull")
    picture = tmp_path / "grey.png"
    write_picture(picture, np.full((120, 160, 3), 128, np.uint8))
    sources = {"convert": made("plain.mp4"), "image": picture}
    done = set()
    for words in commands(README):
        if words[0] != "anonflow" or words[1] not in sources:
            continue
        places = {name: str(tmp_path / name.lower()) for name in ("DESTINATION", "REPORT")}
        places["SOURCE"] = str(sources[words[1]])
        # The orchestrator takes longer to start than all of the rest, and has a test of its own.
        extra = ["--no-orchestration"] if words[1] == "convert" else []
        # In this process, where the networks may be loaded already.
        result = CliRunner().invoke(app, [*(places.get(word, word) for word in words[1:]), *extra])
        if "diffusion" in words and isinstance(result.exception, WeightsError):
            # Its weights are fetched from hubs; tests/flows/recipes/test_diffusion.py runs it with small random ones.
            assert "run: anonflow models pull --profile diffusion" in str(result.exception)
            continue
        assert result.exit_code == 0 and "published" in result.output, result.output
        done.add(words[1])
    assert done == set(sources)
    out = tmp_path / "destination"
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    assert len([name for name in written if re.fullmatch(r"videos/[a-z2-7]{16}\.mp4", name)]) == 1
    assert {"manifest.parquet", "manifest.jsonl"} <= written
    assert (tmp_path / "report" / "index.html").is_file()
