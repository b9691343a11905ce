"""What an input may ask for before anything is decoded, and what a child process may use."""

from __future__ import annotations

import resource
from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True)
class MediaLimits:
    """Upper bounds on one video input. The defaults admit about eight hours of 1080p at 30 frames a second.

    Attributes:
        max_bytes: file size.
        max_pixels: width x height of one frame.
        max_total_pixels: width x height x frames.
        max_frames: number of frames.
    """

    max_bytes: int = 64 * GIB
    max_pixels: int = 7680 * 4320
    max_total_pixels: int = 2_000_000_000_000
    max_frames: int = 2_000_000


@dataclass(frozen=True)
class ChildLimits:
    """Upper bounds on one child process.

    Attributes:
        memory_bytes: address space.
        cpu_s: seconds of processor time.
        wall_s: seconds until the parent ends it.
        output_bytes: size of any file it writes.
    """

    memory_bytes: int = 6 * GIB
    cpu_s: int = 8 * 3600
    wall_s: float = 8 * 3600.0
    output_bytes: int = 64 * GIB


def apply_to(pid: int, limits: ChildLimits) -> None:
    """Set the kernel limits on a running child process.

    Called from the parent straight after the start: a hook between fork and exec can deadlock in a program with
    threads. Linux has prlimit; where it is missing only the wall clock limit holds.

    Args:
        pid: number of the child.
        limits: its limits; the wall clock limit is the parent's to keep.

    Raises:
        ProcessLookupError: the child has already ended.
    """
    if not hasattr(resource, "prlimit"):
        return
    resource.prlimit(pid, resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.prlimit(pid, resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
