from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import StoreError, UsageError
from infra.storage.cache import Cache, Key
from infra.storage.encryption import PIECE, Damaged, Seal, seal_from_environment, sealed_size
from infra.storage.store import Prefix, Ref, Store

KEY, OTHER = "11" * 32, "22" * 32
PATH = "identifying/owner/objects/ab/abcd"
SEAL = Seal(bytes.fromhex(KEY))


def close(data: bytes, path: str = PATH) -> bytes:
    return b"".join(SEAL.close([data], path))


def reopen(data: bytes, path: str = PATH, seal: Seal = SEAL) -> bytes:
    return b"".join(seal.open([data], path))


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANONFLOW_SEAL_KEY", raising=False)
    monkeypatch.delenv("ANONFLOW_SEAL_KEY_FILE", raising=False)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Store]:
    """Open the same store with a key; empty for none."""

    def open_with(key: str) -> Store:
        monkeypatch.setenv("ANONFLOW_SEAL_KEY", key)
        return Store(f"file://{tmp_path}/store")

    return open_with


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_content_comes_back(size: int) -> None:
    data = os.urandom(size)
    sealed = close(data)
    assert len(sealed) == sealed_size(size)
    assert reopen(sealed) == data
    if size > 16:
        assert data[:16] not in sealed
    assert close(data) != sealed


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=8), st.data())
def test_however_it_is_cut_into_pieces(data: bytes, cuts: list[int], pick: st.DataObject) -> None:
    sealed, pieces = close(data), []
    rest = sealed
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert b"".join(SEAL.open([*pieces, rest], PATH)) == data


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_change_is_noticed(pick: st.DataObject) -> None:
    sealed = bytearray(close(b"x" * 100))
    # The first bytes say that it is sealed, and by which key: without them it is something else.
    place = pick.draw(st.integers(16, len(sealed) - 1))
    sealed[place] ^= 1 << pick.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        reopen(bytes(sealed))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, sealed_size(100) - 1))
def test_any_cut_is_noticed(size: int) -> None:
    with pytest.raises(Damaged):
        reopen(close(b"x" * 100)[:size])


def test_pieces_cannot_be_left_out_repeated_or_exchanged() -> None:
    sealed = close(os.urandom(3 * PIECE))
    head, step = sealed_size(0) - 16, PIECE + 16
    pieces = [sealed[head + step * n : head + step * (n + 1)] for n in range(3)]
    assert reopen(sealed[:head] + b"".join(pieces))
    for order in ([0, 1], [1, 0, 2], [0, 2], [0, 1, 1, 2], [0, 1, 2, 2], [2], [0, 1, 2, 0]):
        with pytest.raises(Damaged):
            reopen(sealed[:head] + b"".join(pieces[n] for n in order))


def test_object_of_another_path_or_header_does_not_open() -> None:
    sealed, other = close(b"x"), close(b"x")
    with pytest.raises(Damaged):
        reopen(sealed, PATH + "e")
    with pytest.raises(Damaged):
        reopen(sealed[:48] + other[48:])


def test_missing_or_wrong_key_is_not_damage() -> None:
    for seal in (Seal(None), Seal(bytes.fromhex(OTHER))):
        with pytest.raises(UsageError, match="ANONFLOW_SEAL_KEY"):
            reopen(close(b"x"), seal=seal)


def test_key_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not seal_from_environment().active
    file = tmp_path / "seal.key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    monkeypatch.setenv("ANONFLOW_SEAL_KEY_FILE", str(file))
    assert seal_from_environment().name == SEAL.name
    file.chmod(0o640)
    with pytest.raises(UsageError, match="chmod"):
        seal_from_environment()
    file.chmod(0o600)
    file.write_text("")
    with pytest.raises(UsageError, match="64 hexadecimal"):
        seal_from_environment()
    file.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        seal_from_environment()
    monkeypatch.setenv("ANONFLOW_SEAL_KEY", KEY)
    with pytest.raises(UsageError, match="not both"):
        seal_from_environment()
    monkeypatch.delenv("ANONFLOW_SEAL_KEY_FILE")
    assert seal_from_environment().name == SEAL.name
    for wrong in (KEY[:-2], KEY + "11", "xy" * 32):
        monkeypatch.setenv("ANONFLOW_SEAL_KEY", wrong)
        with pytest.raises(UsageError, match="64 hexadecimal") as caught:
            seal_from_environment()
        assert wrong not in str(caught.value)


def test_what_identifies_is_sealed_and_the_rest_is_not(store: Callable[[str], Store], tmp_path: Path) -> None:
    sealing, data = store(KEY), b"the face of somebody" * 10
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(data * 2)
    one = sealing.put_bytes(Prefix.IDENTIFYING, "owner", data)
    two = sealing.put_file(Prefix.IDENTIFYING, "owner", source)
    safe = sealing.put_bytes(Prefix.SAFE, "owner", data)
    sealing.write_named("identifying/dataset-x/gallery", data)
    assert sealing.create_named("identifying/dataset-x/name", data)
    assert not sealing.create_named("identifying/dataset-x/name", data)
    for path in (tmp_path / "store").rglob("*"):
        if path.is_file():
            assert (b"somebody" in path.read_bytes()) == (path == tmp_path / "store" / safe.path)
    assert (one.size, two.size) == (len(data), 2 * len(data))
    assert sealing.exists(one.path, one.size)
    assert sealing.get_bytes(one) == data
    sealing.get_file(two, copy)
    assert copy.read_bytes() == source.read_bytes()
    assert sealing.digest(two.path) == two.digest
    assert sealing.read_named("identifying/dataset-x/gallery") == data
    assert sealing.put_bytes(Prefix.IDENTIFYING, "owner", data) == one


def test_sealed_file_goes_to_a_remote_store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANONFLOW_SEAL_KEY", KEY)
    store, source, copy = Store(f"memory://{tmp_path.name}"), tmp_path / "source", tmp_path / "copy"
    source.write_bytes(os.urandom(2 * PIECE + 5))
    ref = store.put_file(Prefix.IDENTIFYING, "owner", source)
    store.get_file(ref, copy)
    assert copy.read_bytes() == source.read_bytes()
    assert store.entries("identifying")[ref.path].size == sealed_size(ref.size)
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_exchanged_objects_are_dropped(store: Callable[[str], Store], tmp_path: Path) -> None:
    sealing = store(KEY)
    sealing.write_named("identifying/a/x", b"of a")
    sealing.write_named("identifying/b/x", b"of b")
    root = tmp_path / "store/identifying"
    (root / "a/x").write_bytes((root / "b/x").read_bytes())
    assert sealing.read_named("identifying/a/x") is None
    assert not (root / "a/x").exists()
    assert sealing.read_named("identifying/b/x") == b"of b"


def test_without_the_key_nothing_is_dropped_made_again_or_written(store: Callable[[str], Store]) -> None:
    key = Key("stage", 1, "owner", ())
    made = Cache(store(KEY)).get_or_make(key, Ref, lambda: Ref(Prefix.SAFE, "o", "d", 1))
    before = store(KEY).list_tree("identifying")
    for wrong in ("", OTHER):
        cache = Cache(store(wrong))
        with pytest.raises(UsageError, match="ANONFLOW_SEAL_KEY"):
            cache.get_or_make(key, Ref, lambda: made.value)
        # Nor does a machine without the key add to the store what the others would have sealed.
        with pytest.raises(UsageError, match="ANONFLOW_SEAL_KEY"):
            store(wrong).put_bytes(Prefix.IDENTIFYING, "another", b"x")
        store(wrong).put_bytes(Prefix.SAFE, "another", b"x")
    assert store(KEY).list_tree("identifying") == before
    assert Cache(store(KEY)).get_or_make(key, Ref, lambda: made.value).hit


def test_what_was_made_before_there_was_a_key(store: Callable[[str], Store]) -> None:
    """It is read as it is, and sealed when it is written again."""
    ref = store("").put_bytes(Prefix.IDENTIFYING, "owner", b"old" * 100)
    sealing = store(KEY)
    assert sealing.get_bytes(ref) == b"old" * 100
    assert not sealing.exists(ref.path, ref.size)
    assert sealing.put_bytes(Prefix.IDENTIFYING, "owner", b"old" * 100) == ref
    assert sealing.exists(ref.path, ref.size)
    assert sealing.get_bytes(ref) == b"old" * 100


def test_damaged_sealed_object_is_dropped(store: Callable[[str], Store], tmp_path: Path) -> None:
    sealing = store(KEY)
    ref = sealing.put_bytes(Prefix.IDENTIFYING, "owner", b"x" * 100)
    file = tmp_path / "store" / ref.path
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError, match="dropped"):
        sealing.get_bytes(ref)
    with pytest.raises(StoreError, match="missing"):
        sealing.get_bytes(ref)
