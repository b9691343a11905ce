"""Files of Hugging Face repositories, fetched with the package huggingface_hub, which is only imported here.

Its settings hold: HF_ENDPOINT, HF_TOKEN (sent to a mirror as well, but never without encryption to another machine),
HF_HUB_OFFLINE, time-outs, proxies. Of its own download function only the inner part is used, because the whole throws
away what an interrupted download had.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, Self
from urllib.parse import urlsplit

from infra.errors import UsageError, WeightsError
from models.weights.weight import HubFile

_BLOCK = 1 << 20


class _NoSuchFile(WeightsError):
    """The repository has no such file at that commit."""


@dataclass(frozen=True)
class Statement:
    """The hub's statement about a file at a commit.

    Attributes:
        file: The file.
        commit: The commit.
        sha256: Hex SHA-256 of files in large file storage, else "".
        blob: SHA-1 of other files, else "".
        size: Bytes; 0 when it is not said.
    """

    file: HubFile
    commit: str
    sha256: str
    blob: str
    size: int

    @property
    def checkable(self) -> bool:
        """Whether a file can be compared with it."""
        return bool(self.sha256 or self.blob)

    def fits(self, file: Path, sha256: str) -> bool:
        """Return whether a file is the stated one, as far as anything is stated.

        Args:
            file: The file on disk.
            sha256: Its hex SHA-256.

        Returns:
            True when nothing stated contradicts it.
        """
        if self.size and file.stat().st_size != self.size:
            return False
        if self.sha256:
            return sha256 == self.sha256
        return not self.blob or self.blob in _sha1s(file)


def newest(repo: str, mirror: str) -> str:
    """Return the newest commit of a repository.

    Args:
        repo: "owner/name".
        mirror: Another address of the hub, or "".

    Returns:
        The commit.

    Raises:
        WeightsError: The hub cannot be reached or names no commit.
    """
    library = _library()
    with _errors(repo):
        commit = _api(mirror).model_info(repo, timeout=_timeout(library)).sha
    if not commit:
        raise WeightsError(f"The hub names no commit of {repo}, so its files cannot be pinned.")
    return str(commit)


def state(files: Sequence[HubFile], commit: str, mirror: str) -> Statement:
    """Ask the hub for the first of these files that the repository has at a commit.

    Only a plain "no such file" leads from one file to the next.

    Args:
        files: Files of one repository, the preferred one first.
        commit: The commit.
        mirror: Another address of the hub, or "".

    Returns:
        The hub's statement about that file.

    Raises:
        WeightsError: The hub does not answer, has none of the files, or answers for another commit.
    """
    for file in files:
        with suppress(_NoSuchFile):
            return _state(file, commit, mirror)
    there = ", ".join(_beside(files[0], commit, mirror)) or "nothing"
    raise WeightsError(
        f"{files[0].repo} has no file {' or '.join(file.path for file in files)} at commit {commit[:12]}; "
        f"in that folder it has: {there}."
    )


def _state(file: HubFile, commit: str, mirror: str) -> Statement:
    library = _library()
    with _errors(file.repo):
        found = library.get_hf_file_metadata(_url(file, commit, mirror), endpoint=mirror or None, token=_token(mirror))
    if found.commit_hash not in (None, commit):
        raise WeightsError(f"The hub answers for commit {found.commit_hash} of {file.repo} when asked for {commit}.")
    etag = found.etag or ""
    large = re.fullmatch(r"[0-9a-f]{64}", etag) is not None
    small = re.fullmatch(r"[0-9a-f]{40}", etag) is not None
    return Statement(file, commit, etag if large else "", etag if small else "", found.size or 0)


def download(stated: Statement, partial: Path, mirror: str, at: Callable[[int], None]) -> None:
    """Fetch the stated file, asking only for the rest when a part of it is there already.

    What the content hashes to is not checked here.

    Args:
        stated: The file and its commit.
        partial: Where the content is written.
        mirror: Another address of the hub, or "".
        at: Called with the number of bytes that are there.

    Raises:
        WeightsError: The connection breaks; what has arrived stays, but for the last few megabytes.
    """
    library, file = _library(), stated.file
    have = partial.stat().st_size if partial.is_file() else 0
    if stated.size and have > stated.size:
        partial.unlink()
        have = 0
    # Compressed answers would make the size and the place to go on at mean something else.
    headers = library.utils.build_hf_headers(token=_token(mirror)) | {"Accept-Encoding": "identity"}
    with _errors(f"{file.repo}/{file.path}"), partial.open("ab") as out:
        library.file_download.http_get(
            _url(file, stated.commit, mirror),
            out,
            resume_size=have,
            headers=headers,
            expected_size=stated.size or None,
            tqdm_class=_bar(at),
        )


def _library() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.file_download
        import huggingface_hub.utils
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Files of model hubs are fetched with {error.name}, which is not installed; "
            "run: pip install 'anonflow[diffusion]'"
        ) from error
    return huggingface_hub


def _api(mirror: str) -> Any:
    return _library().HfApi(endpoint=mirror or None, token=_token(mirror))


def _token(mirror: str) -> bool | None:
    """False where the user's token must not be sent: it would cross a network without encryption."""
    parts = urlsplit(mirror or os.environ.get("HF_ENDPOINT", ""))
    return False if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost") else None


def _url(file: HubFile, commit: str, mirror: str) -> str:
    return str(_library().hf_hub_url(file.repo, file.path, revision=commit, endpoint=mirror or None))


def _timeout(library: ModuleType) -> float:
    return float(library.constants.HF_HUB_ETAG_TIMEOUT)


def _beside(file: HubFile, commit: str, mirror: str) -> list[str]:
    library = _library()
    with _errors(file.repo):
        found = _api(mirror).model_info(file.repo, revision=commit, timeout=_timeout(library))
    folder = PurePosixPath(file.path).parent
    return [item.rfilename for item in found.siblings or () if PurePosixPath(item.rfilename).parent == folder]


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn the library's errors into WeightsError."""
    library = _library()
    errors, again = library.errors, "run the same command again, it goes on where this one stopped."
    try:
        yield
    except errors.RemoteEntryNotFoundError as error:
        raise _NoSuchFile(f"The hub has no {what}.") from error
    except errors.OfflineModeIsEnabled as error:
        raise WeightsError(f"{what} cannot be fetched while HF_HUB_OFFLINE is set; unset it.") from error
    except errors.GatedRepoError as error:
        raise WeightsError(f"{what}: accept its terms on its page on the hub, and set HF_TOKEN.") from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(f"The hub does not know {what}, or shows it only with the right HF_TOKEN.") from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(f"The hub no longer has the pinned commit of {what}.") from error
    except errors.HfHubHTTPError as error:
        raise WeightsError(
            f"{what} could not be fetched: the hub answered {error.response.status_code}; {again}"
        ) from (error)
    except (OSError, ValueError, library.file_download.httpx2.HTTPError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise WeightsError(f"{what} could not be fetched: {reason}; {again}") from error


def _sha1s(file: Path) -> tuple[str, str]:
    """Git's name of a file's content, as the hub states it, and the plain SHA-1, as some mirrors do instead."""
    blob = hashlib.sha1(f"blob {file.stat().st_size}\0".encode(), usedforsecurity=False)
    plain = hashlib.sha1(usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            blob.update(block)
            plain.update(block)
    return blob.hexdigest(), plain.hexdigest()


def _bar(at: Callable[[int], None]) -> Any:
    """A class that the library takes for a progress bar and that tells `at` how many bytes are there."""

    class Bar:
        def __init__(self, *, initial: int = 0, **_: Any) -> None:
            self._there = initial

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing to close."""

        def update(self, count: int) -> None:
            self._there += count
            at(self._there)

    return Bar
