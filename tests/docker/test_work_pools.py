"""The base job templates of the Docker and Kubernetes work pools, as Prefect's server and workers read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prefect.server.schemas.actions import WorkPoolCreate
from prefect.utilities.templating import apply_values, find_placeholders
from pydantic import ValidationError

from tests.docker.support import DOCKERFILES, POOLS, compose, containers, environment, job_of_pool, named

each = pytest.mark.parametrize("path", POOLS, ids=lambda path: path.parent.name)
# What the workers of prefect-docker 0.7 and prefect-kubernetes 0.8 take besides the base of all workers.
BASE = {"command", "env", "labels", "name"}
DOCKER = BASE | {"image", "registry_credentials", "image_pull_policy", "networks", "network_mode", "auto_remove"}
DOCKER |= {"volumes", "stream_output", "mem_limit", "memswap_limit", "privileged", "container_create_kwargs"}
JOB = BASE | {"annotations", "namespace", "job_manifest", "cluster_config", "job_watch_timeout_seconds"}
JOB |= {"pod_watch_timeout_seconds", "stream_output"}


def pool(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


@each
def test_the_server_takes_the_template(path: Path) -> None:
    WorkPoolCreate(name="x", type="docker", base_job_template=pool(path))
    broken = pool(path)
    del broken["variables"]["properties"]["image"]
    with pytest.raises(ValidationError, match="image"):
        WorkPoolCreate(name="x", type="docker", base_job_template=broken)


@each
def test_every_variable_is_used_and_has_a_default_that_holds(path: Path) -> None:
    template = pool(path)
    used = {found.name for found in find_placeholders(json.dumps(template["job_configuration"]))}
    properties = template["variables"]["properties"]
    assert used == set(properties)
    for rule in properties.values():
        jsonschema.Draft202012Validator.check_schema(rule)
        jsonschema.validate(rule["default"], rule)


@each
def test_nothing_in_the_template_is_secret(path: Path) -> None:
    text = path.read_text("utf-8")
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "PREFECT_API_AUTH_STRING", 'ANONFLOW_SEAL_KEY"'):
        assert name not in text


def rendered(**chosen: Any) -> dict[str, Any]:
    template = pool(POOLS[0])
    defaults = {name: rule["default"] for name, rule in template["variables"]["properties"].items()}
    return apply_values(template["job_configuration"], defaults | chosen)


def test_the_docker_worker_knows_what_it_is_told() -> None:
    assert rendered().keys() <= DOCKER
    assert pool(POOLS[1])["job_configuration"].keys() <= JOB


def test_a_container_of_the_pool_is_as_locked_up_as_the_composed_worker() -> None:
    configuration = rendered()
    made, worker = configuration["container_create_kwargs"], compose()["services"]["worker"]
    for name in ("read_only", "cap_drop", "security_opt"):
        assert made[name] == worker[name]
    assert configuration["privileged"] is False
    assert made["user"] == "10001:10001"
    assert made["tmpfs"].keys() == {entry.partition(":")[0] for entry in worker["tmpfs"]}
    assert configuration["memswap_limit"] == configuration["mem_limit"]


def test_a_container_of_the_pool_sees_what_the_composed_worker_sees() -> None:
    configuration, whole = rendered(), compose()
    worker = whole["services"]["worker"]
    assert configuration["networks"] == [f"{whole['name']}_{network}" for network in worker["networks"]]
    elsewhere = {"PREFECT_API_AUTH_STRING", "PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK"}
    wanted = {name: value for name, value in worker["environment"].items() if name not in elsewhere}
    # Prefect's worker hands its own settings on, which hold places of the machine that it runs on.
    image = environment(DOCKERFILES[0])
    assert configuration["env"] == wanted | {name: image[name] for name in ("ANONFLOW_WEIGHTS", "PREFECT_HOME")}
    secrets, weights = configuration["volumes"]
    assert secrets.endswith(":/run/secrets:ro")
    assert [weights] == [f"{whole['name']}_{volume}" for volume in worker["volumes"]]


def test_one_card_by_default_and_none_when_told() -> None:
    (request,) = rendered()["container_create_kwargs"]["device_requests"]
    assert len(request["device_ids"]) == 1
    assert rendered(device_requests=[])["container_create_kwargs"]["device_requests"] == []
    for chosen, cards in (({}, 1), ({"cards": 0}, 0)):
        (container,) = job_of_pool(**chosen)["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == cards


def test_the_kubernetes_worker_finds_what_it_insists_on() -> None:
    job = job_of_pool()
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["name"] == "prefect-job"
    assert spec["restartPolicy"] == "Never"
    assert spec["completions"] == spec["parallelism"] == 1
    assert job["spec"]["backoffLimit"] == 0
    assert spec["containers"][0]["args"] == ["prefect", "flow-run", "execute"]


def test_a_job_of_the_pool_is_the_worker_on_a_card_for_one_shard() -> None:
    pod, worker = job_of_pool()["spec"]["template"], named("Deployment", "worker-gpu")["spec"]["template"]
    for name in ("securityContext", "tolerations", "terminationGracePeriodSeconds"):
        assert pod["spec"][name] == worker["spec"][name]
    assert {v["name"]: v for v in pod["spec"]["volumes"]} == {v["name"]: v for v in worker["spec"]["volumes"]}
    for mine, theirs in zip(containers(pod), containers(worker), strict=True):
        for name in ("image", "securityContext", "volumeMounts", "envFrom"):
            assert mine.get(name) == theirs.get(name)
    roles = {name: value for name, value in worker["metadata"]["labels"].items() if name.startswith("anonflow/")}
    assert roles.items() <= pod["metadata"]["labels"].items()
