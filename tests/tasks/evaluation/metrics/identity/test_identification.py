"""Ranks of the true person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity import identification
from tasks.evaluation.metrics.identity.identification import cmc, rank_of_truth, ranks, rates


def faces(vectors: np.ndarray, person: object, clip: object = None, frame: object = None) -> Faces:
    vectors = np.asarray(vectors, np.float32)
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    number = np.arange(len(vectors))
    return Faces(
        vectors,
        np.asarray(person, np.int64),
        np.asarray(number if clip is None else clip, np.int64),
        np.asarray(number if frame is None else frame, np.int64),
    )


def made(seed: int, people: int, each: int, size: int, noise: float) -> Faces:
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(people) * 3, each)
    vectors = random.normal(size=(people, size))[person // 3] + noise * random.normal(size=(people * each, size))
    return faces(vectors, person, random.integers(0, people * 2, len(person)), random.integers(0, 30, len(person)))


def naive(gallery: Faces, probe: Faces, k: int, same_clip: bool = False, near: int = 0) -> int:
    """The rank of probe k by looking at one gallery face after the other."""
    best: dict[int, float] = {}
    for i in range(len(gallery)):
        if gallery.clip[i] == probe.clip[k] and (
            same_clip or (near and abs(int(gallery.frame[i]) - int(probe.frame[k])) <= near)
        ):
            continue
        similar = float(gallery.vectors[i].astype(np.float64) @ probe.vectors[k].astype(np.float64))
        name = int(gallery.person[i])
        best[name] = max(best.get(name, -2.0), similar)
    if int(probe.person[k]) not in best:
        return 0
    own = best[int(probe.person[k])]
    return 1 + sum(value > own + identification.TIE for value in best.values())


def test_people_are_sorted_by_their_most_similar_face() -> None:
    gallery = faces([[1, 0, 0], [0, 1, 0], [0.8, 0.6, 0], [0, 0, 1]], [4, 4, 7, 9])
    probes = faces([[1, 0.1, 0], [1, 0.1, 0], [1, 0.1, 0], [0, 0.1, 1], [1, 0, 0]], [4, 7, 9, 9, 5])
    assert ranks(gallery, probes).tolist() == [1, 2, 3, 1, 0]


@pytest.mark.parametrize(("same_clip", "near"), [(False, 0), (True, 0), (False, 7), (True, 7)])
def test_ranks_are_those_of_a_plain_loop(same_clip: bool, near: int) -> None:
    gallery, probes = made(1, 20, 4, 16, 1.5), made(2, 25, 3, 16, 1.5)
    found = ranks(gallery, probes, same_clip, block=7, exclude_near_frames=near)
    assert found.tolist() == [naive(gallery, probes, k, same_clip, near) for k in range(len(probes))]
    own = ranks(gallery, gallery, same_clip, block=11, exclude_near_frames=near)
    assert own.tolist() == [naive(gallery, gallery, k, same_clip, near) for k in range(len(gallery))]
    assert (own == 1).all() == (not same_clip and not near)


def test_a_person_who_is_left_without_faces_cannot_be_found() -> None:
    gallery = faces(np.eye(3), [1, 2, 2], clip=[0, 1, 2], frame=[0, 0, 0])
    assert ranks(gallery, gallery, exclude_same_clip=True).tolist()[0] == 0
    assert ranks(gallery, gallery, exclude_near_frames=1).tolist()[0] == 0
    assert ranks(gallery.take(np.empty(0, np.int64)), gallery).tolist() == [0, 0, 0]
    assert ranks(gallery, gallery.take(np.empty(0, np.int64))).shape == (0,)


def test_frames_are_near_within_a_clip_only() -> None:
    gallery = faces([[1, 0], [1, 0], [0.9, 0.1]], [1, 1, 2], clip=[0, 0, 1], frame=[0, 10, 0])
    probe = faces([[1, 0]], [1], clip=[0], frame=[4])
    assert ranks(gallery, probe, exclude_near_frames=5).tolist() == [1]
    assert ranks(gallery, probe, exclude_near_frames=6).tolist() == [0]


def test_who_is_there_under_two_names_does_not_hide_behind_the_second() -> None:
    one = np.random.default_rng(0).normal(size=128)
    gallery = faces(np.tile(one, (7, 1)), np.arange(7))
    assert set(ranks(gallery, gallery).tolist()) == {1}
    gallery = faces([[1, 0, 0], [1, 0, 0], [0, 1, 0]], [1, 2, 3])
    assert ranks(gallery, faces([[1, 0.2, 0]] * 3, [1, 2, 3])).tolist() == [1, 1, 3]


def test_no_number_is_no_rank() -> None:
    good, bad = faces([[1, 0]], [1]), Faces(np.float32([[np.nan, 1]]), *(np.zeros(1, np.int64),) * 3)
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(ValueError, match="not finite"):
            ranks(*pair)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.integers(2, 12), each=st.integers(1, 4))
def test_ranks_do_not_depend_on_the_axes_or_the_order(seed: int, people: int, each: int) -> None:
    random = np.random.default_rng(seed)
    gallery, probes = made(seed, people, each, 12, 1.0), made(seed + 1, people, each, 12, 1.0)
    before = ranks(gallery, probes)
    turn, _ = np.linalg.qr(random.normal(size=(12, 12)))
    turned = [faces(one.vectors @ turn, one.person, one.clip, one.frame) for one in (gallery, probes)]
    assert ranks(*turned).tolist() == before.tolist()
    shuffled = random.permutation(len(gallery))
    assert ranks(gallery.take(shuffled), probes, block=3).tolist() == before.tolist()
    order = random.permutation(len(probes))
    assert ranks(gallery, probes.take(order)).tolist() == before[order].tolist()


@settings(max_examples=50, deadline=None)
@given(found=st.lists(st.integers(0, 9), max_size=40))
def test_the_curve_rises_to_one(found: list[int]) -> None:
    curve = cmc(np.array(found, np.int64), 9)
    known = [rank for rank in found if rank]
    assert curve.shape == (9,)
    if not known:
        assert np.isnan(curve).all()
        return
    assert (np.diff(curve) >= 0).all() and curve[-1] == 1
    assert curve.tolist() == pytest.approx([sum(r <= k for r in known) / len(known) for k in range(1, 10)])


def test_rates_are_shares_of_the_probes_that_can_be_found() -> None:
    found, person = np.array([1, 1, 3, 6, 0]), np.array([1, 1, 2, 2, 3])
    result = rates(found, person, gallery_people=10, at=(1, 5, 10, 20))
    assert [result[k].value for k in (1, 5, 10)] == [0.5, 0.75, 1]
    assert [result[k].chance for k in (1, 5, 10)] == [0.1, 0.5, 1]
    assert result[1].samples == 4 and result[1].people == 2 and "1 faces" in result[1].note
    assert (result[1].low, result[1].high) == (0, 1)
    assert not result[20].known and "10 people" in result[20].note
    assert result[5].value == cmc(found, 10)[4]
    assert (
        identification.RATES.keys() == set(identification.AT)
        and len({d.name for d in identification.RATES.values()}) == 3
    )


def test_the_rank_of_the_truth() -> None:
    found, person = np.array([1, 3, 8, 0, 5, 7, 0]), np.array([9, 9, 9, 9, 2, 2, 4])
    result = rank_of_truth(found, person, gallery_people=11)
    assert result.median.value == 5 and result.mean.value == pytest.approx(24 / 5)
    assert result.deviation == pytest.approx(np.std([1, 3, 8, 5, 7]))
    assert result.per_person == {2: (6, 6, 1), 9: (3, 4, pytest.approx(np.std([1, 3, 8])))}
    assert result.median.chance == result.mean.chance == 6
    assert result.median.samples == 5 and "2 faces" in result.median.note and "2 faces" in result.mean.note
    assert result.median.low == 3 and result.median.high == 6
    nothing = rank_of_truth(np.zeros(2, np.int64), np.arange(2), 3)
    assert isinstance(nothing.median, Figure) and not nothing.median.known and nothing.per_person == {}


def test_many_faces_are_ranked_as_a_plain_loop_ranks_some_of_them() -> None:
    random = np.random.default_rng(5)
    person = random.integers(0, 400, 4000)
    centres = random.normal(size=(400, 128))
    gallery = faces(centres[person] + random.normal(size=(4000, 128)), person)
    probes = faces(centres[person] + 4 * random.normal(size=(4000, 128)), person)
    found = ranks(gallery, probes)
    some = random.choice(4000, 12, replace=False)
    assert found[some].tolist() == [naive(gallery, probes, int(k)) for k in some]
    assert 0.2 < (found == 1).mean() < 0.99 and found.min() == 1


def test_the_person_worst_off_is_not_hidden_by_the_others() -> None:
    ranks_, person = np.array([1, 1, 2, 1, 3, 0, 0, 1]), np.array([4, 4, 5, 5, 5, 6, 6, 5])
    figure = identification.worst(ranks_, person)
    assert (figure.value, figure.samples, figure.people) == (1.0, 2, 2)
    assert "2 faces" in figure.note
    assert identification.worst(np.array([2, 1, 1]), np.array([1, 1, 2])[[0, 0, 0]]).value == pytest.approx(2 / 3)
    assert not identification.worst(np.zeros(2, np.int64), np.zeros(2, np.int64)).known
