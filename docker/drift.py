"""Show where an install of today differs from what was tested: new releases, and packages that are new or gone.

    python docker/drift.py [CONSTRAINTS] [EXTRA ...]

Nothing is installed: pip resolves anonflow with the extras and without constraints, as a fresh environment would.
`make test LOCK= VENV=.venv-fresh` then says whether the suite passes with the new releases.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
# Brought along by the build of torch for cards; docker/pin.py leaves them out too.
_OF_CARDS = ("cuda-", "nvidia-", "triton")


def tested(constraints: str) -> dict[str, str]:
    """Name -> version of the lines `name==version` of a constraints file's text."""
    lines = (line.partition("#")[0].strip() for line in constraints.splitlines())
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def resolved(report: Mapping[str, Any]) -> dict[str, str]:
    """Name -> public version of what pip would install, from the report that `pip install --report` writes."""
    found = {canonicalize_name(item["metadata"]["name"]): item["metadata"]["version"] for item in report["install"]}
    return {
        name: Version(version).public
        for name, version in found.items()
        if name != "anonflow" and not name.startswith(_OF_CARDS)
    }


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(name, tested version, version of today) of every package whose versions differ; "-" where there is none."""
    pairs = ((name, old.get(name, "-"), new.get(name, "-")) for name in sorted({*old, *new}))
    return [(name, before, now) for name, before, now in pairs if before != now]


def today(extras: list[str]) -> dict[str, Any]:
    """pip's report on a fresh install of this project. Raises CalledProcessError when pip finds no solution."""
    wanted = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "--dry-run", "--ignore-installed", "--report", "-", wanted]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Print a line per package that differs. Exit code 1 when one does."""
    name, *extras = sys.argv[1:] or ["docker/constraints.txt"]
    found = differences(tested((ROOT / name).read_text("utf-8")), resolved(today(extras)))
    for package, before, now in found:
        print(f"{package:32} tested {before:16} today {now}")
    print(f"{len(found)} packages differ from {name}.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
