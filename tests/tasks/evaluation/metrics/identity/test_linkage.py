"""Anonymized clips that match each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity import linkage as module
from tasks.evaluation.metrics.identity.linkage import Match, linkage


def clips(angles: list[float], person: list[int], clip: list[int] | None = None) -> Faces:
    """Two faces per clip, a little to either side of its angle in the plane."""
    both = [a + d for a in angles for d in (-0.02, 0.02)]
    vectors = np.array([[math.cos(a), math.sin(a)] for a in both], np.float32).reshape(-1, 2)
    names = clip if clip is not None else list(range(100, 100 + len(angles)))
    frame = np.tile([0, 1], len(angles))
    return Faces(vectors, np.repeat(person, 2).astype(np.int64), np.repeat(names, 2).astype(np.int64), frame)


LIMIT = 1 - math.cos(0.3)
"""Clips match whose angles differ by 0.3 at most."""


def naive(angles: list[float], person: list[int]) -> tuple[list[bool], list[tuple[int, int]], int]:
    same, shared, pairs = [], [], 0
    for i, j in itertools.combinations(range(len(angles)), 2):
        near = abs(angles[i] - angles[j]) <= 0.3
        if person[i] == person[j]:
            same.append(near)
        else:
            pairs += 1
            shared += [(i, j)] if near else []
    return same, shared, pairs


def test_pairs_are_counted_by_hand() -> None:
    person = [1, 1, 1, 2, 2, 3]
    before, after = clips([0.0, 0.1, 0.2, 1.0, 1.1, 1.15], person), clips([0.0, 0.25, 0.5, 1.5, 0.1, 3.0], person)
    found = linkage(before, after, LIMIT)
    # Of one person: 1-2 and 2-3 of three pairs, 4-5 not; of different people 1-5 and 2-5 of 11.
    assert found.same_person.value == 0.5 and found.same_person.samples == 4 and found.same_person.people == 2
    assert found.shared_twin.value == pytest.approx(2 / 11) and found.shared_twin.samples == 11
    assert found.shared_twin.people == 3
    assert found.same_person.original == 1 and found.shared_twin.original == pytest.approx(2 / 11)
    assert found.matches == (
        Match((100, 104), (1, 2), pytest.approx(1 - math.cos(0.1), abs=1e-6)),
        Match((101, 104), (1, 2), pytest.approx(1 - math.cos(0.15), abs=1e-6)),
    )
    assert found.shared_twin.low == 0 and 2 / 11 < found.shared_twin.high <= 1


def test_a_plain_loop_counts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    random = np.random.default_rng(3)
    angles, before = random.uniform(0, 3, (2, 40)).tolist()
    person = random.integers(0, 12, 40).tolist()
    shuffled = random.permutation(80)
    found = linkage(clips(before, person), clips(angles, person).take(shuffled), LIMIT)
    same, shared, pairs = naive(angles, person)
    assert found.same_person.value == pytest.approx(np.mean(same)) and found.same_person.samples == len(same)
    assert found.shared_twin.value == pytest.approx(len(shared) / pairs) and found.shared_twin.samples == pairs
    assert {(m.clips[0] - 100, m.clips[1] - 100) for m in found.matches} == set(shared)
    assert [m.distance for m in found.matches] == sorted(m.distance for m in found.matches)
    same, shared, pairs = naive(before, person)
    assert found.same_person.original == pytest.approx(np.mean(same))
    assert found.shared_twin.original == pytest.approx(len(shared) / pairs)


def test_the_interval_draws_people_and_all_their_pairs() -> None:
    random = np.random.default_rng(4)
    person = np.repeat(np.arange(15), 2)
    angles = (random.uniform(0, 6, 15)[person] + random.normal(0, 0.05, 30)).tolist()
    found = linkage(clips(angles, person.tolist()), clips(angles, person.tolist()), LIMIT).shared_twin
    values = []
    for seed in range(600):
        drawn = np.random.default_rng(seed).integers(15, size=15)
        which = np.concatenate([np.flatnonzero(person == p) for p in drawn])
        _, shared, pairs = naive([angles[k] for k in which], person[which].tolist())
        values.append(len(shared) / pairs)
    assert (found.low, found.high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.015)
    assert found.high - found.low > 0.03


def test_two_people_of_one_clip_are_two() -> None:
    both = clips([0.0, 0.1], [1, 2], [5, 5])
    found = linkage(both, both, LIMIT)
    assert found.shared_twin.value == 1 and found.matches[0].clips == (5, 5) and found.matches[0].people == (1, 2)
    assert not found.same_person.known


def test_no_pairs_give_no_number_and_say_why() -> None:
    alone = clips([0.0, 0.1], [1, 1])
    found = linkage(alone, alone, LIMIT)
    assert found.same_person.value == 1 and not found.shared_twin.known and "one person" in found.shared_twin.note
    strangers = clips([0.0, 2.0], [1, 2])
    found = linkage(alone, strangers, LIMIT)
    assert not found.same_person.known and "two anonymized clips" in found.same_person.note
    assert found.same_person.original == 1 and math.isnan(found.shared_twin.original)
    assert found.shared_twin.value == 0 and found.matches == ()
    nobody = clips([], [])
    assert not linkage(nobody, nobody, LIMIT).shared_twin.known and not linkage(nobody, nobody, LIMIT).same_person.known


def test_a_clip_is_matched_by_the_mean_of_its_faces() -> None:
    angles = np.array([0.0, 0.4, 0.48, 0.48])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    faces = Faces(vectors, np.array([1, 1, 2, 2]), np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1]))
    # Its faces are 0.48 and 0.08 away; the mean, of length one, 0.28.
    found = linkage(faces, faces, LIMIT)
    assert found.matches == (Match((1, 2), (1, 2), pytest.approx(1 - math.cos(0.28), abs=1e-6)),)


def test_the_limit_itself_still_matches() -> None:
    right = np.float32([[1, 0], [0, 1]])
    faces = Faces(right, np.array([1, 2]), np.array([1, 2]), np.zeros(2, np.int64))
    assert linkage(faces, faces, 1.0).shared_twin.value == 1 and linkage(faces, faces, 0.999).shared_twin.value == 0


def test_very_many_matches_are_counted_but_not_all_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    monkeypatch.setattr(module, "_BLOCK", 2)
    all_alike = clips([0.0] * 8, list(range(8)))
    found = linkage(all_alike, all_alike, LIMIT)
    assert found.shared_twin.value == found.shared_twin.original == 1 and found.shared_twin.people == 8
    assert len(found.matches) == 10 and "no interval" in found.shared_twin.note and math.isnan(found.shared_twin.low)
