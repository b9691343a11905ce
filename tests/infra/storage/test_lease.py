"""Leases: one holder at a time, taken over from the dead and from nobody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.errors import StoreUnavailable
from infra.storage import lease
from infra.storage.lease import Leases
from infra.storage.store import Store

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys
from infra.storage.lease import Leases
from infra.storage.store import Store
with Leases(Store(sys.argv[1]), float(sys.argv[2])) as leases:
    print("got" if leases.claim("video") else "busy", flush=True)
    sys.stdin.readline()
"""
RACER = """
import sys
from infra.storage.lease import Leases
from infra.storage.store import Store
with Leases(Store(sys.argv[1])) as leases:
    print("ready", flush=True)
    sys.stdin.readline()
    print(*[n for n in range(60) if leases.claim(f"video{n}")], flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path}/store")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    begun: list[subprocess.Popen[str]] = []

    def begin(script: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, f"file://{tmp_path}/store", *arguments]
        begun.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield begin
    for child in begun:
        child.kill()
        child.communicate()


def tell(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def leftovers(store: Store) -> list[str]:
    return store.list_tree("safe/leases")


def test_one_holder_until_it_gives_the_lease_back(store: Store) -> None:
    with Leases(store) as one, Leases(store) as other:
        claim = one.claim("video")
        assert claim is not None and (claim.crashes, claim.poison) == (0, "") and one.held(claim)
        assert other.claim("video") is None and one.claim("video") is None
        assert other.claim("another") is not None
        one.release(claim)
        assert not one.held(claim)
        again = other.claim("video")
        assert again is not None and again.crashes == 0


def test_two_processes_never_hold_the_same(process: Callable[..., subprocess.Popen[str]], store: Store) -> None:
    racers = [process(RACER), process(RACER)]
    assert [line(racer) for racer in racers] == ["ready", "ready"]
    for racer in racers:
        tell(racer)
    won = [line(racer).split() for racer in racers]
    assert sorted(won[0] + won[1], key=int) == [str(n) for n in range(60)]


def test_threads_never_hold_the_same(store: Store) -> None:
    won: list[str] = []
    with Leases(store) as leases:
        names = [f"video{n % 10}" for n in range(80)]
        threads = [threading.Thread(target=lambda n=n: won.append(n) if leases.claim(n) else None) for n in names]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(won) == sorted(set(names))


def test_a_killed_holder_of_this_machine_is_replaced_at_once_and_counted(
    process: Callable[..., subprocess.Popen[str]], store: Store
) -> None:
    for crashes in (1, 2):
        holder = process(HOLDER, "60")
        assert line(holder) == "got"
        with Leases(store) as leases:
            assert leases.claim("video") is None
            os.kill(holder.pid, signal.SIGKILL)
            # Not waited for: what is left of the process is a zombie.
            deadline = time.monotonic() + 10
            while (claim := leases.claim("video")) is None and time.monotonic() < deadline:
                time.sleep(0.02)
            assert claim is not None and claim.crashes == crashes
            leases.release(claim, ended_well=False)
    with Leases(store) as leases:
        claim = leases.claim("video")
        assert claim is not None and claim.crashes == 2, "an orderly end without a verdict forgets no crash"
        leases.release(claim)
        assert leftovers(store) == []


def test_a_silent_holder_elsewhere_is_replaced_after_it_was_watched_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(lease, "boottime", lambda: now[0])
    elsewhere = {"machine": "another", "process": 1, "began": "1", "beat": 0}
    store.write_named("safe/leases/video/000000", json.dumps(elsewhere).encode())
    leases = Leases(store, ttl_s=60)
    assert leases.claim("video") is None
    now[0] += 59
    assert leases.claim("video") is None
    store.write_named("safe/leases/video/000000", json.dumps(elsewhere | {"beat": 1}).encode())
    now[0] += 59
    assert leases.claim("video") is None, "a beat was seen meanwhile"
    now[0] += 61
    claim = leases.claim("video")
    assert claim is not None and claim.crashes == 1
    leases.__exit__()


def test_wall_clocks_do_not_matter(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with Leases(store, ttl_s=30) as one, Leases(store, ttl_s=30) as skewed:
        claim = one.claim("video")
        monkeypatch.setattr(time, "time", lambda: 4e9)
        assert skewed.claim("video") is None
        assert claim is not None and one.held(claim)


def test_the_heartbeat_keeps_a_lease_and_its_loss_is_noticed(store: Store) -> None:
    with Leases(store, ttl_s=1.2) as one, Leases(store, ttl_s=1.2) as other:
        claim = one.claim("video")
        assert claim is not None
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert other.claim("video") is None and one.held(claim)
            time.sleep(0.05)
        assert claim.beat >= 4
        # Somebody took over: the next beat tells.
        assert store.create_named("safe/leases/video/000001", b"{}")
        until = time.monotonic() + 5
        while one.held(claim) and time.monotonic() < until:
            time.sleep(0.02)
        assert not one.held(claim)
        one.release(claim)
        assert leftovers(store) == ["safe/leases/video/000001"], "what the other holds is not removed"


def test_a_holder_that_cannot_reach_the_store_stops_relying_on_its_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Leases(store, ttl_s=0.4) as leases:
        claim = leases.claim("video")
        assert claim is not None

        def unreachable(*_: object) -> None:
            raise StoreUnavailable("The store cannot be reached.")

        monkeypatch.setattr(store, "write_named", unreachable)
        time.sleep(0.6)
        assert not leases.held(claim)


def test_the_next_holder_in_one_process_is_not_taken_for_the_one_before_it(store: Store) -> None:
    """A worker coordinates a short run, then another: to whoever watches, the lease looks as it did long ago."""
    with Leases(store) as holder, Leases(store, ttl_s=0.3) as watcher:
        for _ in range(2):
            claim = holder.claim("coordinator")
            assert claim is not None and watcher.alive("coordinator") and watcher.dead("coordinator") == 0
            holder.release(claim)
            time.sleep(0.5)


def test_poison_stays_until_it_is_forgotten(store: Store) -> None:
    with Leases(store) as leases:
        claim = leases.claim("video")
        assert claim is not None
        leases.mark_poisoned("video", "hung")
        leases.release(claim)
        again = leases.claim("video")
        assert again is not None and again.poison == "hung"
        leases.release(again, ended_well=True)
        leases.forget("video")
        assert leases.poisoned("video") == "" and leftovers(store) == []


def test_a_block_that_fails_keeps_the_history(store: Store) -> None:
    store.create_named("safe/leases/video/000000", b"{}")
    with Leases(store, ttl_s=0.05) as leases:
        assert leases.claim("video") is None
        time.sleep(0.1)
        with pytest.raises(ValueError, match="no"), leases.holding("video") as claim:
            assert claim is not None and claim.crashes == 1
            raise ValueError("no")
        assert leftovers(store) == ["safe/leases/video/000000"]
        with leases.holding("video") as claim:
            assert claim is not None and leases.alive("video")
        assert leftovers(store) == [] and not leases.alive("video")


def foreign(store: Store, number: int = 0, beat: int = 0) -> None:
    """The lease of a holder on another machine."""
    content = {"machine": "elsewhere", "process": 1, "began": "then", "beat": beat}
    store.write_named(f"safe/leases/video/{number:06d}", json.dumps(content).encode())


def test_a_holder_that_died_on_another_machine_is_watched_until_it_counts_as_dead(store: Store) -> None:
    foreign(store)
    with Leases(store, ttl_s=0.3) as leases:
        assert leases.claim("video") is None, "at one look nobody can tell"
        began = time.monotonic()
        claim = leases.claim_patiently("video", threading.Event())
        assert claim is not None and claim.crashes == 1 and time.monotonic() - began >= 0.2


def test_a_sign_of_life_ends_the_watching(store: Store) -> None:
    foreign(store)
    timer = threading.Timer(0.2, lambda: foreign(store, beat=1))
    timer.start()
    with Leases(store, ttl_s=30) as leases:
        began = time.monotonic()
        assert leases.claim_patiently("video", threading.Event()) is None and time.monotonic() - began < 10
    timer.join()


def test_a_process_of_this_machine_needs_no_watching(store: Store) -> None:
    with Leases(store) as one, Leases(store) as other:
        claim = one.claim("video")
        assert claim is not None
        began = time.monotonic()
        assert other.claim_patiently("video", threading.Event()) is None and time.monotonic() - began < 1
        one.release(claim)
        again = other.claim_patiently("video", threading.Event())
        assert again is not None and again.crashes == 0


def test_whoever_is_stopped_while_watching_holds_nothing(store: Store) -> None:
    foreign(store)
    stop = threading.Event()
    stop.set()
    with Leases(store, ttl_s=0.1) as leases, leases.holding("video", stop) as claim:
        assert claim is None
    assert leftovers(store) == ["safe/leases/video/000000"]
