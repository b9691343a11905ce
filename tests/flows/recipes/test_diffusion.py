"""`anonflow convert --profile diffusion`, whole: small random networks from files in the real layouts, real rules.

What random networks paint is no face, so nothing of theirs is published. Where a test needs faces, a stand-in for the
denoising alone paints synthetic people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.recipes.context import Context, StageResult
from flows.run import convert as converting
from flows.run import sources
from flows.run.convert import convert
from infra.errors import Withheld
from infra.media.decode import open_frames
from infra.media.probe import probe_video
from infra.media.video_info import VideoInfo
from infra.settings import OnFailure, Settings
from models.selection import profiles
from models.weights import weight_files
from tasks.records import Verdict
from tests.contracts import support as contracts
from tests.flows.support import Collector

pytest.importorskip("diffusers", reason="the diffusion models need: pip install 'anonflow[diffusion]'")

from models.inpainting.controlnet import conditions, pipeline
from models.inpainting.controlnet.schedule import parameters_of
from tests.reference import hub_folder, painter

SEEN = (("detector", "retinaface-mobilenet"),)
"""The random detector finds nobody; the stages behind it need faces."""
MESH = (("motion", "mesh"),)
FRAMES = 6


@pytest.fixture
def short(clip: Callable[[str], Path], tmp_path: Path, ffmpeg: Callable[..., None]) -> Path:
    """A quarter of a second of a man who talks."""
    path = tmp_path / "short.mp4"
    ffmpeg("-i", clip("grid_id2_swwp2s.mpg"), "-frames:v", str(FRAMES), "-an", "-c:v", "libx264", "-crf", "10", path)
    return path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What reaches the diffusers pipeline, call by call; it takes two of its steps, which is enough for random nets."""
    result: list[dict[str, Any]] = []
    kind = pipeline.diffusers.StableDiffusionControlNetInpaintPipeline
    real = kind.__call__

    def spy(self: Any, **options: Any) -> Any:
        result.append(options)
        return real(self, **{**options, "num_inference_steps": 2})

    monkeypatch.setattr(kind, "__call__", spy)
    return result


@pytest.fixture
def laid_out(hub: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Make a weights folder for both profiles; looks: see tests.reference.deepface_files."""

    def lay_out(looks: Any = "apart") -> Path:
        folder = tmp_path / "weights"
        return folder if folder.is_dir() else hub_folder.lay_out(folder, hub, monkeypatch, looks)

    yield lay_out
    hub_folder.forget()


@pytest.fixture
def run(
    laid_out: Callable[..., Path], tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Convert the short clip and return its row."""

    def moved(**options: Any) -> Any:
        folder = tmp_path / "motion"
        folder.mkdir(exist_ok=True)
        return contracts.random_motion("liveportrait", folder, **options)

    def go(looks: Any = "apart", **settings: Any) -> Any:
        laid_out(looks)
        # The released sizes are fixed in code, so a small network needs an entry of its own.
        monkeypatch.setattr(contracts, "made", moved, raising=False)
        entry = profiles.Backend("tests.contracts.support:made", settings=("hard_frames",))
        monkeypatch.setitem(profiles.BACKENDS["motion"], "liveportrait", entry)
        jobs = sources.find(str(short), sources.VIDEO_SUFFIXES, str(tmp_path / "out"))
        wanted = {"profile": "diffusion", "max_attempts": 3, "cache_url": f"file://{tmp_path / 'store'}", **settings}
        collector = Collector()
        row = convert(jobs, str(tmp_path / "out"), Settings(**wanted), collector).outcomes[0].row
        assert row.profile == wanted["profile"]
        row.__dict__["stages"] = {name for _, _, name in collector.stages}
        return row

    return go


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Synthetic people instead of what random networks paint."""
    monkeypatch.setattr(pipeline, "paint", painter.paint)
    monkeypatch.setattr(conditions, "control_images", painter.no_controls)
    monkeypatch.setattr(conditions, "Annotators", painter.NoAnnotators)


def faces_in(result: Path) -> int:
    """On how many frames of a video the audit's detector sees a face."""
    detector = contracts.load("detector", "yunet")
    with open_frames(result, probe_video(result)) as stream:
        return sum(bool(detector.detect([frame.to_bgr()])[0]) for frame in stream)


def test_a_detector_that_misses_everybody_lets_nobody_through(run: Callable[..., Any], tmp_path: Path) -> None:
    row = run()
    assert {"retinaface-resnet50", "controlnet", "vgg-face", "deepface-race", "liveportrait"} <= set(row.backends)
    # The audit found the face that was not replaced, and had it covered.
    assert (row.verdict, row.reason) == (Verdict.REDACTED, "stray_face"), row.message
    assert row.faces_replaced == 0 and faces_in(tmp_path / "out" / row.output) == 0


def test_retries_follow_the_schedule_and_when_all_fail_nobody_is_shown(
    run: Callable[..., Any], calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    row = run(backends=SEEN, keep_intermediates=True)
    assert (row.verdict, row.reason) == (Verdict.WITHHELD, "no_face_painted"), row.message
    assert not list((tmp_path / "out").rglob("*.mp4"))
    assert [a["reason"] for a in row.attempts] == ["no_face_painted"] * 3
    assert [a["made_with"] for a in row.attempts] == [parameters_of(k).record() for k in (1, 2, 3)]
    assert [c["guidance_scale"] for c in calls] == [8.0, 9.0, 10.0]
    assert [c["num_inference_steps"] for c in calls] == [35, 40, 45]
    assert [c["controlnet_conditioning_scale"] for c in calls] == [
        [0.9, 0.4, 0.3],
        [0.81, 0.36, 0.27],
        [0.72, 0.32, 0.24],
    ]
    assert len({c["generator"][0].initial_seed() for c in calls}) == 3
    assert {"faces", "samples", "identities", "attributes", "motion", "references", "twin"} <= row.stages
    # With the other policy the person is covered; the attempts are known, so none is made again.
    covered = run(backends=SEEN, on_failure=OnFailure.REDACT)
    assert (covered.verdict, covered.reason) == (Verdict.REDACTED, "no_safe_twin"), covered.message
    assert covered.faces_redacted == FRAMES and covered.faces_replaced == 0 and len(calls) == 3
    assert [a["made_with"] for a in covered.attempts] == [a["made_with"] for a in row.attempts]
    assert faces_in(tmp_path / "out" / covered.output) == 0


def test_the_verifier_rejects_what_vgg_face_finds_too_near(run: Callable[..., Any], painted: None) -> None:
    row = run(looks="alike", backends=SEEN + MESH)
    assert (row.verdict, row.reason) == (Verdict.WITHHELD, "too_close"), row.message
    assert [a["reason"] for a in row.attempts] == ["too_close"] * 3
    # Strangers in place are as near, so no more is asked than two thirds of the threshold of 0.3.
    assert all(0 <= a["distance"] <= a["threshold"] == pytest.approx(0.2) for a in row.attempts)
    assert [a["made_with"]["guidance"] for a in row.attempts] == [8.0, 9.0, 10.0]
    assert len({a["candidate"] for a in row.attempts}) == 3


def test_what_the_verifier_accepts_still_has_to_pass_the_audit(
    run: Callable[..., Any], painted: None, tmp_path: Path
) -> None:
    row = run(backends=SEEN + MESH, max_attempts=8)
    assert row.verdict is Verdict.PUBLISHED, (row.reason, row.message)
    last = row.attempts[-1]
    assert last["accepted"] and last["distance"] > last["threshold"] == 0.3
    # FaceNet makes nothing in this profile, so it judges too.
    assert {score["embedder"] for score in row.audit} == {"dlib-resnet", "sface", "facenet"}
    assert all(score["recognised"] == 0 for score in row.audit)
    assert row.faces_replaced == FRAMES and len(list((tmp_path / "out").rglob("*.mp4"))) == 1


def test_a_mixed_run_by_names_on_the_command_line(
    laid_out: Callable[..., Path], painted: None, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = laid_out()
    for name in ("vgg-face", "retinaface-resnet50", "deepface-age"):
        # What a run does not use need not be there.
        (folder / weight_files.entry(name).file).unlink()
    arguments = ["convert", str(short), str(tmp_path / "out"), "--no-orchestration", "--max-attempts", "8"]
    chosen = ["--detector", "retinaface-mobilenet", "--inpainter", "controlnet"]
    done = CliRunner().invoke(app, [*arguments, *chosen])
    assert done.exit_code == 0, done.output
    assert "published" in done.output
    row = CliRunner().invoke(app, [*arguments, *chosen])
    assert "Nothing to do" in row.output
    begun: list[Path] = []

    def noted(source: Path, info: VideoInfo, context: Context) -> StageResult:
        begun.append(source)
        raise Withheld("seen", "")

    # Without the diffusion inpainter it is another run.
    monkeypatch.setattr(converting, "run_recipe", lambda recipe, *rest: noted(*rest))
    assert "Nothing to do" not in CliRunner().invoke(app, arguments).output and len(begun) == 1
