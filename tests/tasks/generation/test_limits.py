"""How near is too near: limits between the source's own samples and control strangers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.analysis.samples import Sample
from tasks.generation import limits
from tasks.generation.limits import InPlace, Source
from tests.tasks import support

share = st.floats(0.01, 0.99)


def place(genuine: float = 0.1, *strangers: float) -> InPlace:
    """Strangers who are as far on every sample."""
    rows = np.repeat(np.array(strangers or (0.8,) * 8, np.float32)[:, None], 6, axis=1)
    return InPlace(np.full(12, genuine, np.float32), rows)


def test_the_limit_lies_half_way_between_the_sources_own_distances_and_strangers() -> None:
    found = place(0.1, 0.7, 0.8, 0.8, 0.9)
    assert found.reach == pytest.approx(0.1) and found.typical == pytest.approx(0.8)
    assert found.limit == pytest.approx(0.1 + limits.SHARE * 0.7)


@given(share, st.lists(share, min_size=8, max_size=12), share)
def test_the_source_itself_is_always_refused_and_nearer_is_never_better(
    own: float, strangers: list[float], other: float
) -> None:
    found = place(own, *strangers)
    assert found.refuses(0.0) and found.refuses(float("nan"))
    if found.separable:
        assert found.refuses(own) and not found.refuses(found.typical)
    if found.refuses(other):
        assert all(found.refuses(other * k) for k in (0.0, 0.5, 0.99))


def test_an_outlier_among_strangers_on_the_sources_side_is_refused_and_one_beyond_is_not() -> None:
    found = place(0.1, 0.78, 0.79, 0.8, 0.8, 0.8, 0.81, 0.82, 0.83)
    assert found.limit < 0.55 and found.refuses(0.55) and not found.refuses(0.7) and not found.refuses(1.4)


@pytest.mark.parametrize(("typical", "asked"), [(0.8, 0.6), (0.5, 0.5), (0.3, 0.4)])
def test_nobody_need_be_farther_than_strangers_in_the_same_place(typical: float, asked: float) -> None:
    assert place(0.1, *[typical] * 8).asked(0.6) == pytest.approx(asked)


def test_where_strangers_look_like_the_source_they_are_not_separable() -> None:
    assert place(0.1).separable
    assert not place(0.5, *[0.45] * 8).separable, "strangers are nearer than the source's own samples"
    assert not place(0.2, *[0.21, 0.2, 0.22, 0.9, 0.9, 0.9, 0.9, 0.9]).separable, "three of eight are the source"


def test_the_score_is_low_among_the_distances_and_no_smallest_of_many() -> None:
    even = np.linspace(0.5, 0.9, 9, dtype=np.float32)
    assert 0.5 < limits.score(even) < np.median(even)
    one_near = np.array([0.1, *[0.8] * 11], np.float32)
    assert limits.score(one_near) > 0.7
    third_near = np.array([0.1] * 4 + [0.8] * 8, np.float32)
    assert limits.score(third_near) < 0.2


def source_of(vectors: np.ndarray, frames: list[int]) -> Source:
    return Source(vectors.astype(np.float32), np.zeros(len(frames), np.int64), np.array(frames, np.int64))


def at(*frames: int) -> list[Sample]:
    found = support.tracks(support.track(n=120), frames=120)
    return list(support.samples(found, frames).samples)


def test_a_sample_is_compared_with_those_of_other_moments() -> None:
    """Two moments, far apart in time: each sample's template is the other moment's."""
    one, other = np.eye(4)[0], np.eye(4)[1]
    found = source_of(np.stack([one, one, other, other]), [0, 3, 100, 103])
    assert np.allclose(found.genuine(at(0, 3, 100, 103)), 1.0) and found.genuine(at(100)).shape == (1,)
    assert np.allclose(found.apart(0), other)
    near = source_of(np.stack([one, other]), [0, 3])
    assert np.allclose(near.apart(0), other), "of one moment alone, the others"
    alone = source_of(one[None], [7])
    assert np.allclose(alone.apart(0), one) and alone.genuine(at(7))[0] == pytest.approx(0)


def test_a_painted_face_is_compared_without_the_sample_it_was_painted_into() -> None:
    found = support.tracks(support.track(n=60), frames=60)
    samples = support.samples(found, (0, 20, 40)).samples
    vectors = np.eye(4, dtype=np.float32)[:3]
    source = limits.source_of(vectors, samples)
    # Painted into the second sample, and just like it: nothing of that sample is in its template.
    assert source.distances(vectors[1:2], samples[1:2]) == pytest.approx([1.0])
    assert source.distances(vectors[:1], samples[1:2]) == pytest.approx([1 - np.sqrt(0.5)], abs=1e-6)
