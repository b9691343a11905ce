"""The same command at the same time in two processes, as on two machines: each video is converted by one of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from infra.settings import Settings
from infra.store import Store

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path
from tests.flows.support import grey_chain, run
made = []
def chain(source, info, context):
    made.append(context.public_id)
    return grey_chain(source, info, context)
print("ready", flush=True)
sys.stdin.readline()
summary, _ = run(Path(sys.argv[1]), Path(sys.argv[2]), chain)
print(*made, flush=True)
print(*[outcome.row.verdict.value for outcome in summary.outcomes])
"""


def test_two_processes_share_a_dataset(made: Callable[..., Path], home: Path, tmp_path: Path) -> None:
    place, out = tmp_path / "Jane", tmp_path / "out"
    place.mkdir()
    for n in range(6):
        content = made(f"share{n % 5}.mp4", "-metadata", f"title={n % 5}").read_bytes()
        (place / f"{n}.mp4").write_bytes(content)
    command, pipe = [sys.executable, "-c", SCRIPT, str(place), str(out)], subprocess.PIPE
    both = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for one in both:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in both:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=120)[0].splitlines() for one in both]
    converted = [name for lines in said for name in lines[0].split()]
    assert len(converted) == len(set(converted)) == 5, "equal content is converted once, by one of them"
    assert all(lines[1].split() == ["published"] * 6 for lines in said), "both know the verdicts of all"
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert len({row["input_id"] for row in rows}) == len(rows) == 6
    store = Store(Settings().cache_url)
    assert store.list_tree("identifying") == [] and store.list_tree("safe/leases") == []
