"""The last stage: an audited file becomes visible, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.errors import StoreError, StoreUnavailable
from infra.privacy import digest_file
from infra.storage.store import Store

VERSION = 1


@dataclass(frozen=True)
class AuditedFile:
    """A finished local file that passed the audit.

    Attributes:
        path: The file.
        digest: SHA-256 of the very bytes that were audited.
    """

    path: Path
    digest: str


@dataclass(frozen=True)
class Published:
    """Where a result is.

    Attributes:
        output: Path relative to the destination.
        digest: SHA-256.
        size: Bytes.
    """

    output: str
    digest: str
    size: int


def output_path(public_id: str) -> str:
    """Return the place of a result relative to the destination.

    Args:
        public_id: Of the input.

    Returns:
        The path.
    """
    return f"videos/{public_id}.mp4"


def run(audited: AuditedFile, public_id: str, destination: Store) -> Published:
    """Copy the audited file to its place under a temporary name and move it there; readers see all of it or nothing.

    Args:
        audited: The file.
        public_id: Of the input.
        destination: Where results go.

    Returns:
        Where the result is.

    Raises:
        StoreError: When the file is not the one that was audited; then nothing is visible.
        StoreUnavailable: When the destination cannot be written; then nothing is visible.
    """
    if digest_file(audited.path) != audited.digest:
        raise StoreError("The finished file is not the one that was audited; it is not published.")
    output = output_path(public_id)
    try:
        destination.put_named(output, audited.path)
    except StoreUnavailable as error:
        raise StoreUnavailable(f"The destination cannot be written. {error}") from None
    return Published(output, audited.digest, audited.path.stat().st_size)
