"""Stage 1: what the input is, and whether it can be processed at all."""

from __future__ import annotations

from pathlib import Path

from infra.media.limits import MediaLimits
from infra.media.probe import VideoInfo, probe_video
from infra.settings import Settings

VERSION = 2


def run(source: Path, settings: Settings, limits: MediaLimits | None = None) -> VideoInfo:
    """Examine a local video file.

    Returns everything later stages need to know about its time, geometry and streams; see
    `infra.media.probe.VideoInfo`. Raises MediaError with a stable reason for an input that cannot be processed.
    """
    return probe_video(source, limits, threads=settings.threads)
