"""A small downloader for files at plain addresses: https only, continuing what an earlier try has left.

Proxies and certificates are those of Python's urllib (HTTPS_PROXY, SSL_CERT_FILE). It checks lengths and ranges; the
caller checks the content's hash.
"""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from infra.errors import UsageError, WeightsError

_BLOCK = 1 << 18
_TIMEOUT_SECONDS = 60
_AGENT = "anonflow"


def base(mirror: str) -> str:
    """Return the address of a mirror without a slash at its end.

    Args:
        mirror: The address.

    Returns:
        The address.

    Raises:
        UsageError: It is no http or https address.
    """
    parts = urlsplit(mirror)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError("--mirror takes an address such as https://mirror.example/hub")
    return mirror.rstrip("/")


def address(url: str, mirror: str) -> str:
    """Return where a file is fetched.

    Args:
        url: The file's own address.
        mirror: Address of a mirror, or "".

    Returns:
        The file's own address, or mirror/<host>/<path>.
    """
    if not mirror:
        return url
    parts = urlsplit(url)
    return f"{base(mirror)}/{parts.netloc}{parts.path}"


def download(url: str, partial: Path, name: str, at: Callable[[int], None], resize: Callable[[int], None]) -> None:
    """Fetch a file, asking only for the rest when a part of it is there already.

    An earlier part is only continued when the server names the version of what it sends (a strong ETag) and it is still
    the same. An https address never leads to one without encryption; http addresses only to their own host.

    Args:
        url: The address.
        partial: Where the content is written.
        name: Name of the weight file, for messages.
        at: Called with the number of bytes that are there.
        resize: Called with the length of the whole in bytes.

    Raises:
        WeightsError: The server refuses, the connection breaks (the part stays) or the disk is too small.
    """
    version = partial.with_name(f"{partial.name}.etag")
    have = partial.stat().st_size if partial.is_file() and version.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT, "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version.read_text(encoding="utf-8"))
    opener = urllib.request.build_opener(_Redirects(url))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            start = _start(response, have, name)
            length = int(response.headers.get("Content-Length") or 0)
            if length:
                resize(start + length)
                room(partial.parent, length)
            etag = response.headers.get("ETag", "")
            if start == 0:
                version.unlink(missing_ok=True)
                if etag.startswith('"'):
                    version.write_text(etag, encoding="utf-8")
            with partial.open("ab" if start else "wb") as out:
                while block := response.read(_BLOCK):
                    out.write(block)
                    at(out.tell())
                received = out.tell() - start
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            # Nothing is left to fetch: an earlier try ended between the last byte and putting the file in place.
            partial.unlink()
            return download(url, partial, name, at, resize)
        raise _broken(name, url, f"the server answered {error.code}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise _broken(name, url, _reason(error)) from error
    if length and received != length:
        raise _broken(name, url, f"the connection ended after {start + received} of {start + length} bytes")
    version.unlink(missing_ok=True)


def room(folder: Path, size: int) -> None:
    """Check that a disk has room for a file.

    Args:
        folder: An existing folder on the disk.
        size: Bytes needed.

    Raises:
        WeightsError: The disk does not have that many bytes to spare.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise WeightsError(
            f"The weights folder needs {size / 1e6:.0f} MB more, but only {free / 1e6:.0f} MB are free on its disk; "
            "make room, or name another folder in ANONFLOW_WEIGHTS."
        )


def _start(response: Any, have: int, name: str) -> int:
    """Return at which byte of the whole the body begins: `have` after a partial answer, else 0."""
    if response.status != 206:
        return 0
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
    if match is None or not have or int(match[1]) != have or match[3] not in ("*", str(int(match[2]) + 1)):
        raise WeightsError(f"The server sent another part of {name} than it was asked for; it was not used.")
    return have


def _reason(error: Exception) -> str:
    """What went wrong, without addresses and paths."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return (inner.strerror or type(inner).__name__) if isinstance(inner, OSError) else type(inner).__name__


def _broken(name: str, url: str, reason: str) -> WeightsError:
    return WeightsError(
        f"{name} could not be fetched from {urlsplit(url).hostname}: {reason}; run the same command again, it goes on "
        "where this one stopped."
    )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https, and from an http address also to http on the same host."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._plain = parts.netloc if parts.scheme == "http" else ""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        parts = urlsplit(newurl)
        if parts.scheme != "https" and (parts.scheme != "http" or parts.netloc != self._plain):
            raise WeightsError(
                f"{urlsplit(req.full_url).hostname} leads to an address without encryption; it was not followed."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)
