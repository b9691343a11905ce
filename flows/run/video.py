"""One video from its source to its verdict, in a plain function without orchestration."""

from __future__ import annotations

from pathlib import Path

from flows.recipes.context import Context, StageResult, TaskWrapper, run_plain
from flows.recipes.recipe import Recipe
from flows.recipes.run import RecipeRun
from flows.recipes.runner import StageRunner
from flows.run.input_run import InputRun, convert_input
from flows.run.recording import Media
from flows.run.session import Outcome, Services
from flows.run.sources import Job
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from tasks.analysis import frame_source
from tasks.analysis.frame_source import LocalFile
from tasks.analysis.probe import probe
from tasks.output import publish
from tasks.output.publish import AuditedFile

_VIDEO = Media("video", publish.output_path)


def convert_video(job: Job, settings: Settings, services: Services, show: TaskWrapper = run_plain) -> Outcome | None:
    """Bring one video to its verdict and record it; see `flows.run.input_run.convert_input`.

    Args:
        job: The video.
        settings: Of the run.
        services: What all videos of the run share.
        show: Makes stages visible.

    Returns:
        The recorded verdict; None when another process is working on the same content.
    """

    def work(source: Path, case: InputRun) -> None:
        context = case.context
        info = probe(StageRunner(context, 0), LocalFile(source, context.digest))
        case.note(
            width=info.width,
            height=info.height,
            frames=info.frame_count,
            fps=str(info.fps),
            duration_s=float(info.duration),
        )
        context.clock.allowed_s = settings.allowed_s(float(info.duration))
        if services.stages is None:
            raise ValueError("This run converts no videos.")
        result = services.stages(source, info, context)
        case.same(source)
        done = context.stage("publish", lambda _: publish.run(result.audited, context.public_id, services.destination))
        case.note(
            verdict=result.verdict,
            reason=result.reason,
            output=done.output,
            output_sha256=done.digest,
            output_bytes=done.size,
        )

    return convert_input(job, settings, services, _VIDEO, work, show)


def run_recipe(recipe: Recipe, source: Path, info: VideoInfo, context: Context) -> StageResult:
    """Turn a probed local file into an audited one.

    Args:
        recipe: Does it.
        source: The file.
        info: What the probe found.
        context: Of the input.

    Returns:
        The audited file with its verdict.

    Raises:
        Withheld: In any doubt.
    """
    video = frame_source.of_video(LocalFile(source, context.digest), info, context.settings)
    with RecipeRun(context, video.frames, recipe.stages).working() as run:
        passed = recipe(run, video)
        result, digest = run.require_audited(passed.result)
    if result.file is None:
        raise ValueError(f"The recipe {recipe.name} made no file.")
    context.painted = result.painted
    # The file's digest as the audit left it: what was changed since is refused when it is published.
    return StageResult(AuditedFile(result.file, digest), passed.verdict, passed.reason)
