"""Who already appeared in a dataset, and which twin they have.

Keeps twins apart: when a twin is kept it resembles no source that the gallery knows by then, and no other twin as long
as there are such (see `flows.recipes.twin_assignment`); with the scope `video` those do not count that others record in
the same moment. Not guaranteed: that no source resembles it that comes later, or whose video got no twin. With the
scope `dataset` it also gives a returning person the same twin in every video. Identifying: it lives under the
identifying prefix for as long as the dataset is being worked on, and is forgotten when a run has finished.

Every person is an object of its own, so that a dataset of many thousands is not rewritten for each. A candidate is
reserved by an object that only one can make, so two people get the same one only where that was meant, whatever
processes work at the same time. With the scope `dataset`, looking for a person and adding one is one process's turn at
a time.

What is forgotten costs: a later run into the same dataset seeds the twin of an identity as before (by the run's seed,
the video's public id and the identity's number), but it knows neither that the person appeared in the videos of
earlier runs, so that these may show another twin, nor which twins they use, so that two people of different runs may
get the same one. Of processes that were started each by itself, the first to finish forgets for all, with the same
cost. It never costs a person's anonymity.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from infra.errors import StoreError, StoreUnavailable
from infra.settings import IdentityScope
from infra.storage import serialise
from infra.storage.lease import Leases
from infra.storage.store import Prefix, Store
from infra.storage.upkeep import remove_for_good
from models.interfaces.capabilities import Floats
from models.interfaces.twins import Twin

SAME = 0.55
"""Cosine distance (FaceNet) up to which a person counts as one seen in an earlier video; stricter than within a video,
where scenes and clothes agree too."""
_LOOK_AGAIN_S = 0.2
_READERS = 16


@dataclass(frozen=True)
class _Person:
    key: str
    candidate: int
    embedding: Floats
    twin: Floats


@dataclass(frozen=True)
class GalleryEntry:
    """An identity's place in the gallery.

    Attributes:
        key: Seeds its twin.
        candidate: The twin that it already has, or -1.
        bound: It passed an audit and must be this person in all videos of the dataset.
    """

    key: str
    candidate: int
    bound: bool = False


@dataclass(frozen=True)
class OtherIdentities:
    """Every person but one identity.

    Attributes:
        people: Embeddings (D,) of the sources.
        twins: Embeddings (D,) of their twins' pictures.
        candidates: Which twins they have.
        keys: Whose these are.
    """

    people: list[Floats]
    twins: list[Floats]
    candidates: tuple[int, ...]
    keys: tuple[str, ...]

    def since(self, before: OtherIdentities) -> OtherIdentities:
        """Return those that an earlier state does not have, or not with this twin.

        Args:
            before: The earlier state.

        Returns:
            The new ones.
        """
        known = set(zip(before.keys, before.candidates, strict=True))
        new = [n for n, one in enumerate(zip(self.keys, self.candidates, strict=True)) if one not in known]
        return OtherIdentities(
            [self.people[n] for n in new],
            [self.twins[n] for n in new],
            tuple(self.candidates[n] for n in new),
            tuple(self.keys[n] for n in new),
        )


class Gallery:
    """The stored gallery of a dataset; safe among threads, and among processes that share the leases' store."""

    def __init__(
        self, store: Store, scope: IdentityScope, dataset: str, leases: Leases | None = None, numbering: str = ""
    ) -> None:
        """Args:
        store: Keeps the gallery.
        scope: Over what a person keeps a twin.
        dataset: A keyed id, so that the name of the folder says nothing.
        leases: None when no other process works on the dataset.
        numbering: What candidates' numbers mean, a digest of the inpainter: people whose twins another one numbered are
            not found.
        """
        self._store = store
        self._scope = scope
        self._name = f"dataset-{dataset}"
        self._folder = f"{Prefix.IDENTIFYING.value}/{self._name}"
        self._leases = leases
        self._people_folder = f"{self._folder}/gallery{'-' if numbering else ''}{numbering[:12]}"
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[str, _Person]] = {}

    @property
    def path(self) -> str:
        """Folder in the store under which it lies."""
        return self._people_folder

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Hold this for the last `place` before `keep`, so that a person in two videos at a time gets one twin.

        Other processes wait meanwhile: look for a twin before.
        """
        if self._scope is IdentityScope.VIDEO:
            yield
            return
        with self._turn:
            if self._leases is None:
                yield
                return
            while (claim := self._leases.claim(self._name)) is None:
                time.sleep(_LOOK_AGAIN_S)
            try:
                yield
            finally:
                self._leases.release(claim)

    def place(self, embedding: Floats, key: str, apart: Collection[str] = ()) -> GalleryEntry:
        """Find an identity: by its own key, or over the dataset by its embedding when the scope says so.

        Args:
            embedding: (D,) unit vector of the identity.
            key: Its own key.
            apart: Keys of the other people in the same video, who cannot be the same person.

        Returns:
            Its place, with candidate -1 when it is new.
        """
        if (own := self._person(key)) is not None:
            return self._at(own)
        if self._scope is IdentityScope.DATASET:
            people = [person for person in self._people().values() if person.key not in apart]
            if people:
                distance = 1.0 - np.stack([person.embedding for person in people]) @ embedding
                nearest = int(np.argmin(distance))
                if distance[nearest] < SAME:
                    return self._at(people[nearest])
        return GalleryEntry(key, -1)

    def others(self, place: GalleryEntry) -> OtherIdentities:
        """Return every other person in the dataset.

        Args:
            place: The identity that is left out.

        Returns:
            The others.
        """
        people = [person for key, person in self._people().items() if key != place.key]
        return OtherIdentities(
            [person.embedding for person in people],
            [person.twin for person in people],
            tuple(person.candidate for person in people),
            tuple(person.key for person in people),
        )

    def keep(self, place: GalleryEntry, embedding: Floats, twin: Twin) -> bool:
        """Record the twin of an identity.

        Args:
            place: The identity.
            embedding: (D,) embedding of its source.
            twin: The twin.

        Returns:
            False when it must not be: another person has this candidate, or another one was bound for this person in
            the meantime.
        """
        if self._refused(place, twin):
            return False
        self._record(place, embedding, twin)
        return True

    def bind(self, passed: Sequence[tuple[GalleryEntry, Floats, Twin]]) -> list[int]:
        """Record twins that passed an audit for good: all, or none when some must not be (see `keep`).

        With the scope `video` nothing is settled.

        Args:
            passed: (place, embedding (D,) of the person, twin) of each.

        Returns:
            Positions of those that must not be.
        """
        if self._scope is IdentityScope.VIDEO:
            return []
        with self.turn():
            refused = [n for n, (place, _, twin) in enumerate(passed) if self._refused(place, twin)]
            for n, (place, embedding, twin) in enumerate(passed):
                if not refused:
                    self._record(place, embedding, twin)
                    self._store.write_named(self._settled(place.key), str(twin.candidate).encode())
                elif n not in refused:
                    self._release(place.key, twin.candidate)
            return refused

    def forget(self) -> None:
        """Remove the gallery; after that no person of the dataset can be found in it."""
        with self._lock:
            self._seen.clear()
            remove_for_good(self._store, self._folder)

    def _refused(self, place: GalleryEntry, twin: Twin) -> bool:
        """Whether the identity must not have the twin; its candidate is reserved for the identity when it may."""
        known = self._person(place.key)
        now = self._at(known) if known is not None else GalleryEntry(place.key, -1)
        if now.bound and now.candidate != twin.candidate:
            return True
        reservation = self._taken(twin.candidate)
        if self._store.create_named(reservation, place.key.encode()):
            return False
        return self._store.read_named(reservation) != place.key.encode()

    def _record(self, place: GalleryEntry, embedding: Floats, twin: Twin) -> None:
        before = self._person(place.key)
        person = _Person(place.key, twin.candidate, embedding.astype(np.float32), twin.embedding.astype(np.float32))
        self._store.write_named(self._path(place.key), serialise.dumps(person))
        if before is not None:
            self._release(place.key, before.candidate)

    def _release(self, key: str, candidate: int) -> None:
        """Give a reservation back unless it is another person's, or the person has this twin."""
        person, reservation = self._person(key), self._taken(candidate)
        has = person is not None and person.candidate == candidate
        if not has and self._store.read_named(reservation) == key.encode():
            self._store.remove(reservation)

    def _at(self, person: _Person) -> GalleryEntry:
        # What a run over the dataset bound does not bind one over single videos.
        bound = self._scope is IdentityScope.DATASET and self._store.read_named(self._settled(person.key)) is not None
        return GalleryEntry(person.key, person.candidate, bound)

    def _people(self) -> dict[str, _Person]:
        """Key -> person; reads only what is new since the last time. A damaged person counts as absent."""
        with self._lock:
            listed = {path: entry.stamp for path, entry in self._store.entries(f"{self.path}/people").items()}
            new = [path for path, stamp in listed.items() if path not in self._seen or self._seen[path][0] != stamp]
            # A remote store answers slowly, but many at a time.
            with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="gallery") as pool:
                read = dict(zip(new, pool.map(self._read, new), strict=True))
            self._seen = {path: self._seen[path] for path in listed if path not in read} | {
                path: (listed[path], person) for path, person in read.items() if person is not None
            }
            return {person.key: person for _, person in self._seen.values()}

    def _person(self, key: str) -> _Person | None:
        """One person, without a listing of all."""
        return self._read(self._path(key))

    def _read(self, path: str) -> _Person | None:
        try:
            stored = self._store.read_named(path)
            return serialise.loads(stored, _Person) if stored is not None else None
        except StoreUnavailable:
            raise
        except StoreError:
            # Losing it costs a pseudonym across videos, never a person's anonymity.
            return None

    def _path(self, key: str) -> str:
        return f"{self.path}/people/{_name(key)}"

    def _taken(self, candidate: int) -> str:
        # The number tells the cell, so the attributes, of a person.
        return f"{self.path}/taken/{_name(str(candidate))}"

    def _settled(self, key: str) -> str:
        return f"{self.path}/settled/{_name(key)}"


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
