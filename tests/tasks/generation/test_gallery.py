"""Who has which twin in a dataset."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import IdentityScope
from infra.storage.lease import Leases
from infra.storage.store import Store
from tasks.generation import gallery
from tasks.generation.gallery import Gallery, GalleryEntry, OtherIdentities
from tests.reference.racers import race
from tests.tasks import support


def towards(angle: float) -> np.ndarray:
    return np.float32([np.cos(angle), np.sin(angle), 0])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


def test_one_key_keeps_its_candidate(store: Store) -> None:
    people = Gallery(store, IdentityScope.VIDEO, "data")
    place = people.place(towards(0), "a:0")
    assert place == GalleryEntry("a:0", -1)
    assert people.keep(place, towards(0), support.twin(5))
    assert Gallery(store, IdentityScope.VIDEO, "data").place(towards(2), "a:0") == GalleryEntry("a:0", 5)
    assert people.keep(place, towards(0), support.twin(8)) and people.place(towards(0), "a:0").candidate == 8
    assert people.others(place) == OtherIdentities([], [], (), ())


def test_a_candidate_of_somebody_else_is_refused(store: Store) -> None:
    people = Gallery(store, IdentityScope.VIDEO, "data")
    assert people.keep(GalleryEntry("a:0", -1), towards(0), support.twin(5))
    assert not people.keep(GalleryEntry("b:0", -1), towards(1), support.twin(5))
    assert people.place(towards(1), "b:0") == GalleryEntry("b:0", -1)
    others = people.others(GalleryEntry("b:0", -1))
    assert others.candidates == (5,) and np.allclose(others.people[0], towards(0))
    assert np.allclose(others.twins[0], support.twin(5).embedding)


@settings(max_examples=30, deadline=None)
@given(wishes=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=25))
def test_two_identities_never_have_the_same_candidate(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[int, int]]
) -> None:
    store = Store(f"file://{tmp_path_factory.mktemp('gallery')}")
    people = Gallery(store, IdentityScope.VIDEO, "data")
    granted: dict[str, int] = {}
    for who, candidate in wishes:
        place = people.place(towards(who), f"video:{who}")
        if people.keep(place, towards(who), support.twin(candidate)):
            granted[place.key] = candidate
        assert len(set(granted.values())) == len(granted)
    for key, candidate in granted.items():
        assert people.place(towards(0), key).candidate == candidate


def test_over_the_dataset_a_returning_person_is_known_and_a_stranger_is_not(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET, "data")
    people.keep(people.place(towards(0), "a:0"), towards(0), support.twin(5))
    people.keep(people.place(towards(2), "a:1"), towards(2), support.twin(6))
    near, far = np.arccos(1 - gallery.SAME) - 0.05, np.arccos(1 - gallery.SAME) + 0.05
    assert people.place(towards(-near), "b:0") == GalleryEntry("a:0", 5)
    assert people.place(towards(-far), "b:1") == GalleryEntry("b:1", -1)
    assert Gallery(store, IdentityScope.VIDEO, "data").place(towards(0), "b:0") == GalleryEntry("b:0", -1)


def test_it_lies_under_the_identifying_prefix_and_can_be_forgotten(store: Store, tmp_path: Path) -> None:
    people = Gallery(store, IdentityScope.VIDEO, "data")
    people.keep(people.place(towards(0), "a:0"), towards(0), support.twin(5))
    assert people.path.startswith("identifying/")
    assert {path.rsplit("/", 2)[0] for path in store.list_tree("identifying")} == {people.path}
    assert store.list_tree("safe") == []
    people.forget()
    assert people.place(towards(0), "a:0") == GalleryEntry("a:0", -1)
    assert store.list_tree("identifying") == []
    people.forget()


def test_another_dataset_knows_nobody_of_this_one(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET, "data")
    people.keep(people.place(towards(0), "a:0"), towards(0), support.twin(5))
    other = Gallery(store, IdentityScope.DATASET, "other")
    assert other.place(towards(0), "b:0") == GalleryEntry("b:0", -1)
    assert other.keep(GalleryEntry("b:0", -1), towards(0), support.twin(5))
    other.forget()
    assert people.place(towards(0), "b:0") == GalleryEntry("a:0", 5)


def test_two_people_of_one_video_cannot_be_the_same_one_of_an_earlier(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET, "data")
    people.keep(people.place(towards(0), "a:0"), towards(0), support.twin(5))
    assert people.place(towards(0.1), "b:0") == GalleryEntry("a:0", 5)
    assert people.place(towards(0.2), "b:1", apart={"a:0"}) == GalleryEntry("b:1", -1)


KEEPER = """
import sys
import numpy as np
from infra.settings import IdentityScope
from infra.storage.store import Store
from tasks.generation.gallery import Gallery, GalleryEntry
from tests.tasks import support
people = Gallery(Store(sys.argv[1]), IdentityScope.VIDEO, "data")
print("ready", flush=True)
sys.stdin.readline()
entries = [GalleryEntry(f"{sys.argv[2]}:{n}", -1) for n in range(15)]
print(*[n for n, entry in enumerate(entries) if people.keep(entry, np.float32([1, 0, 0]), support.twin(n))])
"""


def test_processes_never_give_one_twin_to_two_people(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/store")
    kept = [said.split() for said in race(KEEPER, *((f"file://{tmp_path}/store", name) for name in "ab"))]
    assert sorted(kept[0] + kept[1], key=int) == [str(n) for n in range(15)]
    assert len(Gallery(store, IdentityScope.VIDEO, "data").others(GalleryEntry("c:0", -1)).candidates) == 15


@pytest.mark.parametrize("scope", list(IdentityScope))
@pytest.mark.parametrize("processes", [1, 2])
def test_one_person_in_two_videos_at_a_time(store: Store, scope: IdentityScope, processes: int) -> None:
    leases = [Leases(store) if processes > 1 else None for _ in range(2)]
    one = Gallery(store, scope, "data")
    galleries = [Gallery(store, scope, "data", own) for own in leases] if processes > 1 else [one, one]
    begun, both = threading.Event(), threading.Barrier(2)

    def find(video: int) -> GalleryEntry:
        people = galleries[video]
        if video:
            assert begun.wait(10)
        with people.turn():
            begun.set()
            place = people.place(towards(0), f"{video}:0")
            if scope is IdentityScope.VIDEO:
                both.wait(10)
            else:
                time.sleep(0.05)
            assert people.keep(place, towards(0), support.twin(place.candidate if place.candidate >= 0 else video))
            return people.place(towards(0), f"{video}:0")

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(find, range(2))
    assert (first == second) == (scope is IdentityScope.DATASET)
    for own in leases:
        if own is not None:
            own.__exit__()
    assert store.list_tree("safe/leases") == []


def test_a_settled_twin_is_the_persons_for_good(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET, "data")
    place = people.place(towards(0), "a:0")
    assert people.keep(place, towards(0), support.twin(5)) and not people.place(towards(0), "b:0").bound
    assert people.bind([(place, towards(0), support.twin(5))]) == []
    assert people.place(towards(0), "b:0") == GalleryEntry("a:0", 5, bound=True)
    assert not people.keep(place, towards(0), support.twin(6))
    assert people.bind([(place, towards(0), support.twin(6))]) == [0]
    assert people.keep(place, towards(0), support.twin(5))
    assert people.place(towards(0), "b:0") == GalleryEntry("a:0", 5, bound=True)


def test_a_twin_that_somebody_else_has_cannot_be_settled_and_then_nobody_is(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET, "data")
    assert people.keep(GalleryEntry("a:0", -1), towards(0), support.twin(5))
    wishes = [
        (GalleryEntry("c:0", -1), towards(2), support.twin(7)),
        (GalleryEntry("b:0", -1), towards(4), support.twin(5)),
    ]
    assert people.bind(wishes) == [1]
    assert people.place(towards(2), "c:0") == GalleryEntry("c:0", -1)
    assert people.keep(GalleryEntry("d:0", -1), towards(1), support.twin(7)), (
        "what was reserved for nothing is free again"
    )
    assert not people.keep(GalleryEntry("d:0", -1), towards(1), support.twin(5))


def test_who_is_new_since(store: Store) -> None:
    people, asking = Gallery(store, IdentityScope.VIDEO, "data"), GalleryEntry("x:0", -1)
    assert people.keep(GalleryEntry("a:0", -1), towards(0), support.twin(5))
    assert people.keep(GalleryEntry("b:0", -1), towards(1), support.twin(6))
    before = people.others(asking)
    assert people.others(asking).since(before) == OtherIdentities([], [], (), ())
    assert people.keep(GalleryEntry("b:0", 6), towards(1), support.twin(7))
    assert people.keep(GalleryEntry("c:0", -1), towards(2), support.twin(8))
    new = people.others(asking).since(before)
    assert dict(zip(new.keys, new.candidates, strict=True)) == {"b:0": 7, "c:0": 8}
    sources = dict(zip(new.keys, new.people, strict=True))
    assert np.allclose(sources["b:0"], towards(1)) and np.allclose(sources["c:0"], towards(2))


def test_over_single_videos_nothing_is_settled_nor_bound(store: Store) -> None:
    people = Gallery(store, IdentityScope.VIDEO, "data")
    place = people.place(towards(0), "a:0")
    assert people.bind([(place, towards(0), support.twin(5))]) == []
    assert people.others(GalleryEntry("x", -1)) == OtherIdentities([], [], (), ())
    whole = Gallery(store, IdentityScope.DATASET, "data")
    assert whole.bind([(place, towards(0), support.twin(5))]) == []
    assert people.place(towards(0), "a:0") == GalleryEntry("a:0", 5)
    assert people.keep(place, towards(0), support.twin(6))


def test_a_damaged_gallery_is_an_empty_one(store: Store) -> None:
    people = Gallery(store, IdentityScope.DATASET, "data")
    assert people.keep(GalleryEntry("a:0", -1), towards(0), support.twin(1))
    (stored,) = store.list_tree(f"{people.path}/people")
    store.write_named(stored, b"not a person")
    assert people.place(towards(0), "a:0") == GalleryEntry("a:0", -1)
    assert people.keep(GalleryEntry("a:0", -1), towards(0), support.twin(1))
