"""Public ids that reveal nothing, and logs without source names."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import secrets
import stat
import threading
from pathlib import Path
from urllib.parse import urlsplit

from infra.errors import UsageError

_KEY_BYTES = 32
_ID_BYTES = 10


def key_path(cache_url: str) -> Path:
    """Say where the key for public ids lies.

    It lies beside a local cache, or in the user's own cache folder for a remote one. ANONFLOW_KEY_FILE overrides it,
    for instance to give several machines the same ids.

    Args:
        cache_url: address of the cache: a local path, a `file:` address or another fsspec address.

    Returns:
        Path of the key file, which need not exist.
    """
    override = os.environ.get("ANONFLOW_KEY_FILE")
    if override:
        return Path(override)
    parts = urlsplit(cache_url)
    if parts.scheme in ("", "file"):
        root = Path(parts.path)
        return root.with_name(root.name + ".key")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "anonflow" / "store.key"


def load_key(path: Path) -> bytes:
    """Read the key for public ids and make it on first use.

    A new key is 32 random bytes in a file of mode 0600. Safe when several processes start at once.

    Args:
        path: the key file.

    Returns:
        The 32 bytes of the key.

    Raises:
        UsageError: the file is damaged or readable by others.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES).hex().encode())
                file.flush()
                os.fsync(file.fileno())
            # A link fails where the name exists, so the first of several processes wins and all read its key.
            os.link(temporary, path)
        except FileExistsError:
            return load_key(path)
        finally:
            temporary.unlink()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UsageError("The key file for public ids can be read by other users; run chmod 600 on it.")
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UsageError("The key file for public ids is damaged; restore it, or delete it to get new ids.")
    return key


def digest_file(path: Path) -> str:
    """Hash a file's content.

    Args:
        path: the file.

    Returns:
        SHA-256, hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def public_id(key: bytes, content_digest: str) -> str:
    """Give an input a short name that reveals nothing: a keyed HMAC-SHA256 over its content digest.

    Equal content gets the same id under one key. Without the key the id can neither be guessed from the path nor
    confirmed by a person who holds the file.

    Args:
        key: key for public ids.
        content_digest: hexadecimal SHA-256 of the content.

    Returns:
        16 letters and digits.
    """
    mac = hmac.new(key, f"anonflow/video/{content_digest}".encode(), hashlib.sha256).digest()
    return base64.b32encode(mac[:_ID_BYTES]).decode().lower()


class PrivacyFilter(logging.Filter):
    """Replaces source names in log records, of this program's code and of libraries. Attach it to handlers.

    Exceptions are reduced to their type: their text and their frames may quote the source.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hidden: dict[str, str] = {}
        self._lock = threading.Lock()

    def hide(self, text: str, replacement: str) -> None:
        """Write a replacement wherever a later record names a source.

        Args:
            text: name to hide; its last path component is hidden too. Forms shorter than 3 characters are not hidden.
            replacement: what to write instead.
        """
        with self._lock:
            for form in {text, text.rstrip("/").rsplit("/", 1)[-1]}:
                if len(form) >= 3:
                    self._hidden[form] = replacement

    def clean(self, text: str) -> str:
        """Replace everything hidden in a text, longest first.

        Args:
            text: any text.

        Returns:
            The text with the replacements.
        """
        with self._lock:
            known = sorted(self._hidden.items(), key=lambda item: -len(item[0]))
        for form, replacement in known:
            text = text.replace(form, replacement)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a log record in place.

        Args:
            record: the record.

        Returns:
            True: every record passes.
        """
        message = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            message += f" ({record.exc_info[0].__name__})"
        record.msg, record.args = self.clean(message), ()
        record.exc_info, record.exc_text, record.stack_info = None, None, None
        return True


def install(privacy: PrivacyFilter) -> None:
    """Attach the filter to every handler that exists now on any logger; call again after a library adds handlers.

    Args:
        privacy: the filter.
    """
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for logger in loggers:
        for handler in logger.handlers:
            if privacy not in handler.filters:
                handler.addFilter(privacy)
