"""The same run as a Prefect flow, against an ephemeral server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SCRIPT = """
import json, sys, time
from pathlib import Path
from infra.errors import Withheld
from infra.settings import Settings
from tests.flows.support import grey_chain, run

def stages(source, info, context):
    def fail(_):
        if source.name == "secret_c.mp4":
            raise Withheld("too_close", "No twin.")
        if source.name == "secret_d.mp4":
            raise RuntimeError(f"cannot read {source}")
    context.stage("twin", fail, label="twin 1")
    return grey_chain(source, info, context)

def main():
    summary, _ = run(Path(sys.argv[1]), Path(sys.argv[2]), stages, Settings(workers=2), orchestrate=True)
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
        for _ in range(100):
            tasks = client.read_task_runs()
            if len(tasks) == int(sys.argv[3]) and all(t.state_type in ("COMPLETED", "FAILED") for t in tasks):
                break
            time.sleep(0.2)
        artifacts = client.request("POST", "/artifacts/filter", json={}).json()
    print(json.dumps({
        "verdicts": [o.row.verdict.value for o in summary.outcomes],
        "ids": [o.row.public_id for o in summary.outcomes],
        "flow": [[r.name, r.state_type, r.parameters] for r in runs],
        "tasks": {t.name: [t.state_name, t.state.message] for t in tasks},
        "artifact": [[a["key"], a["data"]] for a in artifacts if a["key"]],
        "everything": [r.model_dump_json() for r in [*runs, *tasks]],
    }))

main()
"""


def test_flow_shows_verdicts_and_stages_and_no_names(made: Callable[..., Path], home: Path, tmp_path: Path) -> None:
    place = tmp_path / "Jane"
    place.mkdir()
    (place / "secret_a.mp4").write_bytes(made("plain.mp4").read_bytes())
    (place / "secret_b.mp4").write_text("no video")
    (place / "secret_c.mp4").write_bytes(made("other.mp4", size="176x144").read_bytes())
    (place / "secret_d.mp4").write_bytes(made("third.mp4", size="144x176").read_bytes())
    expected = {
        "video 1": "Completed",
        "video 1: probe": "Completed",
        "video 1: twin 1": "Completed",
        "video 1: reassemble": "Completed",
        "video 1: publish": "Completed",
        "video 2": "Completed",
        "video 2: probe": "Failed",
        "video 3": "Completed",
        "video 3: probe": "Completed",
        "video 3: twin 1": "Withheld",
        "video 4": "Completed",
        "video 4: probe": "Completed",
        "video 4: twin 1": "Failed",
    }
    environment = os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    }
    environment.pop("PREFECT_API_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(place), str(tmp_path / "out"), str(len(expected))],
        capture_output=True,
        text=True,
        env=environment,
        timeout=500,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["verdicts"] == ["published", "failed", "withheld", "failed"]
    assert [[name, state] for name, state, _ in seen["flow"]] == [["4 videos, seed 0", "COMPLETED"]]
    assert seen["flow"][0][2] == {}
    # The server writes task runs with a delay, and may lose some: our manifest is the record, Prefect is the view.
    states = {name: state for name, (state, _) in seen["tasks"].items()}
    assert states.items() <= expected.items()
    assert len(states) >= len(expected) // 2, states
    messages = {name: message for name, (_, message) in seen["tasks"].items()}
    for name, message in (("video 3: twin 1", "too_close"), ("video 4: twin 1", "RuntimeError")):
        assert messages.get(name, message) == message
    (key, data), *rest = seen["artifact"]
    assert key == "anonflow-verdicts"
    assert rest == []
    table = json.loads(data)
    assert sorted([row["public id"], row["verdict"]] for row in table) == sorted(
        list(pair) for pair in zip(seen["ids"], seen["verdicts"], strict=True)
    )
    assert [row["verdict"] for row in table] == ["failed", "failed", "withheld", "published"]
    for text in (*seen["everything"], data, done.stderr):
        for word in ("Jane", "secret_a", "secret_b", "secret_c", "secret_d"):
            assert word not in text
    assert "Traceback" not in done.stderr
