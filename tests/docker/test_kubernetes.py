"""The Kubernetes manifests: valid, locked up, reaching nothing but what they need, and useless until filled in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from infra.errors import UsageError
from infra.privacy import load_key
from tests.docker.support import KUBERNETES, containers, job_of_pool, manifests, named, pod_of, pods, run

VERSION = "1.33"
NOWHERE = "192.0.2.0/24"
each_pod = pytest.mark.parametrize(("where", "pod"), pods(), ids=lambda value: value if isinstance(value, str) else "")
CONVERTING = [(where, pod) for where, pod in pods() if "anonflow/converts" in pod["metadata"]["labels"]]
each_converting = pytest.mark.parametrize(("where", "pod"), CONVERTING, ids=[where for where, _ in CONVERTING])


def valid(document: dict[str, Any]) -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: pip install '.[containers]'"
    )
    validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize(
    ("file", "document"), manifests(), ids=lambda value: value if isinstance(value, str) else value["metadata"]["name"]
)
def test_an_object_is_what_the_cluster_takes(file: str, document: dict[str, Any]) -> None:
    valid(document)


def test_what_the_cluster_does_not_take_is_found() -> None:
    document = named("Service", "server")
    document["spec"]["portss"] = []
    with pytest.raises(Exception, match="portss"):
        valid(document)


def test_the_work_pools_job_is_what_the_cluster_takes() -> None:
    job = job_of_pool()
    # Prefect's worker insists on them in a place where the cluster ignores them.
    assert [job["spec"]["template"]["spec"].pop(name) for name in ("completions", "parallelism")] == [1, 1]
    valid(job)


@each_pod
def test_a_pod_is_locked_up(where: str, pod: dict[str, Any]) -> None:
    spec = pod["spec"]
    whole = spec["securityContext"]
    assert whole["runAsNonRoot"] is True
    assert whole["runAsUser"] == whole["runAsGroup"] == whole["fsGroup"] == 10001
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is (where == "Deployment starter")
    assert spec["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@each_pod
def test_volumes_are_secrets_or_go_with_the_pod(where: str, pod: dict[str, Any]) -> None:
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert all(volume.keys() - {"name"} <= {"secret", "emptyDir"} for volume in volumes.values())
    assert all("sizeLimit" in volume["emptyDir"] for volume in volumes.values() if "emptyDir" in volume)
    mounted = {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]}
    assert mounted == set(volumes)


@each_converting
def test_decoded_material_and_keys_stay_in_memory(where: str, pod: dict[str, Any]) -> None:
    (converting,) = pod["spec"]["containers"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    places = {mount["mountPath"]: mount for mount in converting["volumeMounts"]}
    values = named("ConfigMap", "anonflow-worker")["data"]
    for place in (values["ANONFLOW_SCRATCH"], "/private"):
        assert volumes[places[place]["name"]]["emptyDir"]["medium"] == "Memory"
    assert places[values["ANONFLOW_WEIGHTS"]]["readOnly"] is True
    keys = volumes[places["/run/secrets/anonflow"]["name"]]["secret"]
    held = named("Secret", keys["secretName"])["stringData"]
    for name in ("ANONFLOW_KEY_FILE", "ANONFLOW_SEAL_KEY_FILE"):
        folder, _, file = values[name].rpartition("/")
        assert folder == "/run/secrets/anonflow"
        assert file in held
    assert pod["spec"]["terminationGracePeriodSeconds"] >= 60


@each_converting
def test_weights_are_brought_and_checked_before_anything_starts(where: str, pod: dict[str, Any]) -> None:
    (first,) = pod["spec"]["initContainers"]
    (converting,) = pod["spec"]["containers"]
    assert first["image"] == converting["image"] + "-weights"
    assert "anonflow models verify --profile" in first["args"][-1]
    brought = {mount["name"] for mount in first["volumeMounts"] if mount["mountPath"] == "/weights"}
    place = named("ConfigMap", "anonflow-worker")["data"]["ANONFLOW_WEIGHTS"]
    assert brought == {mount["name"] for mount in converting["volumeMounts"] if mount["mountPath"] == place}


def cards(pod: dict[str, Any]) -> int:
    return int(sum(int(c["resources"]["limits"].get("nvidia.com/gpu", 0)) for c in containers(pod)))


def test_a_worker_on_a_card_has_one_and_others_none() -> None:
    found = {where: cards(pod) for where, pod in pods()}
    assert {where for where, number in found.items() if number} == {"Deployment worker-gpu", "work pool"}
    assert set(found.values()) == {0, 1}
    strategy = named("Deployment", "worker-gpu")["spec"]["strategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


@each_pod
def test_what_a_pod_names_is_there(where: str, pod: dict[str, Any]) -> None:
    for container in containers(pod):
        for source in container.get("envFrom", []):
            (kind, reference), *rest = source.items()
            assert not rest
            assert named({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"])


def policies() -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d["spec"] for _, d in manifests() if d["kind"] == "NetworkPolicy"}


def applying(labels: dict[str, str], direction: str) -> set[str]:
    """Names of the policies that select a pod with these labels and speak of this direction."""
    return {
        name
        for name, spec in policies().items()
        if direction in spec["policyTypes"] and spec["podSelector"].get("matchLabels", {}).items() <= labels.items()
    }


@each_pod
def test_a_pod_reaches_what_it_needs_and_nothing_else(where: str, pod: dict[str, Any]) -> None:
    wanted = {
        "Deployment server": {"database"},
        "Job deploy": {"client"},
        "Deployment starter": {"client", "cluster"},
    }.get(where, {"client", "store"})
    labels = pod["metadata"]["labels"]
    assert applying(labels, "Egress") == {"nothing", "names"} | wanted
    assert applying(labels, "Ingress") == {"nothing"} | ({"server"} if where == "Deployment server" else set())


def test_where_nothing_is_said_nothing_goes() -> None:
    found = policies()
    assert found["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ((rule,),) = [spec["egress"] for name, spec in found.items() if name == "client"]
    assert rule["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "server"}}}]
    blocks = [
        peer["ipBlock"]["cidr"]
        for spec in found.values()
        for way in spec.get("egress", [])
        for peer in way["to"]
        if "ipBlock" in peer
    ]
    assert blocks == [NOWHERE] * 3


def test_the_namespace_refuses_pods_that_are_not_locked_up() -> None:
    labels = named("Namespace", "anonflow")["metadata"]["labels"]
    assert labels == {"pod-security.kubernetes.io/enforce": "restricted"}


def test_selectors_find_their_pods() -> None:
    for _, document in manifests():
        if document["kind"] == "Deployment":
            labels = pod_of(document)["metadata"]["labels"]
            assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()
    service = named("Service", "server")["spec"]
    server = named("Deployment", "server")["spec"]["template"]
    assert service["selector"].items() <= server["metadata"]["labels"].items()
    (port,) = server["spec"]["containers"][0]["ports"]
    assert port["name"] == service["ports"][0]["targetPort"]


def test_only_who_starts_jobs_may_ask_the_cluster() -> None:
    rules = named("Role", "starter")["rules"]
    writing = [rule for rule in rules if set(rule["verbs"]) - {"get", "list", "watch"}]
    assert [rule["resources"] for rule in writing] == [["jobs"]]
    assert not {"secrets", "*"} & {resource for rule in rules for resource in rule["resources"]}
    assert not [d for _, d in manifests() if d["kind"].startswith("Cluster")]


def test_the_example_secrets_work_for_nobody(tmp_path: Path) -> None:
    for name, value in named("Secret", "anonflow-keys")["stringData"].items():
        path = tmp_path / name
        path.touch(mode=0o600)
        path.write_text(value)
        with pytest.raises(UsageError, match="damaged"):
            load_key(path)
    server = named("Secret", "anonflow-server")["stringData"]
    with pytest.raises(ArgumentError):
        make_url(server["PREFECT_API_DATABASE_CONNECTION_URL"])
    secrets = [value for _, d in manifests() if d["kind"] == "Secret" for value in d["stringData"].values()]
    assert all(value.startswith("REPLACE") for value in secrets)


def test_every_file_is_part_of_a_kustomization() -> None:
    for path in KUBERNETES.rglob("kustomization.yaml"):
        said = yaml.safe_load(path.read_text("utf-8"))
        files = {name for name in said["resources"] if name.endswith(".yaml")}
        assert files == {file.name for file in path.parent.glob("*.yaml")} - {path.name}
        folders = [name for name in [*said["resources"], *said.get("components", [])] if name not in files]
        assert all((path.parent / name / "kustomization.yaml").is_file() for name in folders)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_puts_the_example_together() -> None:
    done = run("kubectl", "kustomize", KUBERNETES / "example")
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert sorted((d["kind"], d["metadata"]["name"]) for d in made) == sorted(
        (d["kind"], d["metadata"]["name"]) for _, d in manifests()
    )
    assert {d["metadata"].get("namespace") for d in made if d["kind"] != "Namespace"} == {"anonflow"}
