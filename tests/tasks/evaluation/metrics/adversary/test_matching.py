"""Faces against pictures from other files, beside a comparison of one pair after the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.embedding.vectors import unit
from tasks.evaluation.metrics.adversary import matching
from tasks.evaluation.metrics.adversary.kinds import Kinds
from tasks.evaluation.metrics.adversary.matching import Compared, compare
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.identification import TIE

NONE = Kinds(np.zeros(0, np.int64), np.zeros((0, 3)))


def faces(vectors: object, person: object, clip: object) -> Faces:
    directions = unit(np.asarray(vectors, np.float32))
    return Faces(directions, np.asarray(person), np.asarray(clip), np.arange(len(directions)))


def made(seed: int, n: int, people: int) -> Faces:
    random = np.random.default_rng(seed)
    return faces(random.normal(size=(n, 3)), random.integers(0, people, n), random.integers(0, 6, n))


def kinds_of(seed: int, people: int) -> Kinds:
    random = np.random.default_rng([4, seed])
    looks = np.stack([random.uniform(20, 45, people), random.random(people), random.uniform(0, 50, people)], axis=1)
    looks[random.random((people, 3)) < 0.1] = np.nan
    return Kinds(np.arange(people), looks)


def naive(gallery: Faces, probes: Faces, kinds: Kinds, threshold: float) -> Compared:
    """By looking at one gallery face after the other."""
    rows = []
    for k in range(len(probes)):
        similar = gallery.vectors @ probes.vectors[k]
        best, near, sure = {}, {}, {}
        for who in np.unique(gallery.person).tolist():
            files = set(gallery.clip[gallery.person == who].tolist()) - {int(probes.clip[k])}
            found = [similar[(gallery.person == who) & (gallery.clip == file)] for file in sorted(files)]
            if found:
                best[who] = max(float(one.max()) for one in found)
                near[who] = np.mean([(one >= 1 - threshold - TIE).mean() for one in found])
                sure[who] = np.mean([(one > 1 - threshold + TIE).mean() for one in found])
        me = int(probes.person[k])
        strangers = [who for who in best if kinds.alike(np.array([me]), np.array([who]))[0, 0]]
        places = [sum(other >= best[who] - TIE for other in best.values()) for who in strangers]
        rank = 1 + sum(other > best[me] + TIE for other in best.values()) if me in best else np.nan
        rows.append([
            near.get(me, np.nan),
            np.mean([sure[who] for who in strangers]) if strangers else np.nan,
            rank,
            np.mean([place == 1 for place in places]) if strangers else np.nan,
            np.median(places) if strangers else np.nan,
            len(best) if me in best else np.nan,
        ])  # fmt: skip
    return Compared(*np.array(rows, np.float64).reshape(len(probes), 6).T)


def columns(found: Compared) -> np.ndarray:
    return np.stack([found.own, found.strangers, found.rank, found.strangers_first, found.strangers_rank, found.choice])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 8), st.integers(1, 5), st.floats(0.05, 1.5))
def test_it_is_what_one_pair_after_the_other_gives(seed: int, n: int, m: int, people: int, threshold: float) -> None:
    gallery, probes = made(seed, n, people), made(seed + 1, m, people)
    kinds = kinds_of(seed, people)
    found = compare(gallery, probes, kinds, threshold)
    assert columns(found) == pytest.approx(columns(naive(gallery, probes, kinds, threshold)), nan_ok=True, abs=1e-6)
    for shares in (found.own, found.strangers, found.strangers_first, found.first):
        known = shares[np.isfinite(shares)]
        assert ((known >= 0) & (known <= 1)).all()


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, probes, kinds = made(1, 40, 5), made(2, 23, 5), kinds_of(1, 5)
    whole = columns(compare(gallery, probes, kinds, 0.4))
    monkeypatch.setattr(matching, "_CELLS", 100)
    assert columns(compare(gallery, probes, kinds, 0.4)) == pytest.approx(whole, nan_ok=True)


def test_the_attacker_is_given_ties() -> None:
    both = Kinds(np.array([0, 1]), np.array([[30.0, 0.1, 40.0]] * 2))
    probe = faces([[1, 0]], [0], [9])
    # 0.6 away, both of them.
    gallery = faces([[0.4, np.sqrt(1 - 0.16)]] * 2, [0, 1], [1, 2])
    found = compare(gallery, probe, both, 1 - float(gallery.vectors[0, 0]))
    assert found.own.tolist() == [1] and found.strangers.tolist() == [0]
    assert found.rank.tolist() == [1] == found.first.tolist()
    assert found.strangers_rank.tolist() == [2] and found.strangers_first.tolist() == [0]


def test_every_file_of_a_person_counts_the_same() -> None:
    gallery = faces([[1, 0]] * 9 + [[0, 1]], [0] * 10, [1] * 9 + [2])
    assert compare(gallery, faces([[1, 0]], [0], [5]), NONE, 0.5).own.tolist() == [0.5]


def test_without_faces_nothing_is_known() -> None:
    empty = faces(np.zeros((0, 2)), np.zeros(0, np.int64), np.zeros(0, np.int64))
    probe = faces([[1, 0]], [0], [9])
    assert np.isnan(columns(compare(empty, probe, NONE, 0.5))).all()
    assert columns(compare(probe, empty, NONE, 0.5)).shape == (6, 0)
    own = compare(faces([[1, 0], [0, 1]], [0, 1], [9, 1]), probe, NONE, 0.5)
    assert np.isnan(own.own).all() and np.isnan(own.rank).all(), "the only file is the probe's"


def test_vectors_that_are_not_finite_are_refused() -> None:
    good = faces([[1, 0]], [0], [9])
    bad = Faces(np.full((1, 2), np.nan, np.float32), *(np.zeros(1, np.int64) for _ in range(3)))
    for gallery, probes in ((bad, good), (good, bad)):
        with pytest.raises(ValueError, match="finite"):
            compare(gallery, probes, NONE, 0.5)
