"""Print constraints: everything that anonflow needs, at the versions of this environment.

    python docker/pin.py > docker/constraints.txt
    python docker/pin.py diffusion > docker/constraints-diffusion.txt
    python docker/pin.py dev torch diffusion containers integration > docker/constraints-tests.txt

The first two are the images'; `make` installs with the third, so that a new release of a package changes nothing until
the tests have passed with it (`make drift` shows such releases). Run it in an environment in which they have.
Local versions (`2.13.0+cpu`) are written without their suffix.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

# Brought along by the build of torch for cards, and not by that for processors; torch itself says which versions.
_OF_CARDS = ("cuda-", "nvidia-", "triton")
PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def wanted(extras: Iterable[str] = ()) -> list[Requirement]:
    """What pyproject.toml asks for, with these extras. Raises KeyError for an extra that it does not have."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Name -> version of everything that the requirements bring along, as installed here, on this platform, but for
    the libraries of CUDA.

    Raises PackageNotFoundError when one of them is not installed.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [(requirement, extra) for requirement in requirements for extra in ("", *requirement.extras)]
    while queue:
        requirement, extra = queue.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen or name.startswith(_OF_CARDS):
            continue
        seen.add((name, extra))
        package = distribution(name)
        found[name] = Version(package.version).public
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                queue += [(needed, inner) for inner in ("", *needed.extras)]
    return found


def main() -> None:
    """Print one `name==version` per line, for the extras named on the command line."""
    extras = sys.argv[1:]
    try:
        versions = closure(wanted(extras))
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed here: install anonflow with the same extras first.")
    print(
        f"# Written by docker/pin.py {' '.join(extras)}".rstrip() + ", from an environment in which the tests passed."
    )
    for name in sorted(versions):
        print(f"{name}=={versions[name]}")


if __name__ == "__main__":
    main()
