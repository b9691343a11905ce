"""Probe: what the input is, and whether it can be processed at all."""

from __future__ import annotations

from pathlib import Path

from infra.media.limits import MediaLimits
from infra.media.probe import probe_video
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from tasks.analysis.frame_source import LocalFile
from tasks.stage import Work, stage

VERSION = 2


@stage("probe", "probe", VERSION)
def probe(work: Work, file: LocalFile) -> VideoInfo:
    """Examine a video, see `run`.

    Args:
        work: Holds the settings.
        file: The video.

    Returns:
        Its time, geometry and streams.
    """
    return run(file.path, work.settings)


def run(source: Path, settings: Settings, limits: MediaLimits | None = None) -> VideoInfo:
    """Examine a local video file.

    Args:
        source: The file.
        settings: Of the run.
        limits: Of what is accepted, the usual ones when None.

    Returns:
        Everything later stages need to know about its time, geometry and streams.

    Raises:
        MediaError: With a stable reason, for an input that cannot be processed.
    """
    return probe_video(source, limits, threads=settings.threads)
