"""Who already appeared in this dataset, and which twin they have.

Keeps twins apart: a twin must resemble neither a source nor another twin of the dataset. With the scope `dataset` it
also gives a returning person the same twin in every video. Identifying: it lives under the identifying prefix.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from infra import serialise
from infra.errors import StoreError
from infra.settings import IdentityScope
from infra.store import Store
from models.capabilities import Floats, Twin

PATH = "identifying/dataset/gallery"
SAME = 0.55
"""Cosine distance (FaceNet) up to which a person counts as one seen in an earlier video; stricter than within a video,
where scenes and clothes agree too."""

_lock = threading.RLock()


@dataclass(frozen=True)
class _People:
    keys: tuple[str, ...]
    candidates: tuple[int, ...]
    embeddings: Floats
    twins: Floats


_NOBODY = _People((), (), np.zeros((0, 1), np.float32), np.zeros((0, 1), np.float32))


@dataclass(frozen=True)
class Place:
    """An identity's place in the gallery. key: seeds its twin. candidate: the twin it already has, or -1."""

    key: str
    candidate: int


class Gallery:
    """The stored gallery of a dataset; safe for the threads of one process."""

    def __init__(self, store: Store, scope: IdentityScope) -> None:
        self._store = store
        self._scope = scope

    def place(self, embedding: Floats, key: str) -> Place:
        """Find an identity: by its own key, or over the dataset by its embedding when the scope says so."""
        known = self._read()
        if key in known.keys:
            return Place(key, known.candidates[known.keys.index(key)])
        if self._scope is IdentityScope.DATASET and known.keys:
            distance = 1.0 - known.embeddings @ embedding
            nearest = int(np.argmin(distance))
            if distance[nearest] < SAME:
                return Place(known.keys[nearest], known.candidates[nearest])
        return Place(key, -1)

    def others(self, place: Place) -> tuple[list[Floats], tuple[int, ...]]:
        """(embeddings of everybody else and of their twins, candidates that somebody else has)."""
        known = self._read()
        rows = [i for i, key in enumerate(known.keys) if key != place.key]
        faces = [known.embeddings[i] for i in rows] + [known.twins[i] for i in rows]
        return faces, tuple(known.candidates[i] for i in rows)

    def keep(self, place: Place, embedding: Floats, twin: Twin) -> bool:
        """Record the twin of an identity; False when somebody else took this candidate in the meantime."""
        with _lock:
            known = self._read()
            keep = [i for i, key in enumerate(known.keys) if key != place.key]
            if twin.candidate in (known.candidates[i] for i in keep):
                return False
            people = _People(
                (*(known.keys[i] for i in keep), place.key),
                (*(known.candidates[i] for i in keep), twin.candidate),
                np.stack([*(known.embeddings[i] for i in keep), embedding]).astype(np.float32),
                np.stack([*(known.twins[i] for i in keep), twin.embedding]).astype(np.float32),
            )
            self._store.write_named(PATH, serialise.dumps(people))
            return True

    def _read(self) -> _People:
        with _lock:
            stored = self._store.read_named(PATH)
        if stored is None:
            return _NOBODY
        try:
            return serialise.loads(stored, _People)
        except StoreError:
            # Losing it costs a pseudonym across videos, never anybody's anonymity.
            return _NOBODY


def forget(store: Store) -> None:
    """Remove the gallery; after that nobody of the dataset can be found in it."""
    store.remove_tree("identifying/dataset")
