"""The same command at the same time in two processes, as on two machines: each video is converted by one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from infra.settings import Settings
from infra.storage.store import Store
from tests.reference.racers import race

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
    said = [text.splitlines() for text in race(SCRIPT, *[(str(place), str(out))] * 2)]
    converted = [name for lines in said for name in lines[0].split()]
    assert len(converted) == len(set(converted)) == 5, "equal content is converted once, by one of them"
    assert all(lines[1].split() == ["published"] * 6 for lines in said), "both know the verdicts of all"
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert len({row["input_id"] for row in rows}) == len(rows) == 6
    store = Store(Settings().cache_url)
    assert store.list_tree("identifying") == [] and store.list_tree("safe/leases") == []
