"""One video from its source to its verdict, in a plain function without orchestration."""

from __future__ import annotations

from pathlib import Path

from flows.recipes.context import Outcome, Services, Show, unseen
from flows.run.input_run import Case, convert_input
from flows.run.sources import Job
from infra.media.probe import VideoInfo
from infra.settings import Settings
from infra.storage.cache import Key
from tasks.analysis import probe
from tasks.output import publish


def convert_video(job: Job, settings: Settings, services: Services, show: Show = unseen) -> Outcome | None:
    """Bring one video to its verdict and record it; see `flows.run.input_run.convert_input`. show: makes stages
    visible."""

    def work(source: Path, case: Case) -> None:
        context = case.context
        key = Key("probe", probe.VERSION, context.public_id, (context.digest,))

        def look() -> VideoInfo:
            return context.cache.get_or_make(key, VideoInfo, lambda: probe.run(source, settings)).value

        info = context.stage("probe", lambda _: look())
        case.note(
            width=info.width,
            height=info.height,
            frames=info.frame_count,
            fps=str(info.fps),
            duration_s=float(info.duration),
        )
        context.clock.allowed_s = settings.allowed_s(float(info.duration))
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

    return convert_input(job, settings, services, publish.output_path, work, show)
