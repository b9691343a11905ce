"""Doing each thing once: results of stages, found again by what they were made from.

An entry exists when its manifest exists, is readable, carries its own key and points to an object that is intact; the
manifest is written last. Two makers of the same entry in one process wait for each other; in different processes both
work and write the same thing.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from infra.errors import StoreError, StoreUnavailable
from infra.storage import serialise
from infra.storage.store import Prefix, Ref, Store
from infra.storage.upkeep import remove_for_good

T = TypeVar("T")
_VERSION = 1


@dataclass(frozen=True)
class Key:
    """What a result depends on.

    Attributes:
        stage, version: of the code.
        owner: public id of the video.
        inputs: digests of what it is given, in order.
        parameters: the settings that the stage reads.
        backends: name -> hash of weights.
        prefix: where the result belongs.
    """

    stage: str
    version: int | str
    owner: str
    inputs: Sequence[str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    backends: Mapping[str, str] = field(default_factory=dict)
    prefix: Prefix = Prefix.IDENTIFYING

    @property
    def digest(self) -> str:
        """SHA-256 over everything above but the prefix."""
        parts = {
            "format": _VERSION,
            "stage": self.stage,
            "version": self.version,
            "owner": self.owner,
            "inputs": list(self.inputs),
            "parameters": dict(self.parameters),
            "backends": dict(self.backends),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def manifest(self) -> str:
        """Place of the entry's manifest in the store."""
        return f"{self.prefix.value}/{self.owner}/done/{self.stage}-{self.digest}.json"


@dataclass(frozen=True)
class Made(Generic[T]):
    """A result.

    Attributes:
        digest: of its bytes, to be an input of later keys.
        hit: True when it was there already.
        seconds: that making it took, 0 for a hit.
    """

    value: T
    digest: str
    hit: bool
    seconds: float


class Cache:
    """Results of stages in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get_or_make(self, key: Key, kind: type[T], make: Callable[[], T]) -> Made[T]:
        """Read the dataclass value stored under a key, or make it and store it for the next time.

        A missing, damaged or outdated object counts as absent; a store that cannot be reached does not. An exception of
        `make` goes through and nothing is stored.

        Args:
            key: what the value depends on.
            kind: type of the value.
            make: makes the value.

        Returns:
            The value.

        Raises:
            StoreUnavailable: the store cannot be reached.
        """
        with self._lock(key):
            ref = self._find(key)
            if ref is not None:
                try:
                    return Made(serialise.loads(self._store.get_bytes(ref), kind), ref.digest, True, 0.0)
                except StoreUnavailable:
                    raise
                except StoreError:
                    self._store.remove(key.manifest)
            begun = time.perf_counter()
            value = make()
            seconds = time.perf_counter() - begun
            ref = self._store.put_bytes(key.prefix, key.owner, serialise.dumps(value))
            self._finish(key, ref, seconds)
            return Made(value, ref.digest, False, seconds)

    def purge(self, owner: str) -> None:
        """Remove every identifying object of one video for good. Raises as `infra.storage.upkeep.remove_for_good`.

        Args:
            owner: public id of the video.
        """
        remove_for_good(self._store, f"{Prefix.IDENTIFYING.value}/{owner}")

    def _lock(self, key: Key) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key.digest, threading.Lock())

    def _find(self, key: Key) -> Ref | None:
        manifest = self._store.read_json(key.manifest)
        if manifest is None or manifest.get("key") != key.digest:
            return None
        digest, size = manifest.get("digest"), manifest.get("size")
        if not isinstance(digest, str) or len(digest) != 64 or not isinstance(size, int):
            return None
        return Ref(key.prefix, key.owner, digest, size)

    def _finish(self, key: Key, ref: Ref, seconds: float) -> None:
        manifest = {
            "key": key.digest,
            "stage": key.stage,
            "version": key.version,
            "digest": ref.digest,
            "size": ref.size,
            "seconds": round(seconds, 3),
        }
        self._store.write_named(key.manifest, json.dumps(manifest, sort_keys=True).encode())
