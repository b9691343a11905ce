from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from infra.errors import MediaError
from infra.media.limits import MediaLimits
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage import serialise
from tasks.analysis import probe


def test_facts_of_a_made_video(made: Callable[..., Path]) -> None:
    info = probe.run(made("tracks.mp4", tracks=3), Settings())
    assert (info.width, info.height, info.frame_count, info.fps) == (160, 120, 12, Fraction(12))
    assert info.duration >= 1
    assert [stream.kind for stream in info.streams] == ["video"] + ["audio"] * 3
    assert set(info.audio.values()) == {"aac"}
    assert [info.seconds(n) for n in (0, 6)] == [0, 0.5]


def test_odd_sides_need_full_colour(made: Callable[..., Path]) -> None:
    odd = made("odd444.mp4", "-pix_fmt", "yuv444p", "-vf", "scale=161:121")
    assert probe.run(odd, Settings()).pixel_format == "yuv444p"
    assert probe.run(made("plain.mp4"), Settings()).pixel_format == "yuv420p"


def test_exact_fractions(clip: Callable[[str], Path]) -> None:
    info = probe.run(clip("googlework_short.mp4"), Settings())
    assert (info.fps, info.time_base, info.frame_count) == (Fraction(30000, 1001), Fraction(1, 30000), 1026)
    assert int(info.pts[0]) * info.time_base == Fraction(834, 1000)
    variable = probe.run(clip("pyfeat_face_noface.mov"), Settings())
    assert len(set(np.diff(variable.pts).tolist())) > 1
    assert variable.duration == Fraction(6402018, 1000000)


def test_result_can_be_stored(made: Callable[..., Path]) -> None:
    info = probe.run(made("plain.mp4"), Settings())
    back = serialise.loads(serialise.dumps(info), VideoInfo)
    np.testing.assert_array_equal(back.pts, info.pts)
    for name in VideoInfo.__dataclass_fields__:
        if name != "pts":
            assert getattr(back, name) == getattr(info, name)


def test_limits_are_passed_on(made: Callable[..., Path]) -> None:
    with pytest.raises(MediaError) as caught:
        probe.run(made("plain.mp4"), Settings(), MediaLimits(max_bytes=1))
    assert caught.value.reason == "too_large"
