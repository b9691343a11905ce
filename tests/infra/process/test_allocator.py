"""The number of arenas, asked of the allocator itself, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COUNT = """
import ctypes, sys, threading
from infra.process.allocator import few_arenas
took = few_arenas() if sys.argv[1] == "few" else None
libc, many = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
def work():
    many.wait()
    libc.malloc(1000)
    many.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_info(0, ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w")))
libc.fflush(None)
print(took)
"""


def arenas(what: str, folder: Path, **environment: str) -> tuple[int, str]:
    """How many there are, and what `few_arenas` said."""
    said = subprocess.run(
        [sys.executable, "-c", COUNT, what, str(folder / what)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return (folder / what).read_text().count("<heap nr="), said.stdout.strip()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    usual, _ = arenas("usual", tmp_path)
    assert usual > 2
    assert arenas("few", tmp_path) == (2, "True")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_what_a_person_set_stays(tmp_path: Path) -> None:
    assert arenas("few", tmp_path, MALLOC_ARENA_MAX="3") == (3, "False")
