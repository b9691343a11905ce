"""Shared by all tests: where real footage lies, and made footage."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = ["tests.lanes", "tests.memory"]

# How long an example takes says more about what else the machine does.
hypothesis.settings.register_profile("anonflow", deadline=None)
hypothesis.settings.load_profile("anonflow")

# These start a database, a server and a store; `make test-integration` asks for them.
collect_ignore = [] if os.environ.get("ANONFLOW_INTEGRATION") else ["integration"]

SHARED = Path(os.environ.get("ANONFLOW_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with test material that is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"test material not found at {SHARED.name}/ beside the repository; set ANONFLOW_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def clip(shared: Path) -> Callable[[str], Path]:
    """Path of a named clip of real footage; skips when it is missing."""

    def find(name: str) -> Path:
        path = shared / "clips" / name
        if not path.is_file():
            pytest.skip(f"clip {name} is missing from the test material")
        return path

    return find


Make = Callable[..., Path]


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., None]:
    """Run ffmpeg to make test material."""

    def run(*arguments: str | Path) -> None:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
        subprocess.run(command, check=True, timeout=120)

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Callable[..., None]) -> Make:
    """Make a short synthetic video: made("name.mp4", "-pix_fmt", ..., size="320x180", frames=12, tracks=1)."""
    folder = tmp_path_factory.mktemp("made")

    def make(name: str, *options: str, size: str = "160x120", frames: int = 12, tracks: int = 1) -> Path:
        # One folder for each way to make it: two tests that ask for other videos by one name get their own.
        asked = repr((options, size, frames, tracks))
        path = folder / hashlib.sha256(asked.encode()).hexdigest()[:8] / name
        if path.exists():
            return path
        path.parent.mkdir(exist_ok=True)
        seconds = frames / 12
        inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=12:duration={seconds}"]
        maps = ["-map", "0:v"]
        for number in range(tracks):
            inputs += ["-f", "lavfi", "-i", f"sine=frequency={300 + 200 * number}:duration={seconds}"]
            maps += ["-map", f"{number + 1}:a"]
        ffmpeg(*inputs, *maps, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *options, path)
        return path

    return make


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private home: cache, key and scratch lie below it and nothing of the user's is touched."""
    use_home(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


def use_home(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a folder the private home; for fixtures of a module, which `home` is too short-lived for."""
    patch.setenv("XDG_CACHE_HOME", str(root))
    for name in ("ANONFLOW_CACHE_URL", "ANONFLOW_KEY_FILE", "ANONFLOW_SCRATCH"):
        patch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with small random diffusion models, laid out as a pull of the real ones lays them out."""
    pytest.importorskip("diffusers", reason="the diffusion models need: pip install 'anonflow[diffusion]'")
    from tests.reference import diffusion_files

    folder = tmp_path_factory.mktemp("hub")
    diffusion_files.write(folder)
    return folder
