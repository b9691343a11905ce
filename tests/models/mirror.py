"""A server on this machine that answers like a model hub and like a release page, for the tests of `models pull`, and
what it has.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from models.weights.weight import Weight

REPO = "someone/some-model"
RELEASE = "https://web.example/releases/page.onnx"
SMALL = b'{"model": "some"}\n'
LARGE = bytes(range(251)) * 4000
PAGE = bytes(reversed(range(256))) * 2000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def commit(number: int) -> str:
    return hashlib.sha1(str(number).encode()).hexdigest()


def weight(name: str, file: str, origin: Any, pin: tuple[str, int] = ("", 0), needs: tuple[str, ...] = ()) -> Weight:
    """An entry of the table of weight files. pin: SHA-256 and size."""
    return Weight(name, "test", file, origin, pin[0], pin[1], "none", "unclear", "made for a test", needs=needs)


@dataclass
class Mirror:
    """What the server has and does.

    commits: of the one repository, oldest first: path -> content. large: paths in large file storage. pages: path
    below the server -> content. cut: how many bytes of the next body are sent before the connection ends; the server
    is `down` from then on. delay: seconds before each body. asked: (method, path, range) of all requests.
    """

    commits: list[dict[str, bytes]] = field(default_factory=list)
    large: set[str] = field(default_factory=set)
    pages: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    down: bool = False
    delay: float = 0.0
    etags: bool = True
    redirect: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def at(self, revision: str) -> int | None:
        """The place of a commit, by its name or a branch's."""
        names = [commit(number) for number in range(len(self.commits))]
        return len(names) - 1 if revision == "main" else names.index(revision) if revision in names else None

    def bodies(self, part: str) -> list[str]:
        """The ranges of the GET requests whose path holds `part`; "" for a whole body."""
        return [range_ for method, path, range_ in self.asked if method == "GET" and part in path]


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Run the server; `mirror.url` is its address."""

    class Handler(_Handler):
        served = mirror

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: Mirror
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Tests read Mirror.asked instead."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        mirror = self.served
        mirror.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if mirror.down:
            self._send(503, b"")
        elif self.path.startswith("/api/models/"):
            self._api()
        elif match := re.fullmatch(rf"/{REPO}/resolve/([^/]+)/(.+)", self.path):
            self._resolve(*match.groups())
        elif self.path.startswith("/large/"):
            self._body(next(c for files in mirror.commits for c in files.values() if sha256(c) in self.path), {})
        elif self.path in mirror.pages:
            if mirror.redirect:
                self._send(302, b"", {"Location": mirror.redirect})
            else:
                self._body(mirror.pages[self.path], {})
        else:
            self._send(404, b"")

    def _api(self) -> None:
        match = re.fullmatch(rf"/api/models/{REPO}(?:/revision/(.+))?", self.path)
        place = self.served.at(match[1] or "main") if match else None
        if place is None:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound" if match else "RepoNotFound"})
            return
        files = [{"rfilename": path} for path in self.served.commits[place]]
        body = {"id": REPO, "modelId": REPO, "sha": commit(place), "siblings": files}
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _resolve(self, revision: str, path: str) -> None:
        place = self.served.at(revision)
        if place is None:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            return
        content = self.served.commits[place].get(path)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"X-Repo-Commit": commit(place)}
        if path in self.served.large:
            linked = {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            # On another host than the hub's, as the hub's own large files are: the library does not ask that one for
            # what the file is.
            store = self.served.url.replace("127.0.0.1", "localhost")
            self._send(302, b"", headers | linked | {"Location": f"{store}/large/{sha256(content)}"})
        else:
            blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            self._body(content, headers | {"ETag": f'"{blob}"'})

    def _body(self, content: bytes, headers: dict[str, str]) -> None:
        mirror, etag = self.served, headers.get("ETag", f'"{sha256(content)[:20]}"')
        if mirror.etags:
            headers = headers | {"ETag": etag}
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(match[1]) if match and self.headers.get("If-Range", etag) == etag else 0
        if match and start >= len(content):
            self._send(416, b"")
            return
        if start:
            headers = headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        if self.command == "GET":
            threading.Event().wait(mirror.delay)
        self._send(206 if start else 200, content[start:], headers)

    def _send(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        mirror = self.served
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if content and mirror.cut is not None and not self.path.startswith("/api/"):
            content, mirror.cut, mirror.down, self.close_connection = content[: mirror.cut], None, True, True
        self.wfile.write(content)
