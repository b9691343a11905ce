"""One holder at a time, among all threads, processes and machines that share a store.

A lease is a folder of numbered objects, one for each holder it ever had, made create-only: the one who makes the next
number holds it. A holder rewrites its object every few seconds. Another takes over when it has watched the object stay
the same for `ttl_s`, by its own clock: no two machines' clocks are ever compared, so none has to be right. On one
machine a holder whose process has ended is replaced at once. What a dead holder left stays until a later holder settles
the matter, so the number of dead holders says how often work under this name has crashed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.errors import StoreError
from infra.process.processes import began, machine
from infra.storage.store import Prefix, Store

TTL_S = 60.0
_BEATS = 4
_LOOKS = 30
"""Looks at a silent holder within the time after which it counts as dead."""
FOLDER = f"{Prefix.SAFE.value}/leases"
_POISON = "poison"


def boottime() -> float:
    """Seconds since some fixed moment, also counted while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass
class Claim:
    """A lease that is held.

    Attributes:
        crashes: holders before this one that died.
        poison: why it should not be tried, or empty.
    """

    name: str
    number: int
    crashes: int
    poison: str
    lower: tuple[str, ...] = field(repr=False)
    beaten: float = field(repr=False)
    token: str = field(repr=False)
    beat: int = 0
    lost: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Leases:
    """The leases of one process; use as a context manager, which ends the heartbeat. Safe among threads.

    Not guaranteed: a holder that was paused between its last look at `held` and a write may still write after another
    took over.
    """

    def __init__(self, store: Store, ttl_s: float = TTL_S, about: str = "") -> None:
        """Prepare the leases of this process; no heartbeat runs before the first claim.

        Args:
            store: the store that all holders share.
            ttl_s: seconds of silence after which a holder counts as dead.
            about: noted in every lease, see `about`.
        """
        self._store, self._ttl_s = store, ttl_s
        self._self = {"machine": machine(), "process": os.getpid(), "began": began(os.getpid()), "about": about}
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}
        self._seen: dict[str, tuple[dict[str, Any] | None, float]] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeat; what is still held will look dead after a while, as it should."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def claim(self, name: str) -> Claim | None:
        """Become the holder of a lease.

        Args:
            name: the lease.

        Returns:
            The claim; None while another holds it, in this process or elsewhere.
        """
        numbers = self._numbers(name)
        if numbers and self.alive(name, numbers[-1]):
            return None
        number, begun = (numbers[-1] + 1 if numbers else 0), boottime()
        # The next holder of a number that was given back must not look like the one before it, long silent.
        token = secrets.token_hex(8)
        if not self._store.create_named(_path(name, number), self._content(token, 0)):
            return None
        lower = tuple(_path(name, n) for n in numbers)
        claim = Claim(name, number, len(numbers), self.poisoned(name), lower, begun, token)
        with self._lock:
            self._held[name] = claim
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()
        return claim

    def claim_patiently(self, name: str, stop: threading.Event) -> Claim | None:
        """Become the holder as `claim`, also after a holder on another machine died.

        While nothing is seen of the holder it is watched until it counts as dead.

        Args:
            name: the lease.
            stop: ends the watch when set.

        Returns:
            The claim; None as soon as the holder shows a sign of life, or `stop` is set.
        """
        before = None
        while not stop.is_set():
            claim = self.claim(name)
            if claim is not None:
                return claim
            now = self._latest(name)
            if now is not None and (self._certain(now) or before not in (None, now)):
                return None
            before = now
            stop.wait(self._ttl_s / _LOOKS)
        return None

    def held(self, claim: Claim) -> bool:
        """Say whether a claim can be relied on: not taken over, and confirmed less than `ttl_s` ago.

        Args:
            claim: the claim.

        Returns:
            True when it can.
        """
        return not claim.lost and boottime() - claim.beaten < self._ttl_s

    def release(self, claim: Claim, ended_well: bool = True) -> None:
        """Give a lease back.

        Args:
            claim: the claim.
            ended_well: the work is done, so the crashes before it are forgotten.
        """
        with self._lock:
            self._held.pop(claim.name, None)
        # A beat that is under way must not bring the object back.
        with claim.guard:
            for path in claim.lower if ended_well and not claim.lost else ():
                self._store.remove(path)
            self._store.remove(_path(claim.name, claim.number))
            claim.lost = True

    @contextlib.contextmanager
    def holding(self, name: str, stop: threading.Event | None = None) -> Iterator[Claim | None]:
        """Claim a lease for the length of the block. Released as ended when the block ends well.

        Args:
            name: the lease.
            stop: when given, claims patiently, see `claim_patiently`.

        Yields:
            The claim, None when the lease is taken.
        """
        claim = self.claim(name) if stop is None else self.claim_patiently(name, stop)
        well = False
        try:
            yield claim
            well = True
        finally:
            if claim is not None:
                self.release(claim, ended_well=well)

    def alive(self, name: str, number: int | None = None) -> bool:
        """Say whether a lease has a holder that shows signs of life.

        Must be asked repeatedly: silence is noticed only after it was watched for `ttl_s`.

        Args:
            name: the lease.
            number: of the holder, the newest when None.

        Returns:
            True when it does.
        """
        if number is None:
            numbers = self._numbers(name)
            if not numbers:
                return False
            number = numbers[-1]
        path = _path(name, number)
        try:
            content = self._store.read_json(path)
        except FileNotFoundError:
            return False
        if content is not None and _ended(content, self._self["machine"]):
            return False
        with self._lock:
            before = self._seen.get(path)
            if before is None or before[0] != content:
                self._seen[path] = (content, boottime())
                return True
            return boottime() - before[1] < self._ttl_s

    def dead(self, name: str) -> int:
        """Count the holders that died since the matter last ended well. Must be asked repeatedly, as `alive`.

        Args:
            name: the lease.

        Returns:
            Their number, 0 while one lives or when there never was one.
        """
        numbers = self._numbers(name)
        return len(numbers) if numbers and not self.alive(name, numbers[-1]) else 0

    def about(self, about: str) -> list[str]:
        """List the leases, of the living and the dead, that were taken with a note.

        Args:
            about: the note.

        Returns:
            Names of the leases, sorted.
        """
        paths = [path for path in self._store.list_tree(FOLDER) if path.rpartition("/")[2].isdigit()]
        said = {path.split("/")[-2] for path in paths if (self._store.read_json(path) or {}).get("about") == about}
        return sorted(said)

    def mark_poisoned(self, name: str, reason: str) -> None:
        """Leave a note that this should not be tried again.

        Args:
            name: the lease.
            reason: why not.
        """
        self._store.write_named(f"{FOLDER}/{name}/{_POISON}", reason.encode())

    def poisoned(self, name: str) -> str:
        """Read why this should not be tried.

        Args:
            name: the lease.

        Returns:
            The reason, empty when there is nothing against it.
        """
        said = self._store.read_named(f"{FOLDER}/{name}/{_POISON}")
        return said.decode() if said else ""

    def forget(self, name: str) -> None:
        """Forget crashes and poison, and also a holder that there may be now.

        Args:
            name: the lease.
        """
        self._store.remove_tree(f"{FOLDER}/{name}")

    def _numbers(self, name: str) -> list[int]:
        names = (path.rpartition("/")[2] for path in self._store.list_tree(f"{FOLDER}/{name}"))
        return sorted(int(last) for last in names if last.isdigit())

    def _latest(self, name: str) -> tuple[int, dict[str, Any] | None] | None:
        """Number and content of the newest lease, None when there is none."""
        numbers = self._numbers(name)
        return (numbers[-1], self._store.read_json(_path(name, numbers[-1]))) if numbers else None

    def _certain(self, latest: tuple[int, dict[str, Any] | None]) -> bool:
        """Whether the holder is known to live without watching it: a process of this machine that runs."""
        content = latest[1] or {}
        return content.get("machine") == self._self["machine"] and not _ended(content, self._self["machine"])

    def _content(self, token: str, beat: int) -> bytes:
        return json.dumps(self._self | {"claim": token, "beat": beat}, sort_keys=True).encode()

    def _keep(self) -> None:
        while not self._stopped.wait(self._ttl_s / _BEATS):
            with self._lock:
                claims = list(self._held.values())
            for claim in claims:
                # An unreachable store costs the claim when it lasts, which `held` tells by the time of the last beat.
                with contextlib.suppress(OSError, StoreError):
                    self._beat(claim)

    def _beat(self, claim: Claim) -> None:
        with claim.guard:
            begun = boottime()
            if claim.lost or not self.held(claim) or self._numbers(claim.name)[-1:] != [claim.number]:
                claim.lost = True
                return
            claim.beat += 1
            self._store.write_named(_path(claim.name, claim.number), self._content(claim.token, claim.beat))
            claim.beaten = begun


def _path(name: str, number: int) -> str:
    return f"{FOLDER}/{name}/{number:06d}"


def _ended(content: dict[str, Any], here: Any) -> bool:
    """Whether the holder was a process of this machine that no longer runs."""
    process, since = content.get("process"), content.get("began")
    if content.get("machine") != here or not isinstance(process, int) or not since:
        return False
    return began(process) != since
