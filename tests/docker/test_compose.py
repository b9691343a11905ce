"""The Compose deployment: valid, locked up, nothing reachable from outside, nothing secret in the files."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from infra.privacy import load_key
from tests.docker.support import FOLDERS, PREPARED, ROOT, Unset, compose, run

FILES = ["compose.yaml", "compose/gpu.yaml", "compose/local.yaml"]
SERVICES: dict[str, dict[str, Any]] = compose()["services"]
each = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.parametrize("name", FILES)
def test_the_file_follows_the_specification(name: str) -> None:
    specification = pytest.importorskip("compose_spec", reason="needs pip install '.[containers]'")
    specification.PyCompose.from_json(json.dumps(compose(name)))


@pytest.mark.parametrize("wrong", [{"imagee": "x"}, {"depends_on": {"y": {"condition": "service_fine"}}}])
def test_what_does_not_follow_the_specification_is_found(wrong: dict[str, Any]) -> None:
    specification = pytest.importorskip("compose_spec", reason="needs pip install '.[containers]'")
    services = {"services": {"x": {"image": "x:1", **wrong}, "y": {"image": "y:1"}}}
    with pytest.raises(ValueError, match=r"imagee|service_fine"):
        specification.PyCompose.from_json(json.dumps(services))


@pytest.mark.parametrize("name", PREPARED)
@pytest.mark.parametrize("value", [None, ""])
def test_nothing_starts_before_it_was_prepared(name: str, value: str | None) -> None:
    values = {key: word for key, word in PREPARED.items() if key != name} | ({name: value} if value is not None else {})
    with pytest.raises(Unset, match=r"prepare\.sh"):
        compose(values=values)


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_have_no_default(name: str) -> None:
    with pytest.raises(Unset, match=name):
        compose("compose/local.yaml", {key: word for key, word in FOLDERS.items() if key != name})


@pytest.mark.parametrize("name", FILES)
def test_no_variable_with_a_secret_has_a_default(name: str) -> None:
    text = (ROOT / "infra" / name).read_text("utf-8")
    used = dict(re.findall(r"\$\{(\w+)((?::-|:\?)[^}]*)?\}", text))
    assert not [key for key, rule in used.items() if key in PREPARED and rule.startswith(":-")]
    assert not [key for key in used if key not in PREPARED and re.search(r"PASSWORD|SECRET|KEY", key)]


@each
def test_a_service_is_locked_up(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & service.keys()
    assert not [volume for volume in service.get("volumes", []) if "docker.sock" in str(volume)]


@each
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", ["worker", "cli"])
def test_what_sees_originals_reaches_the_server_and_the_store_alone(name: str) -> None:
    networks = compose()["networks"]
    assert SERVICES[name]["networks"] == ["api", "store"]
    assert all(networks[network] == {"internal": True} for network in SERVICES[name]["networks"])
    beside = {other for other, service in SERVICES.items() if {"api", "store"} & set(service["networks"])}
    assert beside == {"worker", "cli", "server", "store", "setup"}


def test_the_database_is_reached_by_the_server_alone() -> None:
    assert {name for name, service in SERVICES.items() if "database" in service["networks"]} == {"database", "server"}
    assert compose()["networks"]["database"] == {"internal": True}


def test_decoded_material_stays_in_memory() -> None:
    worker = SERVICES["worker"]
    in_memory = {entry.partition(":")[0] for entry in worker["tmpfs"]}
    assert in_memory == {worker["environment"]["ANONFLOW_SCRATCH"], "/private", "/tmp"}
    assert worker["volumes"] == ["weights:/var/lib/anonflow/weights:ro"]


def test_a_stopped_worker_has_time_to_end() -> None:
    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) >= 60


def test_secrets_are_files_that_the_worker_finds() -> None:
    secrets = compose()["secrets"]
    named = [value for value in SERVICES["worker"]["environment"].values() if value.startswith("/run/secrets/")]
    assert (
        {value.removeprefix("/run/secrets/") for value in named} == set(SERVICES["worker"]["secrets"]) == set(secrets)
    )
    assert all(secret == {"file": f"./compose/secrets/{name}"} for name, secret in secrets.items())


def test_services_start_in_order() -> None:
    healthy = {name for name, service in SERVICES.items() if "healthcheck" in service}
    assert healthy == {"database", "server", "store"}
    waits = {name: service["depends_on"] for name, service in SERVICES.items() if "depends_on" in service}
    assert waits["server"] == {"database": {"condition": "service_healthy"}}
    assert waits["setup"] == {"server": {"condition": "service_healthy"}}
    assert waits["worker"]["setup"] == {"condition": "service_completed_successfully"}
    assert waits["worker"]["store"] == {"condition": "service_healthy"}


def test_the_card_goes_to_the_worker_with_the_image_for_it() -> None:
    services = compose("compose/gpu.yaml")["services"]
    assert {service["image"] for service in services.values()} == {"anonflow-gpu:0.1.0"}
    assert set(services) == {"setup", "worker", "cli"}
    (device,) = services["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}


def test_the_source_is_mounted_read_only() -> None:
    for service in compose("compose/local.yaml")["services"].values():
        source, destination = service["volumes"]
        assert source["read_only"] is True
        assert not any(mount["bind"]["create_host_path"] for mount in (source, destination))


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A copy of infra/ in which prepare.sh has run."""
    (tmp_path / "infra" / "compose").mkdir(parents=True)
    script = shutil.copy(ROOT / "infra" / "compose" / "prepare.sh", tmp_path / "infra" / "compose")
    assert run("sh", script).returncode == 0
    return tmp_path / "infra"


def values_of(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_prepare_makes_what_the_file_asks_for(prepared: Path) -> None:
    values = values_of(prepared / ".env")
    assert values.keys() == PREPARED.keys()
    assert compose(values=values)["services"]["worker"]["user"] == f"{values['WORKER_UID']}:10001"
    words = [value for name, value in values.items() if name != "WORKER_UID"]
    assert len(set(words)) == len(words)
    assert all(re.fullmatch(r"[0-9a-f]{20,}", word) for word in words)


def test_prepare_makes_keys_that_anonflow_takes(prepared: Path) -> None:
    folder = prepared / "compose" / "secrets"
    keys = {load_key(folder / name) for name in ("public-id.key", "seal.key")}
    assert len(keys) == 2
    owner = int(values_of(prepared / ".env")["WORKER_UID"])
    assert owner == (os.getuid() or 10001)
    for path in folder.iterdir():
        assert path.stat().st_uid == owner
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE((prepared / ".env").stat().st_mode) == 0o600


def test_the_stores_credentials_are_those_of_the_store(prepared: Path) -> None:
    values = values_of(prepared / ".env")
    text = (prepared / "compose" / "secrets" / "aws-credentials").read_text()
    assert text.split() == [
        *("[default]", "aws_access_key_id", "=", values["STORE_ACCESS_KEY"]),
        *("aws_secret_access_key", "=", values["STORE_SECRET_KEY"]),
    ]


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    files = [prepared / ".env", *sorted((prepared / "compose" / "secrets").iterdir())]
    before = [path.read_bytes() for path in files]
    assert run("sh", prepared / "compose" / "prepare.sh").returncode == 0
    assert [path.read_bytes() for path in files] == before


def test_the_example_names_the_same_variables_and_works_for_nobody() -> None:
    example = values_of(ROOT / "infra" / "compose" / "example.env")
    assert example == dict.fromkeys(PREPARED, "")
    text = (ROOT / "infra" / "compose" / "example.env").read_text("utf-8")
    optional = dict(re.findall(r"^#(\w+)=(.*)$", text, re.MULTILINE))
    used = [(ROOT / "infra" / name).read_text("utf-8") for name in FILES]
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", "\n".join(used)))
    assert optional == defaults


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_is_prepared_stays_out_of_the_repository() -> None:
    made = ["infra/.env", *(f"infra/compose/secrets/{name}" for name in compose()["secrets"])]
    done = run("git", "check-ignore", *made, cwd=ROOT)
    assert done.stdout.splitlines() == made
