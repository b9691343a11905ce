"""The two chains between probe and publish: one for videos, one for pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.recipes import retry
from flows.recipes.analysis import Footage, Material
from flows.recipes.context import Context, StageResult
from flows.recipes.retry import Rendered
from flows.run.progress import Advance
from infra.media.decode import open_frames
from infra.media.encode import open_encoder
from infra.media.frame import YuvFrame
from infra.media.mux import join_sound
from infra.media.probe import VideoInfo, probe_video
from infra.media.readback import Readback
from infra.media.turn import Sink, TurnedSink, open_turned
from infra.privacy import digest_file
from infra.settings import Settings
from models.selection import profiles
from tasks.analysis import scenes
from tasks.analysis.faces import FaceSettings
from tasks.analysis.motion import MotionLimits
from tasks.generation.twin import TwinResult
from tasks.output import reassemble
from tasks.output.publish import AuditedFile
from tasks.output.reassemble import Extra, Painted
from tasks.records import Scene, Verdict


def run_stages(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """Turn a probed local file into an audited one. Raises Withheld whenever that is in doubt."""
    threads = context.settings.threads
    encoded, finished = context.folder / "picture.mp4", context.folder / "finished.mp4"
    footage = footage_of(source, info, context.settings)

    def finish() -> tuple[Readback, VideoInfo]:
        back = join_sound(encoded, source, info, finished)
        return back, probe_video(finished)

    def render(twins: list[TwinResult], extras: list[Extra], material: Material) -> Rendered:
        finished.unlink(missing_ok=True)
        sink = open_encoder(encoded, info, context.settings.crf, context.settings.preset, threads)
        painted = _paint(context, sink, material, twins, extras, threads)
        back, result = context.stage("sound", lambda _: finish())
        context.found(audio_streams=len(info.audio), audio_copied=back.copied)
        return Rendered(open_turned(lambda: open_frames(finished, result), material.footage.turn), painted)

    _, verdict, reason = retry.run(context, footage, render)
    return StageResult(AuditedFile(finished, digest_file(finished)), verdict, reason)


def footage_of(source: Path, info: VideoInfo, settings: Settings) -> Footage:
    """A probed local file, ready to be read."""
    return Footage(
        open=lambda: open_frames(source, info),
        size=(info.width, info.height),
        frames=info.frame_count,
        scenes=lambda: scenes.consumer_for(settings, source, info),
    )


def _paint(
    context: Context,
    opened: AbstractContextManager[Sink],
    material: Material,
    twins: list[TwinResult],
    extras: list[Extra],
    threads: int,
) -> Painted:
    """The stage that writes every frame to a sink, as the file has it; over when the sink is closed."""
    footage = material.footage
    (motion,) = profiles.load_role(context.settings, "motion")

    def paint(advance: Advance) -> Painted:
        with opened as sink:
            return reassemble.run(
                footage.open,
                TurnedSink(sink, -footage.turn),
                material.scan.tracks,
                material.identities,
                material.drivings,
                twins,
                motion,
                extras,
                threads,
                advance,
            )

    return context.stage("reassemble", paint, footage.frames)


class _OneScene:
    """A picture is one scene."""

    def push(self, frame_index: int, small_bgr: NDArray[np.uint8]) -> None:
        """Nothing to look at."""

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """One scene over all frames."""
        return (Scene(0, 0, 0, frame_count - 1),)


class _Keep:
    """Keeps the frames written to it."""

    def __init__(self) -> None:
        self.frames: list[YuvFrame] = []

    def write(self, frame: YuvFrame) -> None:
        """Keep one frame."""
        self.frames.append(frame)


def run_picture_stages(picture: NDArray[np.uint8], context: Context) -> tuple[NDArray[np.uint8], Verdict, str]:
    """Turn an upright BGR picture into one in which every face is replaced or redacted, and which passed the audit.

    Returns the picture, its verdict and reason. Raises Withheld in doubt.
    """
    kept = _Keep()
    footage = Footage(
        open=lambda: _frames_of(picture),
        size=(picture.shape[1], picture.shape[0]),
        frames=1,
        scenes=_OneScene,
        limits=MotionLimits(least_frames=1),
        faces=FaceSettings(stretch=0),
    )

    def render(twins: list[TwinResult], extras: list[Extra], material: Material) -> Rendered:
        kept.frames.clear()
        painted = _paint(context, contextlib.nullcontext(kept), material, twins, extras, threads=1)
        return Rendered(open_turned(lambda: _frames_of(kept.frames[0].to_bgr()), material.footage.turn), painted)

    _, verdict, reason = retry.run(context, footage, render)
    return kept.frames[0].to_bgr(), verdict, reason


@contextlib.contextmanager
def _frames_of(picture: NDArray[np.uint8]) -> Iterator[Iterator[YuvFrame]]:
    """A picture as a stream of one frame, with full colour resolution."""
    yield iter([YuvFrame.from_bgr(picture)])
