"""An S3 server that misbehaves by script: moto behind a proxy on loopback."""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

BUCKET = "anonflow"
_SETTINGS = ("AWS_", "ANONFLOW_S3_", "ANONFLOW_STORE_", "ANONFLOW_SEAL_")
_ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>as the script says</Message></Error>'
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})


@dataclass(frozen=True)
class Fault:
    """What happens to one request.

    what: "reset before" (the connection breaks before the server sees the request), "reset after" (it breaks instead
    of the answer), "short" (the body ends before its announced length), "slow" (the answer takes `seconds`), or an
    HTTP status and code as in "503 SlowDown". method, holds: only of requests with this method, and this text in
    their path and query.
    """

    what: str
    method: str = ""
    holds: str = ""
    seconds: float = 0.0


class FaultyS3:
    """The proxy. url: its address. seen: "METHOD path" of all requests, also of those that the server never saw.
    unconditional: create-only writes write over what is there, as on servers that do not know them."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.backend = port
        self.seen: list[str] = []
        self.unconditional = False
        self._script: list[Fault] = []
        self._lock = threading.Lock()
        # The server behind looks whether there is an object, and then writes, in two steps.
        self.conditional = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, what: str, method: str = "", holds: str = "", times: int = 1, seconds: float = 0.0) -> None:
        """Let the next `times` requests of this kind go wrong; see Fault."""
        with self._lock:
            self._script += [Fault(what, method, holds, seconds)] * times

    def pending(self) -> int:
        """Faults that have not happened yet."""
        with self._lock:
            return len(self._script)

    def reset(self) -> None:
        """Forget the script and what was seen."""
        with self._lock:
            self._script.clear()
            self.seen.clear()
            self.unconditional = False

    def next(self, method: str, path: str) -> Fault | None:
        """The fault that this request is due, taken off the script."""
        with self._lock:
            self.seen.append(f"{method} {path}")
            for fault in self._script:
                if fault.method in ("", method) and fault.holds in path:
                    self._script.remove(fault)
                    return fault
        return None

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyS3

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two packets waits for the client's acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        body = self._body()
        fault = self.server.proxy.next(self.command, self.path)
        what = fault.what if fault else ""
        if what == "reset before":
            self._reset()
            return
        if fault and what[:1].isdigit():
            status, _, code = what.partition(" ")
            self._answer(int(status), [("Content-Type", "application/xml")], _ERROR.format(code).encode())
            return
        one_by_one = self.server.proxy.conditional if "If-None-Match" in self.headers else contextlib.nullcontext()
        with one_by_one:
            status, headers, content, length = self._forward(body)
        if what == "reset after":
            self._reset()
        elif what == "short" and content:
            self._answer(status, headers, content, cut=max(1, len(content) // 2))
        else:
            if fault and what == "slow":
                time.sleep(fault.seconds)
            self._answer(status, headers, content, length=length)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Tell the client to go on, at once."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.proxy.backend, timeout=30)
        try:
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            if self.server.proxy.unconditional:
                sent.pop("If-None-Match", None)
            connection.request(self.command, self.path, body, sent)
            answer = connection.getresponse()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            return answer.status, headers, answer.read(), answer.getheader("Content-Length")
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, cut: int = 0, length: str | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        announced = length if self.command == "HEAD" and length else str(len(content))
        if status != 204:
            self.send_header("Content-Length", announced)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) - cut])
        if cut:
            self.close_connection = True

    def _reset(self) -> None:
        # With this option closing sends a reset instead of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@functools.cache
def _backend() -> int:
    """Port of the server behind, which all tests share: stopping it takes half a second."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    return int(server.get_host_and_port()[1])


@contextlib.contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[FaultyS3]:
    """A server with one bucket, and the environment set so that clients use it. Impatient: see the values.

    tls: what the proxy speaks, None for plain HTTP.
    """
    port = _backend()
    import boto3

    proxy = FaultyS3(port, tls)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
            patch.delenv(name)
        settings = {
            "AWS_ACCESS_KEY_ID": "test-id",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": proxy.url,
            # Longer than a timeout, so that a request that the server never answers is sent again.
            "ANONFLOW_STORE_PATIENCE": "20",
            # A busy machine answers late now and then, and tests that want a timeout set their own.
            "ANONFLOW_S3_TIMEOUT": "12",
            # So that what is tried again is tried again by the code under test.
            "AWS_MAX_ATTEMPTS": "1",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}").create_bucket(Bucket=BUCKET)
        proxy.reset()
        try:
            yield proxy
        finally:
            proxy.close()
