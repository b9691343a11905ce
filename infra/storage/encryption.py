"""Encryption of what reveals people, before it leaves this machine.

A sealed object is a header (format, which key, salt) and the content in pieces of 1 MiB, each under AES-256-GCM. The
key of an object is derived from the user's key and the salt, the nonce of a piece is its number and whether it is the
last, and every piece is bound to the header and to the object's path. So an object that is cut, extended, reordered, or
moved to another path does not open. A person who may write to the store can still put back an older object of the same
path, or an unsealed one: sealing keeps secrets, it does not prove who wrote.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.errors import StoreError, UsageError
from infra.storage.object_backend import ObjectBackend, chunks

PIECE = 1 << 20
_FORMAT = b"anonflS\x01"
_NAME = 8
_SALT = 32
_TAG = 16
_HEADER = len(_FORMAT) + _NAME + _SALT
_KEY = 32
_MARK = "safe/sealed-by"


def sealed_size(size: int) -> int:
    """Work out how large content is when sealed.

    Args:
        size: bytes of content.

    Returns:
        Bytes of the sealed object.
    """
    return _HEADER + size + _TAG * max(1, -(-size // PIECE))


class Damaged(StoreError):
    """An object does not open, or is not the one that its digest names."""


class Seal:
    """Seals and opens objects with one key, or only recognises sealed ones when there is none. Safe among threads."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    @property
    def name(self) -> str:
        """Tells keys apart and nothing about them; empty without a key."""
        return _name(self._key).hex() if self._key is not None else ""

    @property
    def active(self) -> bool:
        """Whether there is a key, so that what is written gets sealed."""
        return self._key is not None

    def close(self, content: Iterable[bytes], path: str) -> Iterator[bytes]:
        """Seal content for a path, piece by piece, with a fresh salt.

        Args:
            content: pieces of any length.
            path: the object's path in the store.

        Yields:
            Pieces of the sealed object.
        """
        assert self._key is not None
        header = _FORMAT + _name(self._key) + secrets.token_bytes(_SALT)
        cipher = _cipher(self._key, header)
        bound = header + path.encode()
        yield header
        for number, (piece, last) in enumerate(_cut(content, PIECE)):
            yield cipher.encrypt(_nonce(number, last), piece, bound)

    def close_file(self, source: Path, path: str) -> Iterator[bytes]:
        """Seal a local file's content for a path, piece by piece.

        Args:
            source: the file.
            path: the object's path in the store.

        Yields:
            Pieces of the sealed object.
        """
        with source.open("rb") as file:
            yield from self.close(iter(lambda: file.read(PIECE), b""), path)

    def open(self, content: Iterable[bytes], path: str) -> Iterator[bytes]:
        """Open an object.

        What is not sealed comes back as it is: it was made before there was a key; but with a key, what is empty counts
        as damaged, since nothing else tells that all of it was cut off. Nothing of a piece is given out before it was
        found intact, yet earlier pieces are: use them only at the end.

        Args:
            content: pieces of the object as stored, of any length.
            path: the object's path in the store.

        Yields:
            Pieces of the content.

        Raises:
            UsageError: the object is sealed and the key is missing or another one.
            Damaged: it does not open.
        """
        pieces = iter(content)
        head = b""
        while len(head) < _HEADER and (piece := next(pieces, b"")):
            head += piece
        if self._key is not None and len(head) < _HEADER and _FORMAT.startswith(head[: len(_FORMAT)]):
            raise Damaged("A sealed object was cut short.")
        if not head.startswith(_FORMAT):
            yield head
            yield from pieces
            return
        header, rest = head[:_HEADER], head[_HEADER:]
        if self._key is None:
            raise UsageError("The store holds sealed objects; set ANONFLOW_SEAL_KEY or ANONFLOW_SEAL_KEY_FILE.")
        if header[len(_FORMAT) : -_SALT] != _name(self._key):
            raise UsageError(
                "The store holds objects sealed with another key than the one in ANONFLOW_SEAL_KEY(_FILE)."
            )
        cipher = _cipher(self._key, header)
        bound = header + path.encode()
        for number, (piece, last) in enumerate(_cut(_joined(rest, pieces), PIECE + _TAG)):
            try:
                yield cipher.decrypt(_nonce(number, last), piece, bound)
            except InvalidTag:
                raise Damaged("A sealed object does not open.") from None


def seal_from_environment() -> Seal:
    """Make the seal of ANONFLOW_SEAL_KEY (64 hexadecimal digits) or ANONFLOW_SEAL_KEY_FILE.

    Returns:
        The seal; without both variables nothing is sealed.

    Raises:
        UsageError: it is no key, or its file can be read by others; the message says nothing of the key.
    """
    text, file = os.environ.get("ANONFLOW_SEAL_KEY"), os.environ.get("ANONFLOW_SEAL_KEY_FILE")
    if text and file:
        raise UsageError("Set ANONFLOW_SEAL_KEY or ANONFLOW_SEAL_KEY_FILE, not both.")
    if file:
        try:
            if stat.S_IMODE(Path(file).stat().st_mode) & 0o077:
                raise UsageError("The file in ANONFLOW_SEAL_KEY_FILE can be read by other users; run chmod 600 on it.")
            text = Path(file).read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"The file in ANONFLOW_SEAL_KEY_FILE cannot be read ({type(error).__name__}).") from None
    elif not text:
        return Seal(None)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY:
        raise UsageError("The key to seal with must be 64 hexadecimal digits; make one with: openssl rand -hex 32")
    return Seal(key)


def agree(place: ObjectBackend, seal: Seal) -> None:
    """Make sure that all who write to a store seal by the same key, or none at all.

    The first writer with a key leaves the key's name in the store.

    Args:
        place: the store's objects.
        seal: the seal of this process.

    Raises:
        UsageError: the store is sealed and this process has no key, or another one.
    """
    if not seal.active:
        if place.size(_MARK) is not None:
            raise UsageError("The store is a sealed one; set ANONFLOW_SEAL_KEY or ANONFLOW_SEAL_KEY_FILE.")
        return
    if not place.create(_MARK, seal.name.encode()) and b"".join(chunks(place, _MARK)) != seal.name.encode():
        raise UsageError("The store is sealed with another key than the one in ANONFLOW_SEAL_KEY(_FILE).")


def _name(key: bytes) -> bytes:
    return HKDF(SHA256(), _NAME, salt=None, info=b"anonflow seal: name of the key").derive(key)


def _cipher(key: bytes, header: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), _KEY, salt=header[-_SALT:], info=b"anonflow seal: object").derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _cut(content: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """The content in pieces of exactly `size` bytes and a last one of 0 < bytes <= size (0 when all is empty)."""
    held = bytearray()
    for piece in content:
        held += piece
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True
