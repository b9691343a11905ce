from __future__ import annotations

import io
import logging
import stat
import threading
from pathlib import Path

import pytest

from infra.errors import UsageError
from infra.privacy import PrivacyFilter, digest_file, install, key_path, load_key, public_id


def test_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["store.key"]
    assert load_key(tmp_path / "other.key") != key


def test_simultaneous_first_uses_agree(tmp_path: Path) -> None:
    keys: list[bytes] = []
    begin = threading.Barrier(8)

    def use() -> None:
        begin.wait()
        keys.append(load_key(tmp_path / "store.key"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("content", ["", "zz", "00" * 31])
def test_damaged_key_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "store.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="damaged"):
        load_key(path)


def test_open_key_is_refused(tmp_path: Path) -> None:
    load_key(tmp_path / "store.key")
    (tmp_path / "store.key").chmod(0o644)
    with pytest.raises(UsageError, match="chmod"):
        load_key(tmp_path / "store.key")


def test_key_lies_beside_the_cache(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_path(f"file://{tmp_path}/cache") == tmp_path / "cache.key"
    assert key_path("s3://bucket/x") == home / "anonflow" / "store.key"
    monkeypatch.setenv("ANONFLOW_KEY_FILE", "/k")
    assert key_path("s3://bucket/x") == Path("/k")


def test_public_ids(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"film")
    (tmp_path / "b").write_bytes(b"film")
    one, two = digest_file(tmp_path / "a"), digest_file(tmp_path / "b")
    assert public_id(b"k" * 32, one) == public_id(b"k" * 32, two)
    assert public_id(b"k" * 32, one) != public_id(b"K" * 32, one)
    name = public_id(b"k" * 32, one)
    assert len(name) == 16
    assert name.isalnum()
    assert name == name.lower()


def test_logs_hold_no_names() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("test.privacy")
    logger.addHandler(handler)
    logger.propagate = False
    privacy = PrivacyFilter()
    privacy.hide("/data/Jane Doe.mp4", "abc")
    install(privacy)
    install(privacy)
    assert handler.filters == [privacy]
    logger.error("cannot open %s (%s)", "/data/Jane Doe.mp4", "Jane Doe.mp4")
    try:
        raise ValueError("/data/Jane Doe.mp4 is odd")
    except ValueError:
        logger.exception("failed")
    assert stream.getvalue() == "cannot open abc (abc)\nfailed (ValueError)\n"
