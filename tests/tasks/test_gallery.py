"""Who has which twin in a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import IdentityScope
from infra.store import Store
from tasks import gallery
from tasks.gallery import Gallery, Place
from tests.tasks import support


def towards(angle: float) -> np.ndarray:
    return np.float32([np.cos(angle), np.sin(angle), 0])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


def test_one_key_keeps_its_candidate(store: Store) -> None:
    people = Gallery(store, IdentityScope.VIDEO)
    place = people.place(towards(0), "a:0")
    assert place == Place("a:0", -1)
    assert people.keep(place, towards(0), support.twin(5))
    assert Gallery(store, IdentityScope.VIDEO).place(towards(2), "a:0") == Place("a:0", 5)
    assert people.keep(place, towards(0), support.twin(8)) and people.place(towards(0), "a:0").candidate == 8
    assert people.others(place) == ([], ())


def test_a_candidate_of_somebody_else_is_refused(store: Store) -> None:
    people = Gallery(store, IdentityScope.VIDEO)
    assert people.keep(Place("a:0", -1), towards(0), support.twin(5))
    assert not people.keep(Place("b:0", -1), towards(1), support.twin(5))
    assert people.place(towards(1), "b:0") == Place("b:0", -1)
    vectors, taken = people.others(Place("b:0", -1))
    assert taken == (5,) and np.allclose(vectors[0], towards(0))


@settings(max_examples=30, deadline=None)
@given(wishes=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=25))
def test_two_identities_never_have_the_same_candidate(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[int, int]]
) -> None:
    store = Store(f"file://{tmp_path_factory.mktemp('gallery')}")
    people = Gallery(store, IdentityScope.VIDEO)
    granted: dict[str, int] = {}
    for who, candidate in wishes:
        place = people.place(towards(who), f"video:{who}")
        if people.keep(place, towards(who), support.twin(candidate)):
            granted[place.key] = candidate
        assert len(set(granted.values())) == len(granted)
    for key, candidate in granted.items():
        assert people.place(towards(0), key).candidate == candidate


def test_over_the_dataset_a_returning_person_is_known_and_a_stranger_is_not(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET)
    people.keep(people.place(towards(0), "a:0"), towards(0), support.twin(5))
    people.keep(people.place(towards(2), "a:1"), towards(2), support.twin(6))
    near, far = np.arccos(1 - gallery.SAME) - 0.05, np.arccos(1 - gallery.SAME) + 0.05
    assert people.place(towards(-near), "b:0") == Place("a:0", 5)
    assert people.place(towards(-far), "b:1") == Place("b:1", -1)
    assert Gallery(store, IdentityScope.VIDEO).place(towards(0), "b:0") == Place("b:0", -1)


def test_it_lies_under_the_identifying_prefix_and_can_be_forgotten(store: Store, tmp_path: Path) -> None:
    people = Gallery(store, IdentityScope.VIDEO)
    people.keep(people.place(towards(0), "a:0"), towards(0), support.twin(5))
    assert store.list_tree("identifying") == [gallery.PATH] and store.list_tree("safe") == []
    gallery.forget(store)
    assert people.place(towards(0), "a:0") == Place("a:0", -1)


def test_a_damaged_gallery_is_an_empty_one(store: Store) -> None:
    store.write_named(gallery.PATH, b"not a gallery")
    people = Gallery(store, IdentityScope.DATASET)
    assert people.place(towards(0), "a:0") == Place("a:0", -1)
    assert people.keep(Place("a:0", -1), towards(0), support.twin(1))
