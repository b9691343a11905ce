from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import StoreError, UsageError
from infra.store import Prefix, Ref, Store


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Address of a bucket on a server in this process."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    import boto3

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    boto3.client("s3").create_bucket(Bucket="anonflow")
    yield "s3://anonflow/store"
    server.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(params=["file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return Store(f"file://{tmp_path}/store")
    if request.param == "memory":
        return Store(f"memory://{tmp_path.name}")
    return Store(f"{request.getfixturevalue('s3')}/{tmp_path.name}")


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
