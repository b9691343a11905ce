"""Frames per second of anonflow, stage by stage, beside plain deface on the same clip in the same run.

Usage: python bench/throughput.py CLIP [--rounds N] [--threads N] [--orchestrated] [--json FILE]

Both are run as a user runs them, each in a process of its own, start-up and loading of the networks included; the
rounds alternate, and the median of each counts. Where other work shares the machine, the processor time is the
steadier figure. anonflow starts every round with an empty store, so nothing is reused but the downloaded weights.
deface 1.5.0 with its own CenterFace network and its default settings is installed beside onnxruntime into a temporary
environment that is removed afterwards; installing is not timed. The two do different work: deface blurs what one
detector finds and checks nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("deface==1.5.0", "onnxruntime<1.31", "opencv-python-headless>=4.10,<5")
LIMIT_S = 3600


@dataclass(frozen=True)
class Round:
    """One conversion. seconds: wall clock of the whole process. cpu: processor seconds of it and its children.
    row: anonflow's manifest row, empty for deface."""

    seconds: float
    cpu: float
    row: dict[str, Any]


def call(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> tuple[float, float]:
    """Run a command to its end; SystemExit with its last words when it fails.

    Returns its wall time and its processor time in seconds, children included.
    """
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{Path(command[0]).name} ended with status {done.returncode}:\n{done.stdout[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def install_deface(folder: Path) -> Path:
    """Install deface into an environment below the folder and return its program."""
    call([sys.executable, "-m", "venv", folder])
    quiet = ("--quiet", "--disable-pip-version-check")
    # deface asks for the OpenCV build with windows; the headless build is the same code without them.
    call([folder / "bin" / "python", "-m", "pip", "install", *quiet, *PACKAGES])
    return folder / "bin" / "deface"


def run_deface(program: Path, clip: Path, folder: Path) -> Round:
    """Anonymize the clip with deface's defaults. Raises SystemExit when it leaves no result."""
    folder.mkdir()
    result = folder / "result.mp4"
    seconds, cpu = call([program, clip, "--output", result])
    if not result.is_file():
        raise SystemExit("deface left no result.")
    return Round(seconds, cpu, {})


def run_anonflow(clip: Path, folder: Path, threads: int, orchestrated: bool) -> Round:
    """Anonymize the clip with anonflow's defaults and read its manifest row. SystemExit when the row is a failure."""
    out = folder / "out"
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "convert", clip, out]
    command += ["--threads", str(threads)] + ([] if orchestrated else ["--no-orchestration"])
    seconds, cpu = call(command, {"ANONFLOW_CACHE_URL": f"file://{folder / 'store'}"})
    row = json.loads((out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
    if row["verdict"] == "failed":
        raise SystemExit(f"anonflow failed: {row['reason']} {row['message']}")
    return Round(seconds, cpu, row)


def report(ours: Sequence[Round], theirs: Sequence[Round]) -> dict[str, Any]:
    """All figures by name; stage times are those of the anonflow round with the median wall time (the lower one)."""
    typical = sorted(ours, key=lambda entry: entry.seconds)[(len(ours) - 1) // 2]
    frames = int(typical.row["frames"])
    stages = {name: float(seconds) for name, seconds in typical.row["stage_seconds"].items()}
    work = [statistics.median(entry.cpu for entry in side) for side in (ours, theirs)]
    mine, other = (statistics.median(entry.seconds for entry in side) for side in (ours, theirs))
    return {
        "frames": frames,
        "size": f"{typical.row['width']}x{typical.row['height']}",
        "verdict": typical.row["verdict"],
        "reason": typical.row["reason"],
        "attempts": len(typical.row["attempts"]),
        "stage_seconds": stages,
        "outside_stages_seconds": typical.seconds - sum(stages.values()),
        "anonflow_seconds": mine,
        "deface_seconds": other,
        "anonflow_rounds": [entry.seconds for entry in ours],
        "deface_rounds": [entry.seconds for entry in theirs],
        "anonflow_fps": frames / mine,
        "deface_fps": frames / other,
        "wall_ratio": mine / other,
        "anonflow_cpu_seconds": work[0],
        "deface_cpu_seconds": work[1],
        "cpu_ratio": work[0] / work[1],
        "peak_memory_bytes": typical.row["peak_memory_bytes"],
        "load_average": os.getloadavg()[0],
        "processors": os.cpu_count(),
    }


def table(figures: Mapping[str, Any]) -> str:
    """The report as text."""
    frames = figures["frames"]
    lines = [
        f"{figures['size']}, {frames} frames, {figures['processors']} processors, load {figures['load_average']:.1f}; "
        f"verdict {figures['verdict']} {figures['reason']}, {figures['attempts']} attempt(s)",
        f"{'':<26}{'seconds':>9}{'frames/s':>10}",
    ]
    parts = {f"  {name}": seconds for name, seconds in figures["stage_seconds"].items()}
    parts["  start, loading, the rest"] = figures["outside_stages_seconds"]
    parts |= {"anonflow": figures["anonflow_seconds"], "deface": figures["deface_seconds"]}
    lines += [f"{name:<26}{s:>9.2f}{frames / s if s > 0 else float('nan'):>10.1f}" for name, s in parts.items()]
    lines.append(f"wall time anonflow / deface: {figures['wall_ratio']:.2f} (rounds: {len(figures['deface_rounds'])})")
    mine, other = figures["anonflow_cpu_seconds"], figures["deface_cpu_seconds"]
    lines.append(f"processor time anonflow / deface: {mine:.1f} s / {other:.1f} s = {figures['cpu_ratio']:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Run both, print the table, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=1, help="how often each is run")
    parser.add_argument("--threads", type=int, default=2, help="threads of anonflow; deface takes what it finds")
    parser.add_argument("--orchestrated", action="store_true", help="run anonflow with Prefect")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args()
    clip = arguments.clip.resolve()
    if not clip.is_file() or arguments.rounds < 1:
        raise SystemExit("CLIP must be a file and --rounds at least 1.")
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        folder = Path(name)
        program = install_deface(folder / "deface")
        ours, theirs = [], []
        for number in range(arguments.rounds):
            ours.append(run_anonflow(clip, folder / f"ours{number}", arguments.threads, arguments.orchestrated))
            theirs.append(run_deface(program, clip, folder / f"theirs{number}"))
    figures = report(ours, theirs)
    print(table(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
