"""Keeps the test processes small, and fails the suite when one was not.

Networks and test pictures are kept from test to test, because loading them takes seconds. Without a limit a process
that runs one file after the other ends up holding every network of every profile.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from pathlib import Path

import pytest

from infra.process.allocator import few_arenas
from models.runtime import openvino_runtime

LIMIT_GB = 4.0
"""What a process of the suite may take at its peak. Measured: 2.5 GB, and 3.6 in the part that needs torch. A
conversion takes 2.2 GB, most of it networks, and more where random diffusion networks stand beside the embedded ones. A
laptop with 8 GB wants 3."""
_RELEASE_GB, _RELEASE_AT_ONCE_GB, _TRIM_GB = 0.8, 2.0, 1.2
"""Above these, networks are released after a file, and after any test, and memory that nobody uses goes back to the
system after any test. The embedded networks take 1.4 GB, and five seconds to load: tests of one file keep them."""
_UNIT = 1 if sys.platform == "darwin" else 1024
_PEAKS = pytest.StashKey[dict[str, float]]()
_OWN = pytest.StashKey[list[tuple[float, str]]]()


def peak_gb() -> float:
    """Largest resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT / 1e9


def present_gb() -> float:
    """Resident memory of this process now, in GB; the peak where the system does not tell."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9 if pages.exists() else peak_gb()


def release() -> None:
    """Forget the networks and whatever the tests' own modules cache, and give the memory back to the system."""
    from models.selection import profiles

    profiles._instances.clear()
    for name, module in list(sys.modules.items()):
        if name.startswith("tests."):
            for value in list(vars(module).values()):
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()
    trim()


def trim() -> None:
    """Give memory that nobody uses back to the system."""
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def too_large(peaks: dict[str, float]) -> list[str]:
    """A line for every process whose peak is over the limit."""
    over = {name: peak for name, peak in peaks.items() if peak > LIMIT_GB}
    return [f"{name} took {peak:.2f} GB of memory, more than {LIMIT_GB:g}" for name, peak in over.items()]


def pytest_configure(config: pytest.Config) -> None:
    """Before there are threads."""
    few_arenas()
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    if workers > 1:
        # Threads of several processes that wait for each other on the same cores multiply the time of every test.
        share = max((os.cpu_count() or 1) // workers, 1)
        os.environ.setdefault("OMP_NUM_THREADS", str(share))
        # Every copy of a network has its own weights.
        openvino_runtime.MOST_COPIES = share
    config.stash[_PEAKS], config.stash[_OWN] = {}, []


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After a file's last test, whose fixtures have ended by now, note the peak and release what was loaded; after
    other tests only where much is."""
    last = nextitem is None or nextitem.path != item.path
    if last:
        item.config.stash[_OWN].append((peak_gb(), item.path.name))
    if not last and present_gb() > _TRIM_GB:
        trim()
    if present_gb() > (_RELEASE_GB if last else _RELEASE_AT_ONCE_GB):
        release()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker reports its peak to the process that started it; that one, or the only one, fails the suite."""
    config = session.config
    own = getattr(config, "workeroutput", None)
    steps = config.stash[_OWN]
    if own is not None:
        own["peak_gb"], own["growth"] = peak_gb(), steps
        return
    config.stash[_PEAKS]["this process"] = peak_gb()
    if too_large(config.stash[_PEAKS]) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """xdist tells the first process that a worker has ended."""
    said = getattr(node, "workeroutput", {})
    config, name = node.config, node.gateway.id  # type: ignore[attr-defined]
    if "peak_gb" in said:
        config.stash[_PEAKS][name] = said["peak_gb"]
        config.stash[_OWN].extend((peak, f"{name} {file}") for peak, file in said["growth"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much memory the processes took, and after which files a process had grown."""
    for name, peak in config.stash[_PEAKS].items():
        terminalreporter.line(f"peak memory of {name}: {peak:.2f} GB")
    for line in (found := too_large(config.stash[_PEAKS])):
        terminalreporter.line(line, red=True)
    if found or os.environ.get("ANONFLOW_TEST_MEMORY"):
        for peak, file in config.stash[_OWN]:
            terminalreporter.line(f"  {peak:.2f} GB after {file}")
