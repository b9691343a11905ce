"""What the images and `make` install is pinned, all of it, to versions that pyproject.toml allows."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.docker.support import ROOT, script

FILES = {
    "constraints.txt": (),
    "constraints-diffusion.txt": ("diffusion",),
    "constraints-tests.txt": ("dev", "torch", "diffusion", "containers", "integration"),
}
each = pytest.mark.parametrize("name", FILES)


@pytest.fixture(scope="module")
def pin() -> ModuleType:
    return script("pin")


def pinned(name: str) -> dict[str, Version]:
    lines = (ROOT / "docker" / name).read_text("utf-8").splitlines()
    words = [line.split("==") for line in lines if not line.startswith("#")]
    return {package: Version(version) for package, version in words}


@each
def test_what_pyproject_asks_for_is_pinned_within_its_bounds(name: str, pin: ModuleType) -> None:
    versions = pinned(name)
    for requirement in pin.wanted(FILES[name]):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is missing from {name}: run docker/pin.py"
        assert version in requirement.specifier, f"{requirement} does not allow {version}: run docker/pin.py"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="The constraints are those of Python 3.11.")
@each
def test_what_those_bring_along_is_pinned_too(name: str, pin: ModuleType) -> None:
    try:
        needed = pin.closure(pin.wanted(FILES[name]))
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed here")
    assert set(needed) == set(pinned(name)), "run docker/pin.py"


@each
def test_every_version_can_be_had_from_an_index(name: str) -> None:
    assert not [package for package, version in pinned(name).items() if version.local or version.is_prerelease]


def test_the_plain_image_has_no_torch() -> None:
    assert {"torch", "torchvision", "onnxruntime", "opencv-contrib-python-headless"}.isdisjoint(
        pinned("constraints.txt")
    )


def test_the_images_have_the_versions_of_the_tests() -> None:
    plain, diffusion, tests = map(pinned, FILES)
    assert plain.items() <= diffusion.items() <= tests.items()


@pytest.mark.skipif(not os.environ.get("ANONFLOW_LOCK"), reason="This environment was not made by make.")
def test_these_tests_run_on_what_is_pinned() -> None:
    installed = {}
    # setuptools comes with a new environment of Python 3.11, whatever is pinned.
    for name in pinned("constraints-tests.txt").keys() - {"setuptools"}:
        try:
            installed[name] = Version(Version(version(name)).public)
        except PackageNotFoundError:
            # Of an extra that this environment goes without, or of another Python.
            continue
    wanted = pinned("constraints-tests.txt")
    apart = [f"{name} {found}, not {wanted[name]}" for name, found in installed.items() if found != wanted[name]]
    assert not apart, f"remove .venv and run make setup: {', '.join(apart)}"


def test_no_scheduler_meets_a_database_layer_that_it_cannot_use(pin: ModuleType) -> None:
    """flows/prefect/server/test_schedules.py shows the pair at work; this names it when somebody widens the bound."""
    (bound,) = [requirement for requirement in pin.wanted() if requirement.name == "sqlalchemy"]
    assert "2.0.58" in bound.specifier
    assert "2.1.9" not in bound.specifier


def test_the_closure_follows_extras_and_markers(pin: ModuleType) -> None:
    found = pin.closure([Requirement("httpx[http2]")])
    assert "h2" in found
    assert "h2" not in pin.closure([Requirement("httpx")])
    assert not [name for name in found if name in ("colorama", "pywin32")]


def test_the_libraries_of_cards_are_left_to_torch(pin: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that both builds of torch, for cards and for processors, give the same file."""
    brought = {"torch": ["sympy", "nvidia-cublas==13.1", "cuda-toolkit[nvtx]==13.0", "triton==3.7"], "sympy": []}
    monkeypatch.setattr(pin, "distribution", lambda name: SimpleNamespace(version="2.0+cpu", requires=brought[name]))
    assert pin.closure([Requirement("torch")]) == {"torch": "2.0", "sympy": "2.0"}


def test_both_dockerfiles_build_with_the_pinned_setuptools() -> None:
    version = pinned("constraints-diffusion.txt")["setuptools"]
    assert f'"setuptools=={version}"' in Path(ROOT / "docker" / "Dockerfile").read_text("utf-8")
