"""Keeps a worker's processes running: starts each anew when it was killed, or ended itself for a video that hung."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from flows.prefect.stops import Stops

log = logging.getLogger("anonflow")

PROMPT_S = 60.0
"""A process that lives for less counts as one that cannot start."""
LONGEST_PAUSE_S = 60.0
SUPERVISED = "ANONFLOW_SUPERVISED"
"""Tells a worker's process the process id of its supervisor."""
LOOK_S = 1.0
GRACE_S = 7.0
"""Seconds that a process has to end in order after its supervisor was killed."""
ORPHANED = 76
"""Exit status of a process that could not end in order within them."""


def supervise(commands: Sequence[Sequence[str]], longest_pause_s: float = LONGEST_PAUSE_S) -> int:
    """Run commands side by side until each has ended by itself with status 0, or SIGTERM or SIGINT arrives.

    Signals are passed on and the processes are waited for. Between quick failures the pauses grow. To be called from
    the main thread.

    Args:
        commands: The command lines.
        longest_pause_s: Seconds to which the pauses grow.

    Returns:
        The largest exit status.
    """
    stopping = threading.Event()
    kept = [_Kept(command, longest_pause_s, stopping) for command in commands]

    def pass_on(number: int, _: object) -> None:
        stopping.set()
        for one in kept:
            one.stop()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for one in kept:
            one.start()
        for one in kept:
            # A join without a time limit would keep signals from being heard.
            while one.is_alive():
                one.join(0.5)
        return max((one.status for one in kept), default=0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Kept(threading.Thread):
    """One command that is kept running."""

    def __init__(self, command: Sequence[str], longest_pause_s: float, stopping: threading.Event) -> None:
        super().__init__(name="supervisor")
        self.status = 0
        self._command, self._longest_pause_s, self._stopping = command, longest_pause_s, stopping
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Ask the process to end."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                self._child.send_signal(signal.SIGTERM)

    def run(self) -> None:
        pause = 1.0
        while True:
            with self._lock:
                if self._stopping.is_set():
                    return
                begun = time.monotonic()
                environment = os.environ | {SUPERVISED: str(os.getpid())}
                self._child = subprocess.Popen(self._command, env=environment, start_new_session=True)
            status = self._child.wait()
            if self._stopping.is_set() or status == 0:
                self.status = max(status, 0)
                return
            pause = 1.0 if time.monotonic() - begun >= PROMPT_S else min(pause * 2, self._longest_pause_s)
            log.warning("A worker's process ended (status %d); started anew in %.0f s.", status, pause)
            self._stopping.wait(pause)


async def end_with_supervisor(stops: Stops, scope: anyio.CancelScope) -> None:
    """End this process when its supervisor was killed: in order where that is quick, else at once.

    Nobody would stop it or start it anew otherwise, and a new worker would run beside it.

    Args:
        stops: Of its flow runs.
        scope: Of its loops.
    """
    supervisor = int(os.environ[SUPERVISED])
    if supervisor == 1:
        # In a container its end is the end of all; and earlier versions said no more than this.
        return
    while os.getppid() == supervisor:
        await anyio.sleep(LOOK_S)
    log.warning("The supervisor of this worker was killed; ending.")
    # What is under way when the time is up is as after any other kill: the next process goes on with it.
    overdue = threading.Timer(GRACE_S, os._exit, (ORPHANED,))
    overdue.daemon = True
    overdue.start()
    stops.end()
    scope.cancel()


def worker_command(arguments: Sequence[str]) -> list[str]:
    """Return the command line of a worker's own process.

    Args:
        arguments: Of the command `worker`.

    Returns:
        The command line.
    """
    return [sys.executable, "-m", "flows.cli.main", "worker", "--unsupervised", *arguments]
