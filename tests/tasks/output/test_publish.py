from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import StoreError
from infra.privacy import digest_file
from infra.storage.store import Store
from tasks.output import publish
from tasks.output.publish import AuditedFile


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "finished.mp4"
    path.write_bytes(b"film" * 1000)
    return path


@pytest.mark.parametrize("address", ["{}/out", "file://{}/out", "memory://{}"])
def test_published_whole(address: str, finished: Path, tmp_path: Path) -> None:
    store = Store(address.format(tmp_path), private=False)
    done = publish.run(AuditedFile(finished, digest_file(finished)), "abc", store)
    assert done == publish.Published("videos/abc.mp4", digest_file(finished), 4000)
    assert store.read_named(done.output) == finished.read_bytes()
    assert store.list_tree("videos") == ["videos/abc.mp4"]


def test_another_file_than_the_audited_is_refused(finished: Path, tmp_path: Path) -> None:
    audited = AuditedFile(finished, digest_file(finished))
    finished.write_bytes(b"source")
    store = Store(str(tmp_path / "out"), private=False)
    with pytest.raises(StoreError, match="audited"):
        publish.run(audited, "abc", store)
    assert not (tmp_path / "out").exists()


def test_unwritable_destination(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    store = Store(str(tmp_path / "out"), private=False)
    with pytest.raises(StoreError, match="written"):
        publish.run(AuditedFile(finished, digest_file(finished)), "abc", store)
