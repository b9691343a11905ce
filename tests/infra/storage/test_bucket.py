from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import StoreUnavailable
from infra.storage.bucket import Bucket, download
from infra.storage.store import Prefix, Store
from tests.reference.faulty_s3 import BUCKET, FaultyS3, running

FAULTS = ["500 InternalError", "503 SlowDown", "reset before", "reset after", "short", "slow"]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyS3]:
    with running() as server:
        yield server


@pytest.fixture
def s3(server: FaultyS3) -> FaultyS3:
    server.reset()
    return server


@pytest.fixture
def bucket(s3: FaultyS3, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    if "slow" in request.node.name:
        monkeypatch.setenv("ANONFLOW_S3_TIMEOUT", "0.3")
    return Bucket(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.mark.parametrize("what", FAULTS)
def test_faults_are_survived(what: str, s3: FaultyS3, bucket: Bucket) -> None:
    data = os.urandom(300_000)
    s3.fail(what, "PUT", seconds=0.5)
    bucket.write("safe/a", data)
    s3.fail(what, "GET", seconds=0.5)
    assert bucket.read("safe/a", 0, 1_000_000) == data
    if what != "slow":
        s3.fail(what, "GET", times=2)
        assert list(bucket.entries("safe")) == ["safe/a"]
        s3.fail(what if what != "short" else "reset before", "DELETE")
        bucket.remove(["safe/a"])
        assert bucket.size("safe/a") is None


@pytest.mark.parametrize("what", ["reset after", "slow", "503 SlowDown"])
def test_own_object_is_known_after_a_lost_answer(what: str, s3: FaultyS3, bucket: Bucket) -> None:
    """The first request makes the object, its answer is lost, and the second one hears that the name is taken."""
    s3.fail(what, "PUT", times=1, seconds=0.5)
    assert bucket.create("safe/name", b"mine")
    assert not bucket.create("safe/name", b"mine")
    assert [seen.split()[0] for seen in s3.seen].count("PUT") == 3


@pytest.mark.parametrize("what", ["409 ConditionalRequestConflict", "412 PreconditionFailed"])
def test_conflict_over_a_name_that_is_free_is_tried_again(what: str, s3: FaultyS3, bucket: Bucket) -> None:
    s3.fail(what, "PUT", times=2)
    assert bucket.create("safe/name", b"1")
    s3.fail("409 ConditionalRequestConflict", "PUT")
    assert not bucket.create("safe/name", b"2")
    assert bucket.read("safe/name", 0, 10) == b"1"


def test_patience_ends(s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONFLOW_STORE_PATIENCE", "0.4")
    bucket = Bucket(f"s3://{BUCKET}/{tmp_path.name}")
    s3.fail("503 SlowDown", times=1000)
    with pytest.raises(StoreUnavailable, match="SlowDown"):
        bucket.read("safe/a", 0, 1)
    assert 1 < len(s3.seen) < 50


@pytest.mark.parametrize(("what", "words"), [("403 AccessDenied", "refused"), ("507 XMinioStorageFull", "full")])
def test_what_does_not_pass_is_asked_once(what: str, words: str, s3: FaultyS3, bucket: Bucket) -> None:
    s3.fail(what, times=10)
    with pytest.raises(StoreUnavailable, match=words):
        bucket.write("safe/a", b"1")
    assert len(s3.seen) == 1


def test_missing_bucket_is_not_an_empty_one(s3: FaultyS3) -> None:
    store = Store("s3://no-such-bucket/x")
    calls = [
        lambda: store.entries("safe"),
        lambda: store.read_named("safe/x"),
        lambda: store.stamp("safe/x"),
        lambda: store.write_named("safe/x", b"1"),
        lambda: store.create_named("safe/x", b"1"),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match="bucket does not exist"):
            call()


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch, s3: FaultyS3) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANONFLOW_STORE_PATIENCE", "0.2")
    with pytest.raises(StoreUnavailable, match="EndpointConnectionError") as caught:
        Bucket("s3://anonflow/x").size("safe/a")
    assert "127.0.0.1" not in str(caught.value)


def test_server_that_takes_connections_and_does_nothing(s3: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("ANONFLOW_STORE_PATIENCE", "0.2")
        monkeypatch.setenv("ANONFLOW_S3_TIMEOUT", "0.1")
        bucket = Bucket("s3://anonflow/x")
        for call in (lambda: bucket.write("safe/a", b"x" * 1000), lambda: bucket.size("safe/a")):
            begun = time.monotonic()
            with pytest.raises(StoreUnavailable, match="ReadTimeoutError"):
                call()
            assert time.monotonic() - begun < 3


def test_upload_in_parts_survives_faults(
    s3: FaultyS3, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The smallest part that servers accept.
    monkeypatch.setattr("infra.storage.bucket._PART", 5 << 20)
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom((11 << 20) + 5))
    s3.fail("reset after", "PUT", "partNumber=2")
    s3.fail("reset after", "POST", "uploadId=")
    s3.fail("500 InternalError", "POST", "uploads")
    bucket.write("safe/big", source)
    s3.fail("short", "GET", "safe/big", times=2)
    download(f"s3://{BUCKET}/{tmp_path.name}/safe/big", copy)
    assert copy.read_bytes() == source.read_bytes()
    assert s3.pending() == 0


def test_download(s3: FaultyS3, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        download(f"s3://{BUCKET}/{tmp_path.name}/nothing", tmp_path / "copy")
    Store(f"memory://{tmp_path.name}").write_named("videos/a", b"film")
    download(f"memory://{tmp_path.name}/videos/a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"film"
    with pytest.raises(FileNotFoundError):
        download(f"memory://{tmp_path.name}/nothing", tmp_path / "copy")


def test_object_rewritten_while_it_is_read(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a mixture of two versions: it is read again, and once more is one time too many."""
    monkeypatch.setattr("infra.storage.object_backend.CHUNK", 1000)
    store = Store(f"s3://{BUCKET}/{tmp_path.name}")
    versions = [bytes([n]) * 3000 for n in range(4)]
    store.write_named("safe/a", versions[0])
    read, writes = store.place.read, iter(versions[1:])

    def read_and_rewrite(path: str, start: int, length: int) -> bytes:
        data = read(path, start, length)
        if start == 1000 and left:
            left.pop()
            store.write_named("safe/a", next(writes))
        return data

    monkeypatch.setattr(store.place, "read", read_and_rewrite)
    left = [1]
    assert store.read_named("safe/a") == versions[1]
    left = [1, 2]
    with pytest.raises(StoreUnavailable, match="rewritten"):
        store.read_named("safe/a")
    assert store.read_named("safe/a") == versions[3]


def test_one_bad_read_is_no_damage(s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"s3://{BUCKET}/{tmp_path.name}")
    ref = store.put_bytes(Prefix.SAFE, "owner", b"right")
    read = store.place.read
    answers = [b"wrong"]
    monkeypatch.setattr(store.place, "read", lambda *a: answers.pop() if answers else read(*a))
    assert store.get_bytes(ref) == b"right"
    assert answers == []


def test_unreachable_is_neither_missing_nor_damaged(s3: FaultyS3, tmp_path: Path) -> None:
    store = Store(f"s3://{BUCKET}/{tmp_path.name}")
    ref = store.put_bytes(Prefix.SAFE, "owner", b"here")
    store.place.patience = 0.0  # type: ignore[attr-defined]
    calls = [
        lambda: store.get_bytes(ref),
        lambda: store.get_file(ref, tmp_path / "copy"),
        lambda: store.read_json(ref.path),
        lambda: store.digest(ref.path),
        lambda: store.stamp(ref.path),
        lambda: store.exists(ref.path, ref.size),
        lambda: store.entries("safe"),
        lambda: store.write_named("safe/x", b"1"),
        lambda: store.create_named("safe/x", b"1"),
        lambda: store.remove("safe/x"),
        lambda: store.remove_tree("safe/owner"),
    ]
    for call in calls:
        s3.fail("503 SlowDown")
        with pytest.raises(StoreUnavailable):
            call()
        assert s3.pending() == 0
    assert store.get_bytes(ref) == b"here"
    assert list(tmp_path.iterdir()) == []
