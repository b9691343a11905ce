"""The whole chain with real networks, on a few real frames."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from flows import stages
from infra.errors import WeightsError
from infra.media.frame import YuvFrame
from infra.media.probe import VideoInfo, probe_video
from infra.settings import OnFailure, Settings
from models import weights
from tasks.records import Verdict
from tests.contracts import support as contracts
from tests.flows.support import run


def test_a_few_real_frames_become_somebody_else(tmp_path: Path, ffmpeg: Callable[..., None]) -> None:
    contracts.load("embedder", "facenet")
    source = tmp_path / "short.mp4"
    try:
        clip = weights.path("demo-clip")
    except WeightsError as error:
        pytest.skip(str(error))
    ffmpeg("-i", clip, "-t", "0.4", "-c:v", "libx264", "-crf", "12", "-c:a", "copy", source)
    settings = Settings(cache_url=f"file://{tmp_path}/cache", on_failure=OnFailure.REDACT)
    summary, _ = run(source, tmp_path / "out", stages.run_stages, settings)
    row = summary.outcomes[0].row
    assert row.verdict in (Verdict.PUBLISHED, Verdict.REDACTED), row.message
    result = probe_video(tmp_path / "out" / row.output)
    info = probe_video(source)
    assert row.frames == result.frame_count == info.frame_count
    assert np.array_equal(result.pts - result.pts[0], (info.pts - info.pts[0]) * (info.time_base / result.time_base))
    assert row.faces_replaced + row.faces_redacted >= info.frame_count and row.audio_copied
    assert all(score["recognised"] == 0 for score in row.audit)
    assert row.identities == 1 and 1 <= len(row.attempts) <= settings.max_attempts


def test_nothing_is_published_when_the_audit_saw_a_frame_less_than_the_source_has(
    made: Callable[..., Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = made("plain.mp4")
    contracts.load("detector", "yunet")
    whole, _ = run(source, tmp_path / "out", stages.run_stages)
    assert whole.outcomes[0].row.verdict is Verdict.PUBLISHED
    opened = stages.open_frames

    @contextlib.contextmanager
    def lossy(path: Path, info: VideoInfo) -> Iterator[Iterator[YuvFrame]]:
        with opened(path, info) as frames:
            yield (frame for frame in frames if path.name != "finished.mp4" or frame.index != 5)

    monkeypatch.setattr(stages, "open_frames", lossy)
    settings = Settings(overwrite=True, on_failure=OnFailure.REDACT)
    row = run(source, tmp_path / "out", stages.run_stages, settings)[0].outcomes[0].row
    assert (row.verdict, row.reason, row.output) == (Verdict.WITHHELD, "audit_incomplete", "")
    assert "11 frames" in row.message and "12" in row.message
    assert not list((tmp_path / "out" / "videos").iterdir()), "the earlier result must go too"
