"""docker-compose.yml and the Dockerfile: valid by schema, and every name in them leads somewhere."""

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from launcher.config import LauncherSettings
from launcher.container import DATABASE_PASSWORD_FILE, DEFAULT_FOLDER, REDIS_CONFIG_FILE, SERVICES_FILE
from launcher.environment import GENERATED_SECRETS
from launcher.programs import DASHBOARD, DASHBOARD_PORT
from launcher.programs import SERVICES as PROGRAMS
from shared.serve import SERVICES

BACKEND = Path(__file__).parents[1]
PROJECT = BACKEND.parent
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: container for name, container in CONTAINERS.items() if "build" in container}
ONE_SHOT = {name for name, container in CONTAINERS.items() if container.get("restart") == "no"}
STORES = {"timescaledb", "postgres", "redis"}
# Names that the images of the stores define.
FOREIGN_NAMES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "TIMESCALEDB_TELEMETRY"}
SECRET_NAME = re.compile(r"SECRET|PASSWORD|SALT|TOKEN|KEY")
SUBSTITUTION = re.compile(r"\$\{[A-Z_]+(?::-((?:[^${}]|\$\{[^}]*\})*))?\}")
DOCKERFILE = (BACKEND / "Dockerfile").read_text()
FRONTEND = PROJECT / "frontend"
DASHBOARD_DOCKERFILE = (FRONTEND / "Dockerfile").read_text()
# Names that the server of Next.js reads by itself.
SERVER_NAMES = {"PORT", "HOSTNAME"}


def _known_settings() -> set[str]:
    names = set(LauncherSettings.model_fields) | {"AGENTOBS_DATA_DIR", "SERVICE"}
    for service in SERVICES:
        names |= set(importlib.import_module(f"{service}.app.config").Settings.model_fields)
    return {name.upper() for name in names}


def _default(text: object) -> str:
    """Return a value as it is when nothing is set in the environment."""
    found = str(text)
    while SUBSTITUTION.search(found):
        found = SUBSTITUTION.sub(lambda match: match[1] or "", found)
    return found


def _mounts(container: dict[str, Any]) -> dict[str, str]:
    """Return the folder at which each volume is mounted."""
    return {volume.split(":")[0]: volume.split(":")[1] for volume in container.get("volumes", ())}


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run(
        [*command, str(PROJECT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_service_that_exists_runs_under_its_own_image() -> None:
    assert {program.name for program in PROGRAMS} | {DASHBOARD} == set(OWN) - ONE_SHOT
    assert {program.package for program in PROGRAMS} == set(SERVICES)
    for program in PROGRAMS:
        container = OWN[program.name]
        assert container["build"]["args"]["SERVICE"] == program.package
        assert container["image"] == f"agentobs/{program.package}:local"
        if program.part_of:
            assert container["command"][-2:] == [program.module, program.package]
    for name in set(OWN) & ONE_SHOT:
        assert OWN[name]["image"] == f"agentobs/{OWN[name]['build']['args']['SERVICE']}:local"


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_a_container_waits_for_exists_and_can_come_true(name: str) -> None:
    for other, link in CONTAINERS[name].get("depends_on", {}).items():
        if link["condition"] == "service_completed_successfully":
            assert other in ONE_SHOT
        else:
            assert link["condition"] == "service_healthy"
            assert "healthcheck" in CONTAINERS[other]


@pytest.mark.parametrize("name", sorted(set(CONTAINERS) - ONE_SHOT))
def test_what_stays_up_says_whether_it_is_well(name: str) -> None:
    container = CONTAINERS[name]
    assert container["healthcheck"]["test"]
    assert container["restart"] == "unless-stopped"
    for program in PROGRAMS:
        if program.name != name:
            continue
        port = next(iter(program.ports.values()))
        assert f"127.0.0.1:{port}/ready" in container["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", CONTAINERS)
def test_volumes_and_networks_are_declared(name: str) -> None:
    container = CONTAINERS[name]
    assert set(_mounts(container)) <= set(COMPOSE["volumes"])
    assert set(container.get("networks", ())) <= set(COMPOSE["networks"])
    assert ("network_mode" in container) != bool(container.get("networks"))


def test_nothing_is_declared_in_vain() -> None:
    assert set(COMPOSE["volumes"]) == {volume for container in CONTAINERS.values() for volume in _mounts(container)}
    assert set(COMPOSE["networks"]) == {
        network for container in CONTAINERS.values() for network in container.get("networks", ())
    }


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_variable_is_a_setting(name: str) -> None:
    given = set(CONTAINERS[name].get("environment", {}))
    if name == DASHBOARD:
        sources = "".join(path.read_text() for path in (FRONTEND / "src" / "server").glob("*.ts"))
        assert given <= SERVER_NAMES | set(re.findall(r"process\.env\.([A-Z_]+)", sources))
    else:
        assert given <= (FOREIGN_NAMES if name in STORES else _known_settings())


def test_addresses_lead_to_containers() -> None:
    texts = [str(value) for container in OWN.values() for value in container.get("environment", {}).values()]
    hosts = {host for text in texts for host in re.findall(r"[@/]([a-z]+):\d+", text)} - {"localhost"}
    assert hosts == STORES | {"ingestion", "processing", "query", "gateway"}
    port = OWN["gateway"]["environment"]["GATEWAY_PORT"]
    assert OWN[DASHBOARD]["environment"]["GATEWAY_URL"] == f"http://gateway:{port}"
    for service in ("ingestion", "processing", "query"):
        url = CONTAINERS["gateway"]["environment"][f"{service.upper()}_URL"]
        assert url == f"http://{service}:{OWN[service]['environment'][f'{service.upper()}_PORT']}"


def test_ports_are_published_once_and_on_loopback_unless_asked_for() -> None:
    published = [_default(port) for container in CONTAINERS.values() for port in container.get("ports", ())]
    outside = [port.rsplit(":", 1)[0] for port in published]
    assert len(outside) == len(set(outside))
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert {port.rsplit(":", 1)[1] for port in published} == {"8000", "8001", "4318", "4317", str(DASHBOARD_PORT[1])}


def test_S28_no_secret_stands_in_the_file() -> None:
    for container in CONTAINERS.values():
        for variable, value in container.get("environment", {}).items():
            if SECRET_NAME.search(variable):
                assert value is None or str(value).startswith(DEFAULT_FOLDER), variable
    text = (PROJECT / "docker-compose.yml").read_text()
    passwords = re.findall(r"://[^\s:@/]*:([^\s@]+)@", text)
    assert set(passwords) == {"{DATABASE_PASSWORD}", "{REDIS_PASSWORD}"}
    assert {password.strip("{}") for password in passwords} <= set(GENERATED_SECRETS)


def test_secrets_are_where_their_readers_look() -> None:
    writer = _mounts(CONTAINERS["secrets"])
    assert set(writer.values()) == {
        f"{DEFAULT_FOLDER}/{file.parent}" for file in (SERVICES_FILE, DATABASE_PASSWORD_FILE, REDIS_CONFIG_FILE)
    }
    for name in ("timescaledb", "postgres"):
        assert CONTAINERS[name]["environment"]["POSTGRES_PASSWORD_FILE"] == f"{DEFAULT_FOLDER}/{DATABASE_PASSWORD_FILE}"
        assert _mounts(CONTAINERS[name])["database-secret"] == writer["database-secret"]
    assert f"{DEFAULT_FOLDER}/{REDIS_CONFIG_FILE}" in CONTAINERS["redis"]["command"]
    assert _mounts(CONTAINERS["redis"])["redis-secret"] == writer["redis-secret"]
    for name in (*(program.name for program in PROGRAMS), "migrate"):
        mounts = _mounts(CONTAINERS[name])
        assert mounts["service-secrets"] == writer["service-secrets"]
        assert set(mounts) <= {"service-secrets", "exports-data"}


def test_exported_files_are_shared_by_whoever_writes_serves_and_removes_them() -> None:
    sharing = {name for name, container in CONTAINERS.items() if "exports-data" in _mounts(container)}
    assert sharing == {"query", "query-worker", "processing-worker"}
    given = [
        {
            name: value
            for name, value in CONTAINERS[container]["environment"].items()
            if name.startswith(("EXPORT", "AWS"))
        }
        for container in sharing
    ]
    assert given == [given[0]] * len(sharing)
    # A folder that the image has not made belongs to root, and the service could not write to it.
    made = re.search(r"install --directory .*?\nCOPY", DOCKERFILE, re.DOTALL)
    assert made is not None
    for container in sharing:
        assert _mounts(CONTAINERS[container])["exports-data"] == given[0]["EXPORT_DIR"]
        assert given[0]["EXPORT_DIR"] in made[0].split()


def test_the_queue_keeps_what_was_acknowledged() -> None:
    command = [_default(word) for word in CONTAINERS["redis"]["command"]]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory-policy"] == "noeviction"
    assert _mounts(CONTAINERS["redis"])["redis-data"] == options["--dir"]


@pytest.mark.parametrize("name", OWN)
def test_own_containers_run_with_the_least_rights(name: str) -> None:
    container = OWN[name]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in container


def test_stores_cannot_be_reached_from_outside() -> None:
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    for name in STORES:
        assert CONTAINERS[name]["networks"] == ["stores"]
        assert "ports" not in CONTAINERS[name]


def test_images_are_pinned() -> None:
    for name in STORES:
        assert re.fullmatch(r"[a-z/]+:\d+\.?\d*[\w.-]*", CONTAINERS[name]["image"])


@pytest.mark.parametrize(
    ("dockerfile", "build"), [(DOCKERFILE, COMPOSE["x-build"]), (DASHBOARD_DOCKERFILE, OWN[DASHBOARD]["build"])]
)
def test_a_dockerfile_takes_its_base_as_argument_and_ends_unprivileged(dockerfile: str, build: dict[str, Any]) -> None:
    lines = [line for line in dockerfile.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("ARG BASE_IMAGE=")
    assert _default(build["args"]["BASE_IMAGE"]) == lines[0].removeprefix("ARG BASE_IMAGE=")
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all(stage.startswith("FROM ${BASE_IMAGE}") for stage in stages)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_dockerfile_copies_exists(service: str) -> None:
    sources = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert sources
    for source in sources:
        assert (BACKEND / source.replace("${SERVICE}", service)).exists()


def test_what_the_dashboards_image_is_built_from_exists_and_reaches_the_builder() -> None:
    sources = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*", DASHBOARD_DOCKERFILE, re.MULTILINE)]
    copied = {name for names in sources for name in names}
    let_through = {line[1:] for line in (FRONTEND / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_through
    assert all((FRONTEND / name).exists() for name in copied)


def test_the_dashboard_holds_no_secret_and_is_told_where_the_gateway_is() -> None:
    assert _mounts(OWN[DASHBOARD]) == {}
    assert "stores" not in OWN[DASHBOARD]["networks"]
    port = str(DASHBOARD_PORT[1])
    assert f"PORT={port}" in DASHBOARD_DOCKERFILE
    assert str(OWN[DASHBOARD]["environment"]["PORT"]) == port
    assert f"127.0.0.1:{port}/ready" in OWN[DASHBOARD]["healthcheck"]["test"][-1]
    assert re.search(r"^HEALTHCHECK .*\n.*/ready", DASHBOARD_DOCKERFILE, re.MULTILINE)


def test_the_image_holds_every_package_that_its_code_imports() -> None:
    ignored = re.search(r"'\^\(([a-z|-]+)\)=='", DOCKERFILE)
    assert ignored is not None
    left_out = {name.replace("-", "_") for name in ignored[1].split("|")}
    lock = (BACKEND / "requirements.lock").read_text()
    assert all(f"{name.replace('_', '-')}==" in lock for name in left_out)
    for folder in ("shared", "db", *SERVICES):
        for path in (BACKEND / folder).rglob("*.py"):
            if not {"tests", "testing"} & set(path.parts):
                assert not re.search(rf"^(import|from) ({'|'.join(left_out)})\b", path.read_text(), re.MULTILINE), path
