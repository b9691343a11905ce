"""A file whose people lie on their side is turned for processing and turned back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.settings import Settings
from models.detection.turned import Look, look
from tests.contracts import support as contracts
from tests.flows.support import real_chain, run


@pytest.mark.parametrize("angle", [90, 180])
def test_a_turned_clip_is_converted_and_stays_turned(
    angle: int, clip: Callable[[str], Path], ffmpeg: Callable[..., None], home: Path, tmp_path: Path
) -> None:
    contracts.load("embedder", "facenet")
    source = tmp_path / "in" / "turned.mp4"
    source.parent.mkdir()
    chain = {90: "transpose=1", 180: "hflip,vflip"}[angle]
    options = ("-frames:v", "9", "-vf", chain, "-an", "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p")
    ffmpeg("-i", clip("grid_swiz3n.mpg"), *options, source)
    summary, _ = run(source, tmp_path / "out", real_chain, Settings())
    (outcome,) = summary.outcomes
    assert (outcome.row.verdict.value, outcome.row.turned) == ("published", 360 - angle)
    assert (outcome.row.width, outcome.row.height) == ((288, 360) if angle == 90 else (360, 288))
    before, after = (cv2.VideoCapture(str(path)).read()[1] for path in (source, tmp_path / "out" / outcome.row.output))
    assert before.shape == after.shape
    detector = contracts.load("detector", "yunet", long_side=1 << 14, min_score=0.6)
    (face,) = look(detector, before, [Look(360 - angle, 640)])
    (twin,) = look(detector, after, [Look(360 - angle, 640)])
    assert np.abs(face.points - twin.points).max() < 0.12 * face.size
    embedder = contracts.load("embedder", "sface")
    one, other = embedder.embed([before, after], [face, twin])
    assert 1 - float(one @ other) > 0.6
