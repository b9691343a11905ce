"""Short clips of a talking person, cut out of the demonstration clip; each number gives another content."""

from __future__ import annotations

import subprocess
from pathlib import Path

from models.weights import weight_files


def short_clip(
    target: Path, number: int, frames: int = 8, height: int = 360, source: Path | None = None, step: float = 0.21
) -> Path:
    """Write a silent clip of `frames` frames that begins elsewhere for each number, and is a little brighter.

    source: the clip that is cut, the demonstration's by default. step: seconds between the beginnings, of which there
    are 24, so the source must last as long.
    """
    source = source or weight_files.path("demo-clip")
    begin, light = f"{step * (number % 24):.3f}", 0.01 * (number // 24)
    chain = f"scale=-2:{height},eq=brightness={light:.3f}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-ss", begin, "-i", str(source), "-frames:v", str(frames)]
    command += ["-vf", chain, "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", str(target)]
    subprocess.run(command, check=True, timeout=120)
    return target
