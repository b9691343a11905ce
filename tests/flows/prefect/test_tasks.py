"""The same run as a Prefect flow, against an ephemeral server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from flows.manifest.rows import VideoRow
from flows.prefect.task_runs import verdict_state
from flows.recipes.catalogue import named
from infra.reasons import Reason
from tasks.records import Verdict
from tests.contracts import support as contracts

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
            if len(tasks) == int(sys.argv[3]) and all(t.state and t.state.is_final() for t in tasks):
                break
            time.sleep(0.2)
        artifacts = client.request("POST", "/artifacts/filter", json={}).json()
    print(json.dumps({
        "verdicts": [o.row.verdict.value for o in summary.outcomes],
        "ids": [o.row.public_id for o in summary.outcomes],
        "flow": [[r.name, r.state_type, r.parameters] for r in runs],
        "tasks": {t.name: [t.state_name, t.state_type, t.state.message] for t in tasks},
        "artifact": [[a["key"], a["data"]] for a in artifacts if a["key"]],
        "everything": [r.model_dump_json() for r in [*runs, *tasks]],
        "message": runs[0].state.message,
        "kinds": sorted({(t.task_key.rpartition("-")[0] or t.task_key, "") for t in tasks}),
    }))

main()
"""


def ran(script: str, *arguments: str, home: Path) -> tuple[subprocess.CompletedProcess[str], Any]:
    """Run a script with a Prefect server of its own; what it prints last is JSON."""
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    }
    environment.pop("PREFECT_API_URL", None)
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=500,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done, json.loads(done.stdout.splitlines()[-1])


def test_flow_shows_verdicts_and_stages_and_no_names(made: Callable[..., Path], home: Path, tmp_path: Path) -> None:
    place = tmp_path / "Jane"
    place.mkdir()
    (place / "secret_a.mp4").write_bytes(made("plain.mp4").read_bytes())
    (place / "secret_b.mp4").write_text("no video")
    (place / "secret_c.mp4").write_bytes(made("other.mp4", size="176x144").read_bytes())
    (place / "secret_d.mp4").write_bytes(made("third.mp4", size="144x176").read_bytes())
    done, seen = ran(SCRIPT, str(place), str(tmp_path / "out"), "13", home=tmp_path / "prefect")
    assert seen["verdicts"] == ["published", "failed", "withheld", "failed"]
    assert [[name, state] for name, state, _ in seen["flow"]] == [["4 videos, seed 0", "COMPLETED"]]
    assert seen["flow"][0][2] == {}
    one, two, three, four = seen["ids"]
    # In a run of this size the server records every task; what it says is of those that were run.
    assert {name: (state, kind) for name, (state, kind, _) in seen["tasks"].items()} == {
        f"video 1 · {one}": ("Published", "COMPLETED"),
        f"{one}: probe": ("Completed", "COMPLETED"),
        f"{one}: twin 1": ("Completed", "COMPLETED"),
        f"{one}: reassemble": ("Completed", "COMPLETED"),
        f"{one}: publish": ("Completed", "COMPLETED"),
        f"video 2 · {two}": ("Failed", "FAILED"),
        f"{two}: probe": ("Failed", "FAILED"),
        f"video 3 · {three}": ("Withheld", "CANCELLED"),
        f"{three}: probe": ("Completed", "COMPLETED"),
        f"{three}: twin 1": ("Withheld", "CANCELLED"),
        f"video 4 · {four}": ("Failed", "FAILED"),
        f"{four}: probe": ("Completed", "COMPLETED"),
        f"{four}: twin 1": ("Failed", "FAILED"),
    }
    assert seen["message"] == "13 task runs"
    assert {name for name, _ in seen["kinds"]} == {"convert_one", "probe", "twin", "reassemble", "publish"}
    said = {name: message for name, (_, _, message) in seen["tasks"].items()}
    why = {reason: f"({reason}): {reason.meaning} {reason.remedy}" for reason in Reason}
    assert said[f"video 1 · {one}"] == f"{one} published"
    assert said[f"video 2 · {two}"] == f"{two} failed {why[Reason.NOT_MEDIA]}"
    assert said[f"video 3 · {three}"] == f"{three} withheld {why[Reason.TOO_CLOSE]}"
    assert said[f"{three}: twin 1"] == "too_close: No twin."
    assert said[f"video 4 · {four}"] == f"{four} failed {why[Reason.UNEXPECTED]}"
    assert said[f"{four}: twin 1"] == "Unexpected RuntimeError.", "its text quotes the source"
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


CHAIN = """
import json, sys, time
from pathlib import Path
from infra.settings import Settings
from tests.flows.support import real_chain, run

summary, _ = run(Path(sys.argv[1]), Path(sys.argv[2]), real_chain, Settings(), orchestrate=True)
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    (flow_run,) = client.read_flow_runs()
    tasks = sorted(client.read_task_runs(), key=lambda t: t.start_time)
print(json.dumps({
    "verdict": summary.outcomes[0].row.verdict.value,
    "id": summary.outcomes[0].row.public_id,
    "message": flow_run.state.message,
    "names": [t.name for t in tasks],
    "tags": {t.name: sorted(t.tags) for t in tasks},
}))
"""


def test_a_video_shows_every_stage_that_its_recipe_calls_in_order(
    clip: Callable[[str], Path], ffmpeg: Callable[..., None], tmp_path: Path
) -> None:
    contracts.load("embedder", "facenet")
    film = tmp_path / "in" / "Jane.mp4"
    film.parent.mkdir()
    ffmpeg("-i", clip("grid_pwij3p.mpg"), "-frames:v", "6", "-an", "-c:v", "libx264", "-crf", "10", film)
    _, seen = ran(CHAIN, str(film), str(tmp_path / "out"), home=tmp_path / "prefect")
    assert seen["verdict"] == "published"
    assert seen["message"] == f"{len(seen['names'])} task runs"
    first, *names = seen["names"]
    assert first == f"video 1 · {seen['id']}" and all(name.startswith(f"{seen['id']}: ") for name in names)
    stages = named("", "video").stages
    aside = next(one for one in stages if one.recorded == "references")
    wanted = ["probe", *(one.name for one in stages if one is not aside), "publish"]
    shown = [name.partition(": ")[2] for name in names]
    # References are embedded beside the stages that follow.
    assert shown.index("sample faces") < shown.index(aside.name) < shown.index("select frontal frames")
    shown.remove(aside.name)
    numbered, once = {"inpaint", "verify anonymity", "preaudit"}, {"measure control strangers", "reassemble", "audit"}
    assert shown == [
        f"{name} 1 attempt 1" if name in numbered else f"{name} 1" if name in once else name for name in wanted
    ]
    assert all(tags == ["cpu"] for name, tags in seen["tags"].items() if name not in (first, names[-1]))


@pytest.mark.parametrize(
    ("verdict", "name", "kind"),
    [
        (Verdict.PUBLISHED, "Published", StateType.COMPLETED),
        (Verdict.REDACTED, "Redacted", StateType.COMPLETED),
        (Verdict.WITHHELD, "Withheld", StateType.CANCELLED),
        (Verdict.FAILED, "Failed", StateType.FAILED),
    ],
)
def test_the_state_of_a_video_is_its_verdict(verdict: Verdict, name: str, kind: StateType) -> None:
    reason = Reason.NO_SAFE_TWIN
    state = verdict_state(VideoRow(public_id="v", input_id="i", ordinal=1, verdict=verdict, reason=reason))
    assert (state.name, state.type) == (name, kind)
    assert state.message == f"v {verdict} (no_safe_twin): {reason.meaning} {reason.remedy}"
