"""Who already appeared in a dataset, and which twin they have.

Keeps twins apart: a twin must resemble neither a source nor another twin of the dataset. With the scope `dataset` it
also gives a returning person the same twin in every video. Identifying: it lives under the identifying prefix for as
long as the dataset is being worked on, and is forgotten when a run has finished.

What is forgotten costs: a later run into the same dataset seeds the twin of an identity as before (by the run's seed,
the video's public id and the identity's number), but it knows neither that the person appeared in the videos of
earlier runs, so that these may show another twin, nor which twins they use, so that two people of different runs may
get the same one. Two processes that work on one dataset at the same time share the gallery without a lock between
them: each may miss what the other is just adding, and the first to finish forgets for both, with the same cost. It
never costs anybody's anonymity.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from infra import serialise
from infra.errors import StoreError
from infra.settings import IdentityScope
from infra.store import Prefix, Store
from models.capabilities import Floats
from models.twins import Twin

SAME = 0.55
"""Cosine distance (FaceNet) up to which a person counts as one seen in an earlier video; stricter than within a video,
where scenes and clothes agree too."""


@dataclass(frozen=True)
class _People:
    keys: tuple[str, ...]
    candidates: tuple[int, ...]
    settled: tuple[bool, ...]
    embeddings: Floats
    twins: Floats


_NOBODY = _People((), (), (), np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))


@dataclass(frozen=True)
class Place:
    """An identity's place in the gallery. key: seeds its twin. candidate: the twin it already has, or -1. settled: it
    passed an audit and must be this person in all videos of the dataset."""

    key: str
    candidate: int
    settled: bool = False


class Gallery:
    """The stored gallery of a dataset; safe for the threads that share this object."""

    def __init__(self, store: Store, scope: IdentityScope, dataset: str) -> None:
        """dataset: a keyed id, so that the name of the folder says nothing."""
        self._store = store
        self._scope = scope
        self._folder = f"{Prefix.IDENTIFYING.value}/dataset-{dataset}"
        self._lock = threading.RLock()
        self._turn = threading.Lock()

    @property
    def path(self) -> str:
        """Where it lies in the store."""
        return f"{self._folder}/gallery"

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Hold this from `place` to `keep`, so that a person who appears in two videos at a time gets one twin."""
        if self._scope is IdentityScope.VIDEO:
            yield
            return
        with self._turn:
            yield

    def place(self, embedding: Floats, key: str, apart: Collection[str] = ()) -> Place:
        """Find an identity: by its own key, or over the dataset by its embedding when the scope says so.

        apart: keys of the other people in the same video, who cannot be the same person.
        """
        known = self._read()
        if key in known.keys:
            return self._at(known, known.keys.index(key))
        if self._scope is IdentityScope.DATASET:
            rows = [i for i, other in enumerate(known.keys) if other not in apart]
            distance = 1.0 - known.embeddings[rows] @ embedding if rows else np.ones(1)
            nearest = int(np.argmin(distance))
            if distance[nearest] < SAME:
                return self._at(known, rows[nearest])
        return Place(key, -1)

    def others(self, place: Place) -> tuple[list[Floats], tuple[int, ...]]:
        """(embeddings of everybody else and of their twins, candidates that somebody else has)."""
        known = self._read()
        rows = [i for i, key in enumerate(known.keys) if key != place.key]
        faces = [known.embeddings[i] for i in rows] + [known.twins[i] for i in rows]
        return faces, tuple(known.candidates[i] for i in rows)

    def keep(self, place: Place, embedding: Floats, twin: Twin) -> bool:
        """Record the twin of an identity; False when it must not be: somebody else has this candidate, or another one
        was settled for this person in the meantime.
        """
        with self._lock:
            known = self._read()
            if self._refused(known, place, twin):
                return False
            self._write(_with(known, place, embedding, twin, self._now(known, place).settled))
            return True

    def settle(self, passed: Sequence[tuple[Place, Floats, Twin]]) -> list[int]:
        """Record twins that passed an audit, with their people's embeddings, for good: all, or none when some must not
        be (see `keep`). Returns the positions of those; with the scope `video` nothing is settled."""
        if self._scope is IdentityScope.VIDEO:
            return []
        with self._lock:
            known = self._read()
            refused = [n for n, (place, _, twin) in enumerate(passed) if self._refused(known, place, twin)]
            if not refused:
                for place, embedding, twin in passed:
                    known = _with(known, place, embedding, twin, settled=True)
                self._write(known)
            return refused

    def _refused(self, known: _People, place: Place, twin: Twin) -> bool:
        others = [c for key, c in zip(known.keys, known.candidates, strict=True) if key != place.key]
        now = self._now(known, place)
        return twin.candidate in others or (now.settled and now.candidate != twin.candidate)

    def _now(self, known: _People, place: Place) -> Place:
        return self._at(known, known.keys.index(place.key)) if place.key in known.keys else Place(place.key, -1)

    def _at(self, known: _People, row: int) -> Place:
        # What a run over the dataset settled does not bind one over single videos.
        settled = known.settled[row] and self._scope is IdentityScope.DATASET
        return Place(known.keys[row], known.candidates[row], settled)

    def _write(self, people: _People) -> None:
        self._store.write_named(self.path, serialise.dumps(people))

    def forget(self) -> None:
        """Remove it; after that nobody of the dataset can be found in it."""
        with self._lock:
            self._store.remove_tree(self._folder)

    def _read(self) -> _People:
        with self._lock:
            stored = self._store.read_named(self.path)
        if stored is None:
            return _NOBODY
        try:
            return serialise.loads(stored, _People)
        except StoreError:
            # Losing it costs a pseudonym across videos, never anybody's anonymity.
            return _NOBODY


def _with(people: _People, place: Place, embedding: Floats, twin: Twin, settled: bool) -> _People:
    rows = [i for i, key in enumerate(people.keys) if key != place.key]
    return _People(
        (*(people.keys[i] for i in rows), place.key),
        (*(people.candidates[i] for i in rows), twin.candidate),
        (*(people.settled[i] for i in rows), settled),
        np.stack([*(people.embeddings[i] for i in rows), embedding]).astype(np.float32),
        np.stack([*(people.twins[i] for i in rows), twin.embedding]).astype(np.float32),
    )
