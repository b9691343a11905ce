"""A worker's process is started anew, and stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.errors import UsageError
from infra.process.machine_lock import only_one

ROOT = Path(__file__).resolve().parents[3]
SUPERVISE = """
import sys
from flows.prefect import supervisor
supervisor.PROMPT_S = 0.0
sys.exit(supervisor.supervise([[sys.executable, "-c", sys.argv[1], place] for place in sys.argv[2:]], 0.2))
"""


def supervised(script: str, *places: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SUPERVISE, script, *places]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_killed_process_is_started_anew_until_it_ends_well(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "with open(sys.argv[1], 'a') as file:\n"
        "    file.write('1' if int(os.environ['ANONFLOW_SUPERVISED']) == os.getppid() else '0')\n"
        "if os.stat(sys.argv[1]).st_size < 3:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    places = [tmp_path / "one", tmp_path / "other"]
    child = supervised(script, *map(str, places))
    assert child.wait(60) == 0
    assert [place.read_text() for place in places] == ["111", "111"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on_and_waited_for(number: int, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time\n"
        "def stop(*_):\n"
        "    time.sleep(0.3)\n"
        "    open(sys.argv[1], 'w').write('in order')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        # Both processes share this pipe, so each line must be one write, which print is not without a buffer.
        "os.write(1, b'ready\\n')\n"
        "while True:\n"
        "    time.sleep(0.1)\n"
    )
    places = [tmp_path / "one", tmp_path / "other"]
    child = supervised(script, *map(str, places))
    assert child.stdout is not None and [child.stdout.readline() for _ in places] == ["ready\n"] * 2
    child.send_signal(number)
    assert child.wait(30) == 0
    assert [place.read_text() for place in places] == ["in order"] * 2


ORPHAN = """
import os, signal, sys, time
import anyio, anyio.to_thread
from flows.prefect.stops import Stops
from flows.prefect.supervisor import end_with_supervisor
from uuid import uuid4

async def main():
    stops = Stops()
    with stops.of(uuid4()) as stop:
        async with anyio.create_task_group() as group:
            group.start_soon(end_with_supervisor, stops, group.cancel_scope)
            print(os.getpid(), flush=True)
            if sys.argv[1] == "hangs":
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(time.sleep, 60)
            await anyio.sleep_forever()
        print("in order" if stop.is_set() and not stop.cancelled else "not told", flush=True)

anyio.run(main)
"""


@pytest.mark.parametrize(("how", "said"), [("listens", "in order\n"), ("hangs", "")])
def test_what_a_killed_supervisor_kept_running_ends_within_ten_seconds(how: str, said: str) -> None:
    supervisor = supervised(ORPHAN, how)
    assert supervisor.stdout is not None
    worker = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    begun = time.monotonic()
    assert supervisor.stdout.read() == said
    # A process closes its pipe a moment before it has ended.
    while alive(worker) and time.monotonic() - begun < 10:
        time.sleep(0.02)
    assert not alive(worker) and time.monotonic() - begun < 10


def alive(process: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_one_process_holds_a_thing_until_it_ends(home: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from infra.process.machine_lock import only_one\n"
        "with only_one('card 0'):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with only_one("card 1"):
        pass
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    with pytest.raises(UsageError, match="card 0"), only_one("card 0"):
        raise AssertionError("held by two")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    time.sleep(0.05)
    with only_one("card 0"), only_one("card 1"):
        pass
