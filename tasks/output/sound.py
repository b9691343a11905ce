"""The sound of a video, joined to its finished picture."""

from __future__ import annotations

from dataclasses import replace

from infra.media.decode import open_frames
from infra.media.mux import join_sound as join
from infra.media.probe import probe_video
from infra.media.turn import open_turned
from tasks.analysis.frame_source import ENCODED, FrameSource
from tasks.output.reassemble import Rendered
from tasks.stage import Work, stage

FINISHED = "finished.mp4"
"""Name of the finished file in the scratch folder."""


@stage("join sound", "sound", 1, "3.5 (7)", cached=False, counted_as="reassemble")
def join_sound(work: Work, video: FrameSource, result: Rendered) -> Rendered:
    """Join the sound of a video to its rendered picture and read the file back.

    Args:
        work: Holds the scratch folder.
        video: The input.
        result: The rendered picture.

    Returns:
        The result with its finished file.

    Raises:
        ToolError: When the finished file is not what it must be.
        ValueError: When the input is no video.
    """
    if video.info is None:
        raise ValueError("Only a video has sound.")
    finished = work.folder / FINISHED
    finished.unlink(missing_ok=True)
    read = join(work.folder / ENCODED, video.file.path, video.info, finished)
    info = probe_video(finished)
    return replace(
        result,
        frames=open_turned(lambda: open_frames(finished, info), video.turn),
        file=finished,
        audio_copied=read.copied,
    )
