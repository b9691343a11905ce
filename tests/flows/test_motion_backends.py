"""A whole run through a motion network: with random weights nothing that it paints is published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import sources
from flows.convert import convert
from infra.media.decode import open_frames
from infra.media.probe import probe_video
from infra.settings import OnFailure, Settings
from models import profiles, weights
from models.embedding.calibration import calibration
from models.motion.reenact import Reenactor
from tasks.records import Verdict
from tests.contracts import support as contracts
from tests.flows.support import Collector


@pytest.fixture
def short(clip: Callable[[str], Path], tmp_path: Path, ffmpeg: Callable[..., None]) -> Path:
    """Half a second of a man who talks."""
    if any(row.state != "present" for row in weights.status() if row.weight.name in profiles.weights_of("embedded")):
        pytest.skip("the weights are not in place; run anonflow models pull")
    path = tmp_path / "short.mp4"
    ffmpeg("-i", clip("grid_id2_swwp2s.mpg"), "-frames:v", "12", "-an", "-c:v", "libx264", "-crf", "10", path)
    return path


def run(short: Path, motion: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Any:
    """The row of a run whose motion network has small random weights."""
    weights_folder = folder / "weights"
    weights_folder.mkdir(exist_ok=True)

    def made(**options: Any) -> Any:
        return contracts.random_motion(motion, weights_folder, **options)

    monkeypatch.setattr(contracts, "made", made, raising=False)
    entry = profiles.Backend("tests.contracts.support:made", settings=("hard_frames",))
    monkeypatch.setitem(profiles.BACKENDS["motion"], motion, entry)
    monkeypatch.setattr(profiles, "_instances", {**profiles._instances})
    jobs = sources.find(str(short), sources.VIDEO_SUFFIXES, str(folder / "out"))
    chosen = Settings(
        backends=(("motion", motion),), cache_url=f"file://{folder / 'store'}", **{"max_attempts": 1, **settings}
    )
    return convert(jobs, str(folder / "out"), chosen, Collector(), orchestrate=False).outcomes[0].row


@pytest.mark.parametrize("motion", ["lia", "liveportrait"])
def test_what_a_network_with_random_weights_paints_is_withheld(
    motion: str, short: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = run(short, motion, tmp_path, monkeypatch)
    assert (row.verdict, row.reason) == (Verdict.WITHHELD, "twin_not_seen"), row.message
    assert row.faces_replaced == 12 and row.output == "" and not list((tmp_path / "out").rglob("*.mp4"))
    # The sources were not recognised: without a look at the twin it would have been published.
    assert all(score["recognised"] == 0 for score in row.audit)
    assert max(score["to_twin"] / calibration(score["embedder"]).far_1 for score in row.audit) > 1


def test_with_the_policy_such_a_person_is_covered(
    short: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = run(short, "lia", tmp_path, monkeypatch, on_failure=OnFailure.REDACT)
    assert (row.verdict, row.reason) == (Verdict.REDACTED, "no_safe_twin"), row.message
    result = tmp_path / "out" / row.output
    detector = contracts.load("detector", "yunet")
    with open_frames(result, probe_video(result)) as stream:
        assert not any(detector.detect([frame.to_bgr()])[0] for frame in stream)


def test_the_mesh_passes_the_same_look_at_the_twin(short: Path, tmp_path: Path, home: Path) -> None:
    jobs = sources.find(str(short), sources.VIDEO_SUFFIXES, str(tmp_path / "out"))
    settings = Settings(cache_url=f"file://{tmp_path / 'store'}", max_attempts=8)
    row = convert(jobs, str(tmp_path / "out"), settings, Collector(), orchestrate=False).outcomes[0].row
    assert row.verdict is Verdict.PUBLISHED, row.message
    assert all(score["to_twin"] < calibration(score["embedder"]).far_1 for score in row.audit)


def test_another_twin_does_not_read_the_motion_again(
    short: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    observe = Reenactor.observe

    def counted(self: Any, frames: Any, drivings: Any, rows: Any) -> Any:
        read.append(len(rows))
        return observe(self, frames, drivings, rows)

    monkeypatch.setattr(Reenactor, "observe", counted)
    row = run(short, "lia", tmp_path, monkeypatch, max_attempts=2, keep_intermediates=True)
    assert sum(read) == 12 and len({attempt["candidate"] for attempt in row.attempts}) == 2
    # Nor does another run: the templates are in the store.
    run(short, "lia", tmp_path, monkeypatch, max_attempts=3, overwrite=True)
    assert sum(read) == 12
