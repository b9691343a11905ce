"""Telling processes of this machine apart, also when their numbers are used again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


def machine() -> str:
    """Names the place in which process numbers mean something: this boot of this machine, and this namespace."""
    parts = [os.uname().nodename]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def began(process: int) -> str:
    """Say when a process started, as its system counts.

    Args:
        process: number of the process.

    Returns:
        The time as text; empty when the process has ended (waited for or not) or its start cannot be told.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text("ascii", errors="replace")
    except OSError:
        return ""
    # The name of the program, in parentheses, may hold spaces.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]
