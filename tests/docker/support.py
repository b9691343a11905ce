"""Reading the containers' files as those who run them do."""

from __future__ import annotations

import copy
import functools
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = [ROOT / "docker" / "Dockerfile", ROOT / "docker" / "Dockerfile.gpu"]
SCRIPTS = [ROOT / "docker" / "entry.sh", ROOT / "infra" / "compose" / "prepare.sh"]
KUBERNETES = ROOT / "infra" / "kubernetes"
POOLS = [ROOT / "docker" / "work-pool.json", KUBERNETES / "work-pool.json"]
# What prepare.sh writes, here with values that cannot be mistaken for anything else.
PREPARED = {
    "DATABASE_PASSWORD": "0d",
    "SERVER_PASSWORD": "05",
    "STORE_ACCESS_KEY": "0a",
    "STORE_SECRET_KEY": "0c",
    "WORKER_UID": "1000",
}
FOLDERS = {"SOURCE": "/data/raw", "DESTINATION": "/data/clean"}
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:-|:\?)([^}]*))?\})")


class Unset(Exception):
    """Compose would stop: a variable without which it must not start is unset or empty."""


def script(name: str) -> ModuleType:
    """A script below docker/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docker" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """A Compose file's text with its variables filled in. Raises Unset as Compose stops."""

    def fill(match: re.Match[str]) -> str:
        dollar, name, rule, word = match.groups()
        if dollar:
            return "$"
        if values.get(name):
            return values[name]
        if rule == ":?":
            raise Unset(f"{name}: {word}")
        return word if rule == ":-" else ""

    return _VARIABLE.sub(fill, text)


def compose(name: str = "compose.yaml", values: Mapping[str, str] = PREPARED | FOLDERS) -> dict[str, Any]:
    """A Compose file below infra/, as Compose understands it."""
    return yaml.safe_load(interpolated((ROOT / "infra" / name).read_text("utf-8"), values))


def manifests() -> list[tuple[str, dict[str, Any]]]:
    """(file, object) of everything that Kubernetes is given; the caller's own copy."""
    return copy.deepcopy(_manifests())


@functools.cache
def _manifests() -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.relative_to(KUBERNETES).as_posix(), document)
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text("utf-8"))
    ]


def named(kind: str, name: str) -> dict[str, Any]:
    """The object of this kind and name."""
    (found,) = [d for _, d in manifests() if d["kind"] == kind and d["metadata"]["name"] == name]
    return found


def pod_of(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The pod template in a Deployment or Job, None for other kinds."""
    return document["spec"]["template"] if document["kind"] in ("Deployment", "Job") else None


def job_of_pool(**chosen: Any) -> dict[str, Any]:
    """The Kubernetes job that the work pool's template gives with its defaults."""
    from prefect.utilities.templating import apply_values

    pool = json.loads((KUBERNETES / "work-pool.json").read_text("utf-8"))
    values = {name: rule.get("default") for name, rule in pool["variables"]["properties"].items()}
    values |= {"command": ["prefect", "flow-run", "execute"], "name": "shard", "env": [], **chosen}
    return apply_values(pool["job_configuration"], values)["job_manifest"]


def pods() -> list[tuple[str, dict[str, Any]]]:
    """(where, pod template) of every pod that may ever run, those of the work pool included."""
    found = [(f"{d['kind']} {d['metadata']['name']}", pod) for _, d in manifests() if (pod := pod_of(d)) is not None]
    return [*found, ("work pool", job_of_pool()["spec"]["template"])]


def containers(pod: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Containers of a pod, those that run first included."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def tool(name: str, package: str) -> str:
    """A linter's path; skips the test when its package is not installed."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{package} is not installed: pip install '.[containers]'")
    return found


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever that is."""
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False, **options)


def instructions(path: Path) -> list[tuple[str, str]]:
    """(keyword, rest) of a Dockerfile's instructions, continued lines joined and comments left out."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    words = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(word[0].upper(), word[1].strip()) for word in words]


def environment(path: Path) -> dict[str, str]:
    """What the last stage of a Dockerfile sets with ENV."""
    found: dict[str, str] = {}
    for keyword, rest in instructions(path):
        if keyword == "FROM":
            found = {}
        elif keyword == "ENV":
            found |= dict(re.findall(r"(\w+)=(\S+)", rest))
    return found
