from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import ToolError
from infra.media.probe import probe_video
from infra.settings import SceneBackend, Settings
from tasks.analysis.scenes import SceneConsumer, merge_similar
from tests.tasks.support import scenes_of

# Found by looking: every frame that begins a new shot in googlework_short.mp4.
CUTS = [17, 36, 54, 73, 93, 111, 130, 149, 167, 186, 204, 222, 291, 432, 540, 609, 710, 769, 819, 949]


@pytest.mark.parametrize(
    ("backend", "missed", "extra"), [(SceneBackend.PYSCENEDETECT, 1, 1), (SceneBackend.FFMPEG, 0, 0)]
)
def test_many_cuts(backend: SceneBackend, missed: int, extra: int, clip: Callable[[str], Path]) -> None:
    source = clip("googlework_short.mp4")
    info = probe_video(source)
    found = scenes_of(source, Settings(scene_backend=backend))
    starts = {scene.first for scene in found} - {0}
    assert len(set(CUTS) - starts) <= missed
    assert len(starts - set(CUTS)) <= extra
    assert found[0].first == 0
    assert found[-1].last == info.frame_count - 1
    assert all(one.last + 1 == two.first for one, two in itertools.pairwise(found))


@pytest.mark.parametrize("backend", list(SceneBackend))
def test_one_cut_in_a_variable_rate_video(backend: SceneBackend, clip: Callable[[str], Path]) -> None:
    source = clip("pyfeat_face_noface.mov")
    info = probe_video(source)
    starts = [scene.first for scene in scenes_of(source, Settings(scene_backend=backend))]
    assert starts[1] == 72
    assert info.seconds(72) == pytest.approx(2.4)
    assert all(start < 75 for start in starts)


class _Fixed:
    def __init__(self, cuts: list[int]) -> None:
        self.cuts = cuts

    def push(self, frame_index: int, small_bgr: object) -> None:
        assert frame_index >= 0

    def finish(self) -> list[int]:
        return self.cuts


def consume(
    colours: list[tuple[int, int, int]], cuts: list[int], similarity: float = 2.0
) -> list[tuple[int, int, int]]:
    consumer = SceneConsumer(_Fixed(cuts), similarity)
    for index, colour in enumerate(colours):
        consumer.push(index, np.full((4, 6, 3), colour, np.uint8))
    return [(scene.scene_id, scene.first, scene.last) for scene in consumer.finish(len(colours))]


def test_returning_shots_share_an_id() -> None:
    red, blue = (0, 0, 200), (200, 0, 0)
    assert consume([red, red, blue, blue, red], [2, 4]) == [(0, 0, 1), (1, 2, 3), (0, 4, 4)]


def test_similarity_is_a_strict_bound() -> None:
    assert consume([(10, 10, 10), (12, 12, 12)], [1]) == [(0, 0, 0), (1, 1, 1)]
    assert consume([(10, 10, 10), (11, 12, 12)], [1]) == [(0, 0, 0), (0, 1, 1)]
    assert consume([(10, 10, 10), (60, 60, 60)], [1], similarity=51) == [(0, 0, 0), (0, 1, 1)]


def test_groups_move_to_their_mean_and_the_nearest_wins() -> None:
    looks = [np.full(3, value, float) for value in (0.0, 3.0, 1.6)]
    assert merge_similar(looks, [1, 1, 1], 2.0) == [0, 1, 1]
    looks = [np.full(3, value, float) for value in (0.0, 1.9, 2.8)]
    assert merge_similar(looks, [1, 1, 1], 2.0) == [0, 0, 0]
    assert merge_similar(looks, [9, 1, 1], 2.0) == [0, 0, 1]


@given(st.lists(st.integers(-2, 40)), st.integers(1, 30))
def test_scenes_cover_the_video(cuts: list[int], count: int) -> None:
    found = consume([(1, 2, 3)] * count, cuts)
    covered = [frame for _, first, last in found for frame in range(first, last + 1)]
    assert covered == list(range(count))


def test_gaps_are_refused() -> None:
    consumer = SceneConsumer(_Fixed([]), 2.0)
    small = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ToolError):
        consumer.push(1, small)
    consumer.push(0, small)
    for count in (0, 2):
        with pytest.raises(ToolError):
            consumer.finish(count)
