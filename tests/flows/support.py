"""A stand-in for the chain of stages, so that the flows can be tested without networks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from flows.manifest.rows import VideoRow
from flows.prefect.preparation import convert_in_flow
from flows.recipes.catalogue import named
from flows.recipes.context import Context, StageResult
from flows.run.convert import Summary, convert
from flows.run.sources import VIDEO_SUFFIXES, find
from flows.run.video import run_recipe
from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.mux import join_sound
from infra.media.video_info import VideoInfo
from infra.privacy import digest_file
from infra.settings import Settings
from tasks.analysis import scenes
from tasks.output.publish import AuditedFile
from tasks.records import Verdict
from tasks.stage import Advance


class Collector:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.stages: list[tuple[int, str, str]] = []
        self.rows: list[tuple[VideoRow, bool]] = []
        self.lock = threading.Lock()

    def stage(self, ordinal: int, public_id: str, name: str, done: int, total: int) -> None:
        with self.lock:
            if done == 0:
                self.stages.append((ordinal, public_id, name))

    def finished(self, row: VideoRow, reused: bool) -> None:
        with self.lock:
            self.rows.append((row, reused))

    def unchanged(self, count: int) -> None:
        self.reused = count


def grey_chain(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """Every frame grey: the real media path and the real scene stage, no networks."""
    found = scenes.consumer_for(context.settings, source, info)
    with open_frames(source, info) as frames:
        for frame in frames:
            found.push(frame.index, frame.small_bgr(context.settings.scene_side))
    context.found(scenes=len(found.finish(info.frame_count)))
    encoded, finished = context.folder / "encoded.mp4", context.folder / "finished.mp4"

    def paint(advance: Advance) -> None:
        with (
            open_frames(source, info) as frames,
            open_encoder(encoded, info, preset="ultrafast", threads=1) as out,
        ):
            for frame in frames:
                for plane in frame.planes:
                    plane[:] = 128
                out.write(frame)
                advance(frame.index + 1)

    context.stage("reassemble", paint, info.frame_count)
    read = join_sound(encoded, source, info, finished)
    context.found(audio_streams=read.audio_streams, audio_copied=read.copied)
    return StageResult(AuditedFile(finished, digest_file(finished)), Verdict.PUBLISHED)


def real_chain(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """The recipe that users get."""
    return run_recipe(named("", "video"), source, info, context)


def run(
    source: Path | str,
    destination: Path,
    chain: Callable[[Path, VideoInfo, Context], StageResult] = grey_chain,
    settings: Settings | None = None,
    orchestrate: bool = False,
) -> tuple[Summary, Collector]:
    """Convert without a console."""
    reporter = Collector()
    jobs = find(str(source), VIDEO_SUFFIXES, str(destination))
    through = convert_in_flow if orchestrate else None
    summary = convert(jobs, str(destination), settings or Settings(), reporter, through, chain)
    return summary, reporter
