"""The webhooks of docs/deployment.md, made by its very commands, are called by a real Prefect server."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.states import Completed, Crashed, Failed

from flows.manifest.rows import VideoRow
from flows.prefect import artifacts
from flows.prefect.deployments import convert_dataset, recheck_dataset
from tasks.records import Verdict
from tests.integration.topology import ROOT, Topology

_PATIENCE_S = 30.0
SECRET = "/films/Jane Doe.mp4"

Calls = queue.Queue[tuple[str, dict[str, Any]]]


@pytest.fixture
def listener() -> Iterator[tuple[str, Calls]]:
    """An HTTP server's address, and the (content type, body) of each call that it gets."""
    calls: Calls = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.put((self.headers["Content-Type"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/webhook", calls
        http.shutdown()


def create_as_documented(url: str, server: Topology) -> str:
    """Run the commands of the page in a folder with the files that they name; returns what they print."""
    page = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    commands = page.partition("## Schedules and webhooks")[2].partition("```sh\n")[2].partition("```")[0]
    address = "https://example.com/webhook"
    assert address in commands
    here = server.folder / "here"
    shutil.copytree(ROOT / "infra" / "automations", here / "infra" / "automations")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-e", "-c", commands.replace(address, url)],
        env=server.environment | {"PATH": path},
        cwd=here,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_of(flow: Flow[..., Any], dataset: str, state: Any) -> str:
    """Have a flow run enter a state; returns its id."""
    with get_client(sync_client=True) as client:
        made = client.create_flow_run(flow, parameters={"dataset": dataset}, name=f"convert · {dataset}")
        client.set_flow_run_state(made.id, state, force=True)
        return str(made.id)


def rows(bad: int, good: int) -> list[VideoRow]:
    verdicts = [Verdict.WITHHELD, *[Verdict.FAILED] * (bad - 1), *[Verdict.PUBLISHED] * good]
    return [
        VideoRow(public_id=f"v{n}", input_id=f"i{n}", ordinal=n, verdict=verdict, source_stamp=SECRET)
        for n, verdict in enumerate(verdicts)
    ]


def received(calls: Calls, count: int, log: Path) -> list[dict[str, Any]]:
    """The bodies of so many calls, and of those that come in the second after them."""
    found: list[dict[str, Any]] = []
    until = time.monotonic() + _PATIENCE_S
    while (left := until - time.monotonic()) > 0:
        try:
            kind, body = calls.get(timeout=left)
        except queue.Empty:
            break
        assert kind == "application/json"
        found.append(body)
        if len(found) == count:
            until = time.monotonic() + 1.0
    assert len(found) >= count, f"{found}; the server says:\n{log.read_text('utf-8', errors='replace')[-4000:]}"
    return sorted(found, key=lambda body: str(body["event"]))


def test_failed_runs_and_withheld_shares_call_the_webhook(server: Topology, listener: tuple[str, Calls]) -> None:
    url, calls = listener
    assert "Created 2 automation(s)" in create_as_documented(url, server)
    # What must not call comes first: events are looked at in order.
    run_of(convert_dataset, "good", Completed(message=SECRET))
    run_of(recheck_dataset, "rechecked", Failed(message=SECRET))
    EventsWorker.drain_all(10.0)
    try:
        assert not artifacts.alarm("few", rows(1, 4), 0.2)
        assert artifacts.alarm("many", rows(2, 6), 0.2)
    finally:
        EventsWorker.drain_all(10.0)
    failed = run_of(convert_dataset, "broken", Failed(message=f"ValueError: {SECRET}"))
    crashed = run_of(convert_dataset, "dead", Crashed(message=f"ValueError: {SECRET}"))
    assert received(calls, 3, server.folder / "server.log") == [
        {"event": "run crashed", "dataset": "dead", "flow_run": crashed},
        {"event": "run failed", "dataset": "broken", "flow_run": failed},
        {"event": "withheld above share", "dataset": "many", "inputs": 8, "withheld_or_failed": 2, "share": 0.25},
    ]
