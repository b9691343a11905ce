"""Processes that begin the same thing at the same moment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def race(script: str, *arguments: Sequence[str], seconds: float = 120.0) -> list[str]:
    """Run the script once with each set of arguments; returns what each printed after it was told to go.

    The script prints `ready` and then reads a line. Fails when one of them does not end well.
    """
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen([sys.executable, "-c", script, *given], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        for given in arguments
    ]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=seconds)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * len(racers)
    return said
