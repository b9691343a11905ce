"""RID-Twin's distances: to the original of the frame, and to the first frame of the video."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cosine, euclidean

from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.deidentification import (
    CONSISTENCY,
    CONSISTENCY_VARIANCE,
    LEVEL,
    LEVEL_VARIANCE,
    Distance,
    Spread,
    appearances,
    consistency,
    level,
)

BY_HAND = {
    Distance.COSINE: lambda angle: 1 - math.cos(angle),
    Distance.EUCLIDEAN: lambda angle: 2 * math.sin(angle / 2),
}


def turned(angles: list[float], person: list[int], clip: list[int], frame: list[int]) -> Faces:
    vectors = np.array([[math.cos(a), math.sin(a), 0] for a in angles], np.float32).reshape(-1, 3)
    return Faces(vectors, *(np.array(column, np.int64) for column in (person, clip, frame)))


PERSON, CLIP, FRAME = [4, 4, 4, 4, 9, 9], [1, 1, 1, 2, 3, 3], [0, 2, 1, 0, 5, 9]
ORIGINAL = turned([0.0, 0.1, 0.3, 0.2, 0.0, 0.7], PERSON, CLIP, FRAME)
ANONYMIZED = turned([1.0, 1.4, 1.2, 2.0, 0.5, 1.0], PERSON, CLIP, FRAME)


def random(seed: int, count: int) -> Faces:
    source = np.random.default_rng(seed)
    vectors = source.normal(size=(count, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    clip = np.random.default_rng(7).integers(0, 12, count)
    return Faces(vectors, clip // 3, clip, np.random.default_rng(8).permutation(count))


@pytest.mark.parametrize("kind", Distance)
def test_the_level_is_the_distance_of_the_same_frame(kind: Distance) -> None:
    found = level(ORIGINAL, ANONYMIZED, kind)
    each = [BY_HAND[kind](a) for a in (1.0, 1.3, 0.9, 1.8, 0.5, 0.3)]
    assert found.values == pytest.approx(each, abs=1e-6)
    videos = [each[:3], each[3:4], each[4:]]
    assert found.mean.value == pytest.approx(np.mean([np.mean(v) for v in videos]), abs=1e-6)
    assert found.variance.value == pytest.approx(np.mean([np.var(v) for v in videos]), abs=1e-6)
    assert found.clips.keys() == {1, 2, 3}
    for clip, video in zip((1, 2, 3), videos, strict=True):
        assert found.clips[clip] == Spread(
            pytest.approx(np.mean(video), abs=1e-6), pytest.approx(np.var(video), abs=1e-6), len(video)
        )
    assert found.mean.samples == found.variance.samples == 6 and found.mean.people == 2
    assert math.isnan(found.mean.original)
    # Both videos of person 4 or of person 9 only, at the ends.
    ends = sorted([np.mean([np.mean(videos[0]), np.mean(videos[1])]), np.mean(videos[2])])
    assert (found.mean.low, found.mean.high) == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize("kind", Distance)
def test_consistency_is_the_distance_to_the_first_frame_of_the_clip(kind: Distance) -> None:
    found = consistency(ORIGINAL, ANONYMIZED, kind)
    each = [math.nan, *(BY_HAND[kind](a) for a in (0.4, 0.2)), math.nan, math.nan, BY_HAND[kind](0.5)]
    assert found.values == pytest.approx(each, abs=1e-6, nan_ok=True)
    assert found.clips.keys() == {1, 3}
    assert found.mean.value == pytest.approx((np.mean(each[1:3]) + each[5]) / 2, abs=1e-6)
    assert found.variance.value == pytest.approx((np.var(each[1:3]) + 0) / 2, abs=1e-6)
    before = [BY_HAND[kind](a) for a in (0.1, 0.3, 0.7)]
    assert found.mean.original == pytest.approx((np.mean(before[:2]) + before[2]) / 2, abs=1e-6)
    assert found.variance.original == pytest.approx(np.var(before[:2]) / 2, abs=1e-6)
    assert found.mean.samples == 3


@pytest.mark.parametrize(("kind", "theirs"), [(Distance.COSINE, cosine), (Distance.EUCLIDEAN, euclidean)])
def test_distances_are_those_of_another_library(kind: Distance, theirs: object) -> None:
    before, after = random(1, 20_000), random(2, 20_000)
    found = level(before, after, kind).values
    for k in (0, 8191, 8192, 19_999):
        assert found[k] == pytest.approx(theirs(before.vectors[k], after.vectors[k]), abs=1e-6)
    to_first = consistency(before, after, kind).values
    for k in (3, 9000):
        own = np.flatnonzero((after.clip == after.clip[k]) & (after.person == after.person[k]))
        first = own[np.argmin(after.frame[own])]
        assert to_first[k] == pytest.approx(theirs(after.vectors[first], after.vectors[k]), abs=1e-6)


def test_two_people_of_a_clip_have_first_frames_of_their_own() -> None:
    both = turned([0.0, 2.0, 0.1, 2.3], [1, 2, 1, 2], [5, 5, 5, 5], [0, 0, 1, 1])
    found = consistency(both, both, Distance.EUCLIDEAN)
    one, two = 2 * math.sin(0.05), 2 * math.sin(0.15)
    assert found.clips == {
        5: Spread(pytest.approx((one + two) / 2), pytest.approx(((two - one) / 2) ** 2, abs=1e-6), 2)
    }
    assert found.mean.people == 2 and found.variance.value == 0 and found.mean.original == found.mean.value


def test_rows_that_are_not_the_same_faces_are_refused() -> None:
    for column in range(3):
        columns = [PERSON, CLIP, FRAME]
        columns[column] = columns[column][::-1]
        with pytest.raises(ValueError, match="not the same faces"):
            level(ORIGINAL, turned([0.0] * 6, *columns), Distance.COSINE)
    with pytest.raises(ValueError, match="not the same faces"):
        level(ORIGINAL, ANONYMIZED.take(np.arange(5)), Distance.COSINE)


def test_nothing_and_single_frames_give_no_number() -> None:
    nobody = turned([], [], [], [])
    assert not level(nobody, nobody, Distance.COSINE).mean.known and appearances(nobody) == []
    single = turned([1.0, 2.0], [1, 2], [1, 2], [0, 0])
    found = consistency(ORIGINAL, single, Distance.COSINE)
    assert not found.mean.known and found.mean.note and found.clips == {} and found.mean.original > 0


def test_appearances_are_rows_of_a_person_in_a_clip_by_frame() -> None:
    faces = turned([0.0] * 5, [2, 1, 2, 2, 1], [7, 7, 7, 3, 7], [9, 1, 4, 0, 0])
    assert [rows.tolist() for rows in appearances(faces)] == [[3], [4, 1], [2, 0]]


def test_every_number_has_a_name_of_its_own() -> None:
    all_of_them = [d for table in (LEVEL, LEVEL_VARIANCE, CONSISTENCY, CONSISTENCY_VARIANCE) for d in table.values()]
    assert len({d.name for d in all_of_them}) == len({(d.title, d.unit) for d in all_of_them}) == 8
