"""Starting ffmpeg and ffprobe: limits, a bare environment, no standard input, bounded output."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from infra.errors import ToolError
from infra.media.limits import ChildLimits, apply_to

_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME")
_MESSAGE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Finished:
    """A child that has ended.

    Attributes:
        status: exit status.
        output: its standard output.
        messages: the end of its messages. They may name the input: classify them, never pass them on.
    """

    status: int
    output: bytes
    messages: str


def environment() -> dict[str, str]:
    """The few variables a media tool needs; credentials and proxies of the parent stay with the parent."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"}


def tool(name: str) -> str:
    """Find an executable.

    Args:
        name: its name.

    Returns:
        Its absolute path.

    Raises:
        ToolError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise ToolError(f"{name} is not installed or not on PATH; install ffmpeg (Debian: apt-get install ffmpeg).")
    return found


def messages_of(log: IO[bytes]) -> str:
    """Read the last part of a message file, decoded leniently.

    Args:
        log: the message file of a child.

    Returns:
        At most 256 KiB of text.
    """
    log.flush()
    size = os.fstat(log.fileno()).st_size
    log.seek(max(0, size - _MESSAGE_BYTES))
    return log.read(_MESSAGE_BYTES).decode("utf-8", "replace")


@contextlib.contextmanager
def started(
    program: str, arguments: Sequence[str], limits: ChildLimits
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run a program while the block lasts.

    The child is ended, and waited for, when the block is left for any reason.

    Args:
        program: its name.
        arguments: its arguments.
        limits: bounds on the child; the wall clock limit is the caller's to keep.

    Yields:
        The process (standard output is a pipe) and its message file.

    Raises:
        ToolError: it cannot start.
    """
    command = [tool(program), *arguments]
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(f"{program} could not be started (error {error.errno}).") from None
        try:
            with contextlib.suppress(ProcessLookupError):
                apply_to(process.pid, limits)
            yield process, log
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def run(program: str, arguments: Sequence[str], limits: ChildLimits, max_output: int = 64 << 20) -> Finished:
    """Run a program to its end and collect what it writes.

    A non-zero exit status is the caller's to judge.

    Args:
        program: its name.
        arguments: its arguments.
        limits: bounds on the child.
        max_output: bytes that it may write at most.

    Returns:
        Exit status, standard output and the end of its messages.

    Raises:
        ToolError: it cannot start, runs past wall_s, is ended by a signal, or writes more than max_output bytes.
    """
    parts: list[bytes] = []
    total = 0

    def keep(part: bytes) -> None:
        nonlocal total
        total += len(part)
        if total > max_output:
            raise ToolError(f"{program} wrote more than {max_output} bytes and was ended.")
        parts.append(part)

    status, messages = feed(program, arguments, limits, keep)
    return Finished(status, b"".join(parts), messages)


def feed(program: str, arguments: Sequence[str], limits: ChildLimits, take: Callable[[bytes], None]) -> tuple[int, str]:
    """Run a program to its end and hand on what it writes, piece by piece as it comes.

    An exception of `take` ends the program and goes through.

    Args:
        program: its name.
        arguments: its arguments.
        limits: bounds on the child.
        take: called with pieces of any length up to a megabyte.

    Returns:
        Exit status and the end of its messages, see `Finished`.

    Raises:
        ToolError: it cannot start, runs past wall_s, or is ended by a signal.
    """
    with started(program, arguments, limits) as (process, log):
        assert process.stdout is not None
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(limits.wall_s, stop)
        timer.daemon = True
        timer.start()
        try:
            while part := process.stdout.read(1 << 20):
                take(part)
            status = process.wait()
        finally:
            timer.cancel()
        if expired.is_set():
            raise ToolError(f"{program} ran longer than {limits.wall_s:g} s and was ended.")
        if status < 0:
            # What it wrote until then says nothing about the file.
            raise ToolError(f"{program} was ended by signal {-status}.")
        return status, messages_of(log)
