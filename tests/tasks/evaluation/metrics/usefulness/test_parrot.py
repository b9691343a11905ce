"""Naming anonymized clips by what was learnt from other anonymized clips."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.usefulness import parrot as module
from tasks.evaluation.metrics.usefulness.parrot import parrot

SIZE = 16
_DRAWS = 4


def made(counts: list[int], by_person: float, by_clip: float, seed: int = 0, each: int = 12) -> Faces:
    """counts: clips per person. by_person, by_clip: how far vectors of a person, and of one clip, are from the rest."""
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(len(counts)) + 3, counts)
    centres = by_person * random.normal(size=(len(counts), SIZE))[person - 3]
    centres += by_clip * random.normal(size=centres.shape)
    vectors = np.repeat(centres, each, axis=0) + 0.3 * random.normal(size=(len(person) * each, SIZE))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    clip = np.repeat(np.arange(len(person)), each)
    return Faces(vectors, np.repeat(person, each), clip, np.tile(np.arange(each), len(person)))


def test_a_twin_that_stays_is_learnt_and_one_that_changes_is_not() -> None:
    stays, changes = made([2] * 8, 1, 0.1), made([2] * 8, 0, 1)
    found = parrot(changes, stays)
    assert found.value == 1 and found.original < 0.45 and found.chance == 1 / 8
    assert found.samples == 16 and found.people == 8 and (found.low, found.high) == (1, 1)
    found = parrot(stays, changes)
    assert found.value < 0.45 and found.original == 1 and found.low <= found.value <= found.high


@pytest.mark.parametrize("counts", [[2] * 20, [24, 2, 2, 2, 2, 2, 2]])
def test_where_clips_tell_nothing_it_names_no_more_than_guessing(counts: list[int]) -> None:
    """Faces of one clip are alike and those of a person are not: whoever learnt from a face of the clip would know it.
    Somebody of most clips is no better guess than anybody."""
    drawn = [made(counts, 0, 1, seed, each=4) for seed in range(_DRAWS)]
    found = [parrot(faces.take(np.empty(0, np.int64)), faces) for faces in drawn]
    chance = 1 / len(counts)
    assert all(figure.chance == chance and figure.samples == sum(counts) for figure in found)
    error = math.sqrt(chance * (1 - chance) / (_DRAWS * len(counts)))
    assert np.mean([figure.value for figure in found]) < chance + 3 * error


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_clip_is_on_both_sides_and_every_person_is_learnt(data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(2, 9), min_size=2, max_size=5))
    faces, folds = made(counts, 1, 1, each=1), data.draw(st.integers(2, 6))
    found = module.appearances(faces)
    fold = module._dealt(faces, found, folds, data.draw(st.integers(0, 99)))
    assert fold.shape == (len(found),) and fold.max() < folds
    for person in np.unique(faces.person):
        own = np.bincount(fold[faces.person == person], minlength=folds)
        assert own.max() - own.min() <= 1 and own.max() < own.sum()


def test_all_people_of_a_clip_are_held_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Persons 3 and 4 share two clips; what is learnt and what is named never have a clip in common."""
    faces = made([5, 4, 3], 1, 0.3)
    clip = faces.clip.copy()
    # Of person 3 clips 0 to 4, of 4 clips 5 to 8: two of theirs, at another place of the order.
    clip[np.isin(clip, [5, 8])] -= 4
    faces = Faces(faces.vectors, faces.person, clip, faces.frame)
    whose = {row.tobytes(): int(c) for row, c in zip(faces.vectors, clip, strict=True)}
    met: list[tuple[set[int], set[int]]] = []
    learn, ask = Pipeline.fit, Pipeline.predict_log_proba

    def fit(self: Pipeline, x: np.ndarray, y: np.ndarray) -> Pipeline:
        met.append(({whose[row.tobytes()] for row in x}, set()))
        return learn(self, x, y)

    def predict(self: Pipeline, x: np.ndarray) -> np.ndarray:
        met[-1][1].update(whose[row.tobytes()] for row in x)
        return ask(self, x)

    monkeypatch.setattr(Pipeline, "fit", fit)
    monkeypatch.setattr(Pipeline, "predict_log_proba", predict)
    assert parrot(faces, faces).samples == 12
    for learnt, named in met:
        assert learnt and named and not learnt & named and learnt | named == set(clip.tolist())


def test_a_clip_goes_to_the_highest_mean_log_probability() -> None:
    """The same done step by step, with the mean and deviation of each feature and the weights of people by hand."""
    faces = made([6] + [2] * 8, 0.5, 0.4, each=5)
    # Faces of a clip that differ much, and features of very different sizes.
    faces.vectors[:] += np.random.default_rng(2).normal(0, 0.4, faces.vectors.shape)
    faces.vectors[:, 5:] *= 0.02
    found = module.appearances(faces)
    fold = module._dealt(faces, found, 5, 0)
    hits = []
    for number in np.unique(fold):
        rows = np.concatenate([r for r, held in zip(found, fold == number, strict=True) if not held])
        x = faces.vectors[rows].astype(np.float64)
        y = faces.person[rows]
        weight = 1 / np.bincount(y)[y]
        model = LogisticRegression(max_iter=2000)
        model.fit((x - x.mean(0)) / x.std(0), y, sample_weight=weight * len(y) / weight.sum())
        for held in (r for r, held in zip(found, fold == number, strict=True) if held):
            table = model.predict_log_proba((faces.vectors[held] - x.mean(0)) / x.std(0))
            hits.append((faces.person[held[0]], model.classes_[table.sum(axis=0).argmax()] == faces.person[held[0]]))
    each = [np.mean([hit for who, hit in hits if who == person]) for person in np.unique(faces.person)]
    result = parrot(faces, faces)
    assert 0.1 < np.mean(each) < 0.95 and result.value == pytest.approx(np.mean(each))
    assert result == parrot(faces, faces)


def test_every_person_counts_the_same_and_only_those_with_two_clips() -> None:
    steady = made([2, 8, 1], 1, 0.05)
    jumbled = made([2, 8, 1], 0, 1, seed=5)
    faces = Faces(
        np.where((steady.person == 3)[:, None], jumbled.vectors, steady.vectors),
        steady.person,
        steady.clip,
        steady.frame,
    )
    found = parrot(steady, faces)
    # Person 4's eight clips are alike, those of 3 like nothing; of 5 there is one.
    assert found.people == 2 and found.chance == 0.5 and found.samples == 10
    assert found.value in (0.5, 0.75, 1.0) and found.original == 1
    named = [module._by_person(np.array([1, 1, 1, 2]), np.array(hits)) for hits in ([1, 1, 0, 0], [1, math.nan, 0, 1])]
    assert named[0][1] == pytest.approx([2 / 3, 0]) and named[1][1] == pytest.approx([0.5, 1])


def test_the_originals_are_those_of_the_same_clips() -> None:
    after = made([3] * 4, 1, 0.1)
    other = made([3] * 4, 0, 1, seed=9)
    # Clips that nobody anonymized, in which the originals are anything.
    run_plain = Faces(other.vectors, other.person, other.clip + 500, other.frame)
    both = Faces(
        *(np.concatenate([getattr(after, c), getattr(run_plain, c)]) for c in ("vectors", "person", "clip", "frame"))
    )
    assert parrot(both, after).original == 1
    nothing = after.take(np.empty(0, np.int64))
    assert math.isnan(parrot(nothing, after).original) and parrot(nothing, after).value == 1


def test_fewer_than_two_people_with_two_clips_give_no_number() -> None:
    for counts, many in (([], 0), ([1, 1, 1], 0), ([5, 1], 1)):
        faces = made(counts, 1, 1) if counts else made([1], 1, 1).take(np.empty(0, np.int64))
        found = parrot(faces, faces)
        assert not found.known and f"or more: {many};" in found.note


def test_faces_learnt_from_are_few_and_spread_over_the_clip() -> None:
    rows = np.arange(100, 200)
    assert module._spread(rows, 4).tolist() == [100, 133, 166, 199]
    assert module._spread(rows, 100).tolist() == module._spread(rows, 500).tolist() == rows.tolist()
    assert module._spread(rows[:1], 40).tolist() == [100]


def test_of_very_many_clips_less_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, sizes, learn = made([2] * 4, 1, 0.1), [], Pipeline.fit

    def fit(self: Pipeline, x: np.ndarray, y: np.ndarray) -> Pipeline:
        sizes.append(len(x))
        return learn(self, x, y)

    monkeypatch.setattr(Pipeline, "fit", fit)
    for limit, per_clip, size in ((20_000, 40, 4 * 12), (20_000, 5, 4 * 5), (25, 40, 4 * 3), (5, 40, 4)):
        monkeypatch.setattr(module, "_FACES", limit)
        sizes.clear()
        assert parrot(faces, faces, per_clip=per_clip).known and set(sizes) == {size}


def test_a_classifier_that_was_stopped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = made([2] * 4, 1, 0.5)
    assert parrot(faces, faces).note == ""
    monkeypatch.setattr(module, "_ROUNDS", 1)
    assert "stopped" in parrot(faces, faces).note
