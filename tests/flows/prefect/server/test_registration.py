"""prefect.yaml, the deployments that `anonflow deploy` makes, and the flows agree; flows take no addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.dataset.coordinator import Policy
from flows.prefect import deployments, worker
from flows.prefect.server import registration

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def described() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
    return {entry["name"]: entry for entry in content["deployments"]}


def test_the_file_describes_what_the_command_makes(described: dict[str, dict[str, Any]]) -> None:
    made = {deployed.name: (function, deployed) for function, deployed in registration.deployments()}
    assert described.keys() == made.keys()
    for name, (function, deployed) in made.items():
        entry = described[name]
        path, _, attribute = entry["entrypoint"].partition(":")
        assert f"{path.removesuffix('.py').replace('/', '.')}.{attribute}" == deployed.entrypoint
        assert getattr(deployments, attribute) is function
        assert entry["work_pool"] == {"name": deployed.pool, "work_queue_name": deployed.queue}
        assert entry["description"] == function.description
        assert set(entry["parameters"]) <= set(function.parameters.properties)


def test_no_parameter_says_where_anything_lies() -> None:
    names = {name for function, _ in registration.deployments() for name in function.parameters.properties}
    assert names == {
        "dataset", "profile", "policy", "only_failed", "changes", "shard_seconds", "alarm_share", "run", "number",
        "every", "fid", "pull", "against_source",
    }  # fmt: skip


def test_workers_run_these_flows_and_no_others() -> None:
    assert set(worker._FLOWS) == {"convert-dataset", "convert-shard", "evaluate-dataset", "recheck-dataset"}
    assert worker.AnonflowWorker.type == registration.POOL
    assert deployments.convert_dataset.parameters.properties["shard_seconds"]["default"] == Policy.shard_s


def test_shards_may_go_to_another_pool_but_coordinators_stay() -> None:
    (_, dataset), (_, shard), (_, evaluation), (_, recheck) = registration.deployments("anonflow-kubernetes")
    assert (dataset.pool, dataset.queue) == ("anonflow", "datasets")
    assert (shard.pool, shard.queue) == ("anonflow-kubernetes", "default")
    assert (evaluation.pool, evaluation.queue) == ("anonflow-kubernetes", "default")
    assert (recheck.pool, recheck.queue) == ("anonflow-kubernetes", "default")
