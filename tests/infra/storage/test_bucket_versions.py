from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from infra.settings import IdentityScope
from infra.storage.bucket import Bucket
from infra.storage.cache import Cache
from infra.storage.inventory import stats, store_time, unfinished_uploads
from infra.storage.store import Store
from infra.storage.upkeep import hides_removed, leftovers, prune, purge
from tasks.generation.gallery import Gallery
from tests.reference.faulty_s3 import BUCKET, FaultyS3, running

WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def s3() -> Iterator[FaultyS3]:
    with running() as server:
        yield server


@pytest.fixture
def bucket(s3: FaultyS3, tmp_path: Path) -> Iterator[Store]:
    """A store in a bucket that keeps versions."""
    s3.reset()
    store = Store(f"s3://{BUCKET}/{tmp_path.name}")
    fs = store.place.fs  # type: ignore[attr-defined]
    fs.make_bucket_versioned(BUCKET)
    yield store
    fs.make_bucket_versioned(BUCKET, False)


def test_purge_of_a_bucket_with_versions(bucket: Store) -> None:
    for content in (b"1", b"2", b"3"):
        bucket.write_named("identifying/one/a", content)
        bucket.write_named("identifying/one-more/a", content)
    bucket.write_named("identifying/one/b", b"1")
    bucket.remove("identifying/one/b")
    place = bucket.place
    assert isinstance(place, Bucket)
    for name in ("one", "one-more"):
        place.call("create_multipart_upload", Key=place.key(f"identifying/{name}/big"))
    held = leftovers(bucket, ["identifying/one"])
    assert held.objects == ("identifying/one/a",)
    assert sorted(path for path, _ in held.versions) == ["identifying/one/" + name for name in "aabb"]
    assert [path for path, _ in held.uploads] == ["identifying/one/big"]
    # A plain removal hides objects and keeps every version.
    assert hides_removed(bucket)
    bucket.remove_tree("identifying/one")
    assert bucket.list_tree("identifying/one") == []
    assert len(leftovers(bucket, ["identifying/one"]).versions) == 6
    assert purge(bucket, ["identifying/one"]).none
    assert leftovers(bucket, ["identifying/one"]).none
    others = leftovers(bucket, ["identifying/one-more"])
    assert (len(others.objects), len(others.versions), len(others.uploads)) == (1, 2, 1)
    assert purge(bucket, ["identifying/one-more/a", "identifying/one-more/big"]).none


def test_purge_survives_faults_and_servers_without_versions(s3: FaultyS3, bucket: Store) -> None:
    bucket.write_named("identifying/one/a", b"1")
    s3.fail("501 NotImplemented", "GET", "versions", times=100)
    s3.fail("405 MethodNotAllowed", "GET", "uploads", times=100)
    s3.fail("503 SlowDown", "POST", "delete")
    assert purge(bucket, ["identifying/one"]).none
    s3.reset()
    # Seen again with versions: the object and the marker that hides it.
    assert len(leftovers(bucket, ["identifying/one"]).versions) == 2
    s3.fail("reset after", "POST", "delete")
    assert purge(bucket, ["identifying/one"]).none


def test_what_the_server_keeps_is_told(s3: FaultyS3, bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.write_named("identifying/one/a", b"1")
    monkeypatch.setattr("infra.storage.upkeep.erase", lambda place, doomed: None)
    left = purge(bucket, ["identifying/one"])
    assert not left.none
    assert (left.objects, len(left.versions)) == ((), 2)


def test_unfinished_uploads_go_after_a_day(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests dates all of them in the year 2010."""
    place = bucket.place
    assert isinstance(place, Bucket)
    place.call("create_multipart_upload", Key=place.key("identifying/xxxxxxxxxxxxxxxx/objects/ab/big"))
    assert stats(bucket).unfinished == 1
    assert prune(bucket, WEEK, dry_run=True).unfinished == 1
    found = [replace(upload, begun=store_time(bucket)) for upload in unfinished_uploads(bucket)]
    with monkeypatch.context() as patch:
        patch.setattr("infra.storage.upkeep.unfinished_uploads", lambda store: found)
        assert prune(bucket, WEEK).unfinished == 0
    assert prune(bucket, WEEK).unfinished == 1
    assert unfinished_uploads(bucket) == []


def test_intermediates_and_people_go_with_all_their_versions(bucket: Store) -> None:
    for content in (b"1", b"2"):
        bucket.write_named("identifying/one/x", content)
    bucket.write_named("identifying/two/x", b"3")
    people = Gallery(bucket, IdentityScope.VIDEO, "data")
    bucket.write_named(f"{people.path}/people/x", b"4")
    Cache(bucket).purge("one")
    people.forget()
    assert leftovers(bucket, ["identifying/one", people.path]).none
    assert bucket.read_named("identifying/two/x") == b"3"
