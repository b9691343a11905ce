"""True acceptance at a fixed false acceptance rate."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.verification import TAR, Pairs, Trials, pairs, roc, tar_at_far


def made(seed: int, people: int, clips: int, each: int, noise: float = 1.0, apart: int = 10) -> Faces:
    """People, who are the same for every seed, in `clips` clips of `each` faces, `apart` frames between them."""
    centres = np.random.default_rng(99).normal(size=(people, 32))
    person = np.repeat(np.arange(people) + 5, clips * each)
    vectors = centres[person - 5] + noise * np.random.default_rng(seed).normal(size=(len(person), 32))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    clip = np.repeat(np.arange(people * clips), each)
    return Faces(vectors, person, clip, np.tile(np.arange(each) * apart, people * clips))


def listed(found: Pairs) -> np.ndarray:
    """(n, 3) person, other person and score, sorted."""
    return ordered(zip(found.person.tolist(), found.other.tolist(), found.score.tolist(), strict=True))


def ordered(rows: Iterable[tuple[int, int, float]]) -> np.ndarray:
    return np.array(sorted(rows))


def similar(a: Faces, i: int, b: Faces, j: int) -> float:
    return float(a.vectors[i] @ b.vectors[j])


def at(score: np.ndarray, impostors: np.ndarray, weight: np.ndarray, far: float) -> float:
    """The highest true acceptance rate at no more than FAR, by scikit-learn."""
    truth = np.append(np.ones(len(score)), np.zeros(len(impostors)))
    weights = np.append(np.full(len(score), 1.0), weight)
    false, true, _ = roc_curve(truth, np.append(score, impostors), sample_weight=weights, drop_intermediate=False)
    return float(true[false <= far * (1 + 1e-9)].max())


def test_all_pairs_are_taken_where_there_are_few() -> None:
    original, anonymized = made(1, 4, 2, 3), made(2, 4, 2, 3)
    one = made(3, 6, 1, 4)
    lonely = one.take(one.person == 10)
    original = Faces(
        *(np.concatenate([getattr(original, c), getattr(lonely, c)]) for c in ("vectors", "person", "clip", "frame"))
    )
    anonymized = Faces(
        *(np.concatenate([getattr(anonymized, c), getattr(lonely, c)]) for c in ("vectors", "person", "clip", "frame"))
    )
    original.clip[-4:] = anonymized.clip[-4:] = 777
    trials = pairs(original, anonymized, apart=20)
    rows = range(len(original))
    genuine = [
        (int(original.person[i]), int(original.person[i]), similar(original, i, anonymized, j))
        for i in rows
        for j in rows
        if original.person[i] == anonymized.person[j]
        and (original.clip[i] != anonymized.clip[j] or original.person[i] == 10)
    ]
    assert np.allclose(listed(trials.genuine), ordered(genuine), atol=1e-6) and len(genuine) == 4 * 18 + 16
    baseline, impostors = [], []
    for i, j in itertools.combinations(rows, 2):
        who = int(original.person[i]), int(original.person[j])
        if who[0] != who[1]:
            impostors.append((*who, similar(original, i, original, j)))
        elif original.clip[i] != original.clip[j] or (
            who[0] == 10 and abs(original.frame[i] - original.frame[j]) >= 20
        ):
            baseline.append((*who, similar(original, i, original, j)))
    assert np.allclose(listed(trials.baseline), ordered(baseline), atol=1e-6) and len(baseline) == 4 * 9 + 3
    assert np.allclose(listed(trials.impostors), ordered(impostors), atol=1e-6)
    for kind in (trials.genuine, trials.baseline, trials.impostors):
        shares: Counter[tuple[int, int]] = Counter()
        for person, other, weight in zip(kind.person.tolist(), kind.other.tolist(), kind.weight.tolist(), strict=True):
            shares[person, other] += weight
        assert list(shares.values()) == pytest.approx([1 / len(shares)] * len(shares))


def test_of_many_pairs_every_two_people_give_the_same_number() -> None:
    original, anonymized = made(1, 6, 2, 9), made(2, 6, 2, 9)
    trials = pairs(original, anonymized, most=300)
    for kind, units, possible in ((trials.genuine, 6, 162), (trials.baseline, 6, 81), (trials.impostors, 15, 324)):
        counts = Counter(zip(kind.person.tolist(), kind.other.tolist(), strict=True))
        assert len(counts) == units and set(counts.values()) == {300 // units} and 300 // units < possible
        assert len(np.unique(listed(kind), axis=0)) == len(kind)
    assert (trials.impostors.person != trials.impostors.other).all()
    again, other = pairs(original, anonymized, most=300), pairs(original, anonymized, most=300, seed=1)
    assert np.array_equal(listed(again.impostors), listed(trials.impostors))
    assert not np.array_equal(listed(again.impostors), listed(other.impostors))
    few = pairs(original, anonymized, most=7)
    assert len(few.impostors) == 7 and len(set(zip(few.impostors.person, few.impostors.other, strict=True))) == 7
    assert len(few.genuine) == 6


def test_a_person_of_very_many_faces_is_sampled() -> None:
    original = made(1, 2, 1, 700, apart=1)
    trials = pairs(original, original)
    assert len(trials.impostors) == 300 * 300 and len(trials.genuine) == 2 * 300 * 300
    assert 0 < len(trials.baseline) < 2 * 300 * 299 / 2
    assert len(pairs(original, original, apart=0).baseline) == 2 * 300 * 299 / 2


@pytest.mark.parametrize("noise", [0.3, 1.0, 2.5])
def test_the_rate_is_what_another_library_finds_person_by_person(noise: float) -> None:
    people = 7
    original, anonymized = made(1, people, 3, 5), made(2, people, 3, 5, noise)
    # Uneven, so that weights matter.
    original = original.take(np.flatnonzero((original.person != 5) | (np.arange(len(original)) % 3 > 0)))
    trials = pairs(original, anonymized)
    found = tar_at_far(trials, fars=(0.01, 0.1), folds=people)
    for far in (0.01, 0.1):
        shares, before = [], []
        for person in np.unique(original.person):
            others = (trials.impostors.person != person) & (trials.impostors.other != person)
            score, weight = trials.impostors.score[others], trials.impostors.weight[others]
            shares.append(at(trials.genuine.score[trials.genuine.person == person], score, weight, far))
            before.append(at(trials.baseline.score[trials.baseline.person == person], score, weight, far))
        assert found[far].value == pytest.approx(np.mean(shares)) and found[far].original == pytest.approx(
            np.mean(before)
        )
        assert found[far].note == f"Deviation over folds {np.std(shares):.3f}."
        assert found[far].samples == len(trials.genuine) and found[far].people == people and found[far].chance == far
        assert found[far].low <= found[far].value <= found[far].high
        assert (found[far].low < found[far].high) == (np.std(shares) > 0)


def test_a_person_s_threshold_is_not_taken_from_their_own_pairs() -> None:
    """Person 5 alone looks like another one; the threshold that keeps these two apart is not for them."""
    original = made(1, 4, 1, 20, noise=0.1, apart=60)
    alike = original.vectors.copy()
    alike[original.person == 6] = alike[original.person == 5]
    original = Faces(alike, original.person, original.clip, original.frame)
    trials = pairs(original, original)
    found = tar_at_far(trials, fars=(0.01,), folds=4)[0.01]
    # Folds of 5 and 6 have thresholds of people who differ; those of 7 and 8 have one only the same picture reaches.
    assert found.value == pytest.approx((1 + 1 + 0.05 + 0.05) / 4, abs=0.06)


def test_strangers_pass_as_often_as_the_rate_says_and_originals_almost_always() -> None:
    original, anonymized = made(1, 40, 2, 8, noise=0.4), made(2, 40, 2, 8, noise=0.4)
    strangers = Faces(np.roll(anonymized.vectors, 16 * 7, axis=0), anonymized.person, anonymized.clip, anonymized.frame)
    hidden, shown = tar_at_far(pairs(original, strangers)), tar_at_far(pairs(original, anonymized))
    assert hidden.keys() == TAR.keys() and all(far == hidden[far].chance for far in TAR)
    for far in TAR:
        assert hidden[far].value <= 5 * far and shown[far].value > 0.95 and hidden[far].original > 0.95


def test_too_few_people_or_pairs_give_no_rate_and_say_why() -> None:
    three = tar_at_far(pairs(made(1, 3, 2, 30), made(2, 3, 2, 30)))
    assert not any(f.known for f in three.values()) and "3 people with 10800 impostor pairs" in three[0.01].note
    few = pairs(made(1, 4, 1, 18), made(2, 4, 1, 18))
    found = tar_at_far(few)
    # Without one of four people three pairs of people are left, of 18 times 18 faces each.
    assert (
        not found[1e-3].known and found[1e-3].note == "972 impostor pairs to take a threshold from; 10000 are needed."
    )
    assert "972" in found[1e-2].note and not found[1e-2].known
    assert tar_at_far(pairs(made(1, 4, 1, 19), made(2, 4, 1, 19)))[1e-2].known
    original, nobody = made(1, 5, 2, 20), made(2, 5, 2, 20).take(np.empty(0, np.int64))
    assert "Nobody" in tar_at_far(pairs(original, nobody))[1e-2].note
    assert not tar_at_far(pairs(nobody, nobody))[1e-2].known and len(roc(pairs(nobody, nobody)).far) == 0


def test_without_a_second_clip_or_distant_frames_there_is_no_baseline() -> None:
    original, anonymized = made(1, 5, 1, 20, apart=2), made(2, 5, 1, 20, apart=2)
    trials = pairs(original, anonymized)
    assert len(trials.baseline) == 0 and len(trials.genuine) == 5 * 400
    assert np.isnan(tar_at_far(trials)[1e-2].original) and np.isnan(roc(trials).original).all()


def test_the_curve_is_that_of_another_library() -> None:
    trials = pairs(made(1, 6, 2, 6), made(2, 6, 2, 6, noise=1.5), most=900)
    curve = roc(trials)
    assert len(curve.far) == 200 and curve.far[0] == pytest.approx(1 / 900) and curve.far[-1] == 1
    assert np.allclose(np.diff(np.log(curve.far)), np.diff(np.log(curve.far))[0])
    impostors = trials.impostors
    for k in range(0, 200, 13):
        for kind, rates in ((trials.genuine, curve.anonymized), (trials.baseline, curve.original)):
            assert rates[k] == pytest.approx(
                at(kind.score, impostors.score, impostors.weight / impostors.weight[0], curve.far[k])
            )
    assert curve.anonymized[-1] == curve.original[-1] == 1


def test_equal_scores_are_accepted_or_refused_together() -> None:
    def kind(*scores: float) -> Pairs:
        count = len(scores)
        return Pairs(np.float32(scores), np.arange(count) % 4, np.arange(count) % 4 + 1, np.full(count, 1 / count))

    many = Trials(kind(0.5, 0.5, 0.5, 0.7), kind(0.5), kind(*[0.5] * 5000))
    found = tar_at_far(many, fars=(0.01,))[0.01]
    assert found.value == 0.25 and found.original == 0
    trials = Trials(kind(0.5, 0.6, 0.4, 0.9), kind(0.9), kind(0.5, 0.5, 0.1, 0.0))
    curve = roc(trials, points=3)
    assert curve.far == pytest.approx([0.25, 0.5, 1])
    assert curve.anonymized == pytest.approx([0.5, 1, 1]) and curve.original == pytest.approx([1, 1, 1])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), noise=st.floats(0.1, 4), people=st.integers(4, 7))
def test_more_false_acceptance_never_means_less_true_one(seed: int, noise: float, people: int) -> None:
    trials = pairs(made(seed, people, 2, 5, noise), made(seed + 1, people, 2, 5, noise), seed=seed)
    curve = roc(trials)
    assert (np.diff(curve.anonymized) >= 0).all() and (np.diff(curve.original) >= 0).all()
    fars = (0.1, 0.2, 0.5, 0.9)
    found = tar_at_far(trials, fars, folds=3, seed=seed)
    values = [found[far].value for far in fars if found[far].known]
    assert values and values == sorted(values)
