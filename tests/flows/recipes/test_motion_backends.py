"""A whole run through a motion network: with random weights nothing that it paints is published.

What the mesh paints passes the same look at the twin: tests/flows/recipes/test_stages.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.manifest.rows import VideoRow
from flows.run import sources
from flows.run.convert import convert
from infra.media.decode import open_frames
from infra.media.probe import probe_video
from infra.settings import OnFailure, Settings
from models.embedding.calibration import calibration
from models.motion.mesh.reenact import Reenactor
from models.selection import profiles
from models.weights import weight_files
from tasks.records import Verdict
from tests.contracts import support as contracts
from tests.flows.support import Collector

FRAMES = 6


@dataclass(frozen=True)
class Made:
    """A run that kept its intermediates. read: rows whose motion the network read. folder: see `run`."""

    folder: Path
    row: VideoRow
    read: int


@pytest.fixture(scope="module")
def short(clip: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, ffmpeg: Callable[..., None]) -> Path:
    """A quarter of a second of a man who talks."""
    needed = profiles.weights_of("embedded")
    if any(row.state != "present" for row in weight_files.status() if row.weight.name in needed):
        pytest.skip("the weights are not in place; run anonflow models pull")
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    options = ("-frames:v", str(FRAMES), "-an", "-c:v", "libx264", "-crf", "10")
    ffmpeg("-i", clip("grid_id2_swwp2s.mpg"), *options, path)
    return path


def run(short: Path, motion: str, folder: Path, **settings: Any) -> Made:
    """Convert by a motion network with small random weights. folder: of its weights, the store and the results."""
    weights_folder, read, observe = folder / "weights", list[int](), Reenactor.observe
    weights_folder.mkdir(exist_ok=True)

    def made(**options: Any) -> Any:
        return contracts.random_motion(motion, weights_folder, **options)

    def counted(self: Any, frames: Any, drivings: Any, rows: Any) -> Any:
        read.append(len(rows))
        return observe(self, frames, drivings, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANONFLOW_KEY_FILE", str(folder / "key"))
        patch.setattr(contracts, "made", made, raising=False)
        patch.setattr(Reenactor, "observe", counted)
        entry = profiles.Backend("tests.contracts.support:made", settings=("hard_frames",))
        patch.setitem(profiles.BACKENDS["motion"], motion, entry)
        patch.setattr(profiles, "_instances", {**profiles._instances})
        jobs = sources.find(str(short), sources.VIDEO_SUFFIXES, str(folder / "out"))
        kept = {"cache_url": f"file://{folder / 'store'}", "keep_intermediates": True, "max_attempts": 2}
        chosen = Settings(backends=(("motion", motion),), **kept | settings)
        row = convert(jobs, str(folder / "out"), chosen, Collector()).outcomes[0].row
    return Made(folder, row, sum(read))


@pytest.fixture(scope="module")
def lia(short: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Withheld after two attempts. Not to be changed: `another` runs in a copy."""
    return run(short, "lia", tmp_path_factory.mktemp("lia"))


@pytest.fixture(scope="module")
def liveportrait(short: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return run(short, "liveportrait", tmp_path_factory.mktemp("liveportrait"), max_attempts=1)


@pytest.fixture
def another(lia: Made, short: Path, tmp_path: Path) -> Callable[..., Made]:
    """Another run over the same clip, which finds what the run before has kept."""

    def go(**settings: Any) -> Made:
        shutil.copytree(lia.folder, tmp_path / "copy")
        return run(short, "lia", tmp_path / "copy", **settings)

    return go


@pytest.mark.parametrize("motion", ["lia", "liveportrait"])
def test_what_a_network_with_random_weights_paints_is_withheld(motion: str, request: pytest.FixtureRequest) -> None:
    made: Made = request.getfixturevalue(motion)
    row = made.row
    assert (row.verdict, row.reason) == (Verdict.WITHHELD, "twin_not_seen"), row.message
    assert row.faces_replaced == FRAMES and row.output == "" and not list((made.folder / "out").rglob("*.mp4"))
    # The sources were not recognised: without a look at the twin it would have been published.
    assert all(score["recognised"] == 0 for score in row.audit)
    assert max(score["to_twin"] / calibration(score["embedder"]).far_1 for score in row.audit) > 1


def test_with_the_policy_such_a_person_is_covered(another: Callable[..., Made]) -> None:
    covered = another(on_failure=OnFailure.REDACT)
    assert (covered.row.verdict, covered.row.reason) == (Verdict.REDACTED, "no_safe_twin"), covered.row.message
    result = covered.folder / "out" / covered.row.output
    detector = contracts.load("detector", "yunet")
    with open_frames(result, probe_video(result)) as stream:
        assert not any(detector.detect([frame.to_bgr()])[0] for frame in stream)


def test_another_twin_does_not_read_the_motion_again(lia: Made, another: Callable[..., Made]) -> None:
    assert lia.read == FRAMES and len({attempt["candidate"] for attempt in lia.row.attempts}) == 2
    # Nor does another run: the templates are in the store.
    more = another(max_attempts=3, overwrite=True)
    assert more.read == 0 and len({attempt["candidate"] for attempt in more.row.attempts}) == 3
