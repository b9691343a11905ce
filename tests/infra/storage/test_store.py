from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from infra.errors import StoreError, StoreUnavailable, UsageError
from infra.storage.store import Prefix, Ref, Store
from tests.reference.faulty_s3 import BUCKET, FaultyS3, running


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with running() as server:
        yield server


@pytest.fixture(params=["file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return Store(f"file://{tmp_path}/store")
    if request.param == "memory":
        return Store(f"memory://{tmp_path.name}")
    request.getfixturevalue("s3").reset()
    return Store(f"s3://{BUCKET}/{tmp_path.name}")


def test_bytes_and_files_come_back(store: Store, tmp_path: Path) -> None:
    data = os.urandom(100_000)
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(data)
    ref = store.put_bytes(Prefix.IDENTIFYING, "owner", data)
    assert store.put_file(Prefix.IDENTIFYING, "owner", source) == ref
    assert store.get_bytes(ref) == data
    store.get_file(ref, copy)
    assert copy.read_bytes() == data
    assert store.list_tree("identifying/owner") == [ref.path]
    assert store.digest(ref.path) == ref.digest


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 1000])
def test_damage_is_noticed_and_dropped(damage: bytes, store: Store, tmp_path: Path) -> None:
    ref = store.put_bytes(Prefix.SAFE, "owner", b"y" * 1000)
    store.write_named(ref.path, damage)
    with pytest.raises(StoreError, match="damaged"):
        store.get_bytes(ref)
    with pytest.raises(StoreError, match="missing"):
        store.get_bytes(ref)
    store.write_named(ref.path, damage)
    with pytest.raises(StoreError, match="damaged"):
        store.get_file(ref, tmp_path / "copy")
    assert list(tmp_path.glob("*copy*")) == []


def test_missing_is_an_error_of_ours(store: Store, tmp_path: Path) -> None:
    ref = Ref(Prefix.SAFE, "owner", "0" * 64, 3)
    with pytest.raises(StoreError, match="missing"):
        store.get_bytes(ref)
    with pytest.raises(StoreError, match="missing"):
        store.get_file(ref, tmp_path / "copy")
    assert store.read_named("safe/nothing") is None
    assert store.digest("safe/nothing") is None
    store.remove("safe/nothing")
    store.remove_tree("safe/nobody")


def test_purge_removes_one_owner_only(store: Store) -> None:
    gone = store.put_bytes(Prefix.IDENTIFYING, "one", b"1")
    kept = [store.put_bytes(Prefix.IDENTIFYING, "two", b"1"), store.put_bytes(Prefix.SAFE, "one", b"1")]
    store.remove_tree("identifying/one")
    assert store.list_tree("identifying/one") == []
    with pytest.raises(StoreError):
        store.get_bytes(gone)
    assert [store.get_bytes(ref) for ref in kept] == [b"1", b"1"]


@pytest.mark.parametrize("path", ["identifying", "", "a/../b", "/etc", "identifying/", "./x"])
def test_purge_cannot_reach_beyond_a_prefix(path: str, store: Store) -> None:
    with pytest.raises(UsageError):
        store.remove_tree(path)


def test_readers_never_see_a_part(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/store")
    contents = {bytes([n]) * 400_000 for n in range(2)}
    store.write_named("safe/x", next(iter(contents)))
    done = threading.Event()

    def write() -> None:
        for _ in range(40):
            for data in contents:
                store.write_named("safe/x", data)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        assert store.read_named("safe/x") in contents
        seen += 1
    writer.join()
    assert seen > 3
    assert [path.name for path in (tmp_path / "store" / "safe").iterdir()] == ["x"]


def test_local_rights(tmp_path: Path) -> None:
    private, public = Store(f"file://{tmp_path}/a"), Store(str(tmp_path / "b"), private=False)
    private.write_named("identifying/x", b"1")
    public.write_named("videos/x", b"1")
    assert (tmp_path / "a/identifying/x").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a/identifying").stat().st_mode & 0o077 == 0
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "b/videos/x").stat().st_mode & 0o777 == 0o666 & ~umask


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    store = Store(f"file://{tmp_path}/store")
    with pytest.raises(FileNotFoundError):
        store.put_named("videos/x", tmp_path / "nowhere")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_bad_address() -> None:
    with pytest.raises(UsageError):
        Store("nosuchprotocol://x")


def test_a_name_is_made_once(store: Store) -> None:
    """Also by equal bytes: who made it knows."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        made = list(pool.map(lambda n: store.create_named("safe/leases/x/0", b"the same"), range(16)))
    assert sum(made) == 1
    assert store.read_named("safe/leases/x/0") == b"the same"
    assert not store.create_named("safe/leases/x/0", b"another")
    assert store.read_named("safe/leases/x/0") == b"the same"
    assert store.list_tree("safe/leases") == ["safe/leases/x/0"]
    store.remove("safe/leases/x/0")
    assert store.create_named("safe/leases/x/0", b"another")


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_a_name_is_made_once_among_processes(kind: str, tmp_path: Path) -> None:
    """The forked processes use a store that was opened, and used, before the fork."""
    # What other tests have opened in this process is not to be forked: what a fork closes of it is closed here, too,
    # and later requests were never answered; and what Prefect has put at the end of a process fails in a fork.
    with running() if kind == "s3" else nullcontext():
        address = f"file://{tmp_path}/store" if kind == "file" else f"s3://{BUCKET}/{tmp_path.name}"
        alone = multiprocessing.get_context("spawn").Process(target=made_once_among_processes, args=(address,))
        alone.start()
        alone.join(60)
    assert alone.exitcode == 0


def made_once_among_processes(address: str) -> None:
    """Four forked processes make one name."""
    store = Store(address)
    store.write_named("safe/before", b"1")
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def create() -> None:
        answers.put(store.create_named("safe/name", str(os.getpid()).encode()))

    processes = [context.Process(target=create) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert sorted(answers.get() for _ in processes) == [False, False, False, True]


def test_store_that_forgets_conditions_is_refused(store: Store, request: pytest.FixtureRequest) -> None:
    store.check_exclusive()
    assert store.list_tree("safe") == []
    if "s3" in request.node.callspec.id:
        request.getfixturevalue("s3").unconditional = True
        with pytest.raises(UsageError, match="create-only"):
            store.check_exclusive()


def test_listing_with_details(store: Store) -> None:
    store.write_named("safe/a/one", b"1")
    store.write_named("safe/a/deep/two", b"22")
    store.write_named("safe/ab", b"333")
    listed = store.entries("safe/a")
    assert {path: entry.size for path, entry in listed.items()} == {"safe/a/deep/two": 2, "safe/a/one": 1}
    assert listed["safe/a/one"].stamp == store.stamp("safe/a/one")
    assert all(entry.modified.tzinfo is not None for entry in listed.values())
    assert store.entries("safe/nothing") == {}
    assert store.stamp("safe/nothing") is None
    assert store.stamp("safe/a") is None
    store.write_named("safe/a/one", b"2")
    assert store.entries("safe/a")["safe/a/one"].stamp == store.stamp("safe/a/one") != listed["safe/a/one"].stamp
    assert store.stamp("safe/a/deep/two") == listed["safe/a/deep/two"].stamp


def test_more_objects_than_one_listing_or_removal_holds(
    s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.reset()
    store = Store(f"s3://{BUCKET}/{tmp_path.name}")
    names = [f"safe/many/{n}" for n in range(8)]
    for name in names:
        store.write_named(name, b"")
    ask = store.place.call  # type: ignore[attr-defined]
    monkeypatch.setattr(store.place, "call", lambda *a, **k: ask(*a, **k, MaxKeys=3))
    monkeypatch.setattr("infra.storage.bucket._BATCH", 3)
    s3.seen.clear()
    assert store.list_tree("safe/many") == names
    assert len(s3.seen) == 3
    store.remove_tree("safe/many")
    assert store.list_tree("safe") == []


def test_object_read_in_several_pieces(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.storage.object_backend.CHUNK", 1000)
    monkeypatch.setattr("infra.storage.store.CHUNK", 1000)
    for size in (0, 999, 1000, 2000, 2500):
        data = os.urandom(size)
        ref = store.put_bytes(Prefix.SAFE, "owner", data)
        assert store.get_bytes(ref) == data
        assert store.read_named(ref.path) == data
        assert store.digest(ref.path) == ref.digest
        store.get_file(ref, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == data


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = Store(f"file://{tmp_path}/file")
    for call in (lambda: store.write_named("safe/x", b"1"), lambda: store.create_named("safe/x", b"1")):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert str(tmp_path) not in str(caught.value)
