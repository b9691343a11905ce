"""The same run as a Prefect flow, against an ephemeral server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SCRIPT = """
import json, sys
from pathlib import Path
from infra.settings import Settings
from tests.flows.support import run

def main():
    from prefect.client.orchestration import get_client
    summary, _ = run(Path(sys.argv[1]), Path(sys.argv[2]), settings=Settings(workers=2), orchestrate=True)
    with get_client(sync_client=True) as client:
        runs, tasks = client.read_flow_runs(), client.read_task_runs()
        artifacts = client.request("POST", "/artifacts/filter", json={}).json()
    print(json.dumps({
        "verdicts": [o.row.verdict.value for o in summary.outcomes],
        "ids": [o.row.public_id for o in summary.outcomes],
        "flow": [[r.name, r.state_type, r.parameters] for r in runs],
        "tasks": sorted([t.name, t.state_type] for t in tasks),
        "artifact": [[a["key"], a["data"]] for a in artifacts if a["key"]],
        "everything": [r.model_dump_json() for r in [*runs, *tasks]],
    }))

main()
"""


def test_flow_shows_verdicts_and_no_names(made: Callable[..., Path], home: Path, tmp_path: Path) -> None:
    place = tmp_path / "Jane"
    place.mkdir()
    (place / "secret_a.mp4").write_bytes(made("plain.mp4").read_bytes())
    (place / "secret_b.mp4").write_text("no video")
    environment = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    }
    environment.pop("PREFECT_API_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(place), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=500,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["verdicts"] == ["published", "failed"]
    assert [[name, state] for name, state, _ in seen["flow"]] == [["2 videos, seed 0", "COMPLETED"]]
    assert seen["flow"][0][2] == {}
    # The server writes task runs with a delay, and may lose some: our manifest is the record, Prefect is the view.
    assert {name for name, _ in seen["tasks"]} <= {"video 1", "video 2"}
    (key, data), *rest = seen["artifact"]
    assert key == "anonflow-verdicts"
    assert rest == []
    table = json.loads(data)
    assert [[row["public id"], row["verdict"]] for row in table] == [
        [seen["ids"][0], "published"],
        [seen["ids"][1], "failed"],
    ]
    for text in (*seen["everything"], data, done.stderr):
        for word in ("Jane", "secret_a", "secret_b"):
            assert word not in text
