import configparser
import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from launcher.deployment import Deployment
from launcher.environment import GENERATED_SECRETS
from launcher.errors import LauncherError
from launcher.supervision import Supervisor
from launcher.tests.helpers import free_port

SECRETS = {name: f"{name.lower()}-0123456789-abcdefghijklmnop" for name in GENERATED_SECRETS}


def deployment(folder: Path, **settings: str) -> Deployment:
    return Deployment({"AGENTOBS_DATA_DIR": str(folder), **SECRETS, **settings})


def rendered(target: Deployment) -> configparser.RawConfigParser:
    target.create_folders()
    parser = configparser.RawConfigParser()
    parser.read_string(Supervisor(target).render(target.programs()))
    return parser


def programs(parser: configparser.RawConfigParser) -> list[str]:
    return [name.removeprefix("program:") for name in parser.sections() if name.startswith("program:")]


def test_stores_come_first_and_the_gateway_last(folder: Path) -> None:
    parser = rendered(deployment(folder))
    names = programs(parser)
    workers = ["query-worker", "processing-worker"]
    assert names == ["postgres", "valkey", *workers, "query", "processing", "processing-2", "ingestion", "gateway"]
    priorities = [parser.getint(f"program:{name}", "priority") for name in names]
    assert priorities == sorted(set(priorities))
    started_by_supervisor = [name for name in names if parser.getboolean(f"program:{name}", "autostart")]
    assert started_by_supervisor == ["postgres", "valkey"]
    assert parser["program:postgres"]["stopsignal"] == "INT"


def test_configuration_holds_no_secret_and_opens_no_port(folder: Path) -> None:
    target = deployment(folder, SMTP_PASSWORD="smtp-secret")
    target.create_folders()
    text = Supervisor(target).render(target.programs())
    assert not [secret for secret in (*SECRETS.values(), "smtp-secret") if secret in text]
    assert "inet_http_server" not in text
    assert target.environment["JWT_SECRET"] == SECRETS["JWT_SECRET"]


def test_supervisor_reads_paths_with_blanks_and_quotes(folder: Path) -> None:
    target = deployment(folder / "a b'c")
    target.create_folders()
    file = folder / "supervisord.conf"
    file.write_text(Supervisor(target).render(target.programs()))
    options = ServerOptions()  # type: ignore[no-untyped-call]
    options.realize(["-c", str(file)])  # type: ignore[no-untyped-call]
    by_name = {group.name: group.process_configs[0] for group in options.process_group_configs}
    for program in target.programs():
        assert tuple(shlex.split(by_name[program.name].command)) == program.command
        assert by_name[program.name].stdout_logfile == str(target.logs / f"{program.name}.log")


def test_each_further_worker_gets_a_free_port_of_its_own(folder: Path) -> None:
    programs = deployment(folder, PROCESSING_WORKERS="4").programs()
    found = [program for program in programs if "PROCESSING_PORT" in program.environment]
    assert [program.name for program in found] == ["processing", "processing-2", "processing-3", "processing-4"]
    assert len({program.port for program in found}) == 4
    assert [program.environment["PROCESSING_PORT"] for program in found] == [str(program.port) for program in found]


def test_external_servers_replace_the_embedded_ones(folder: Path) -> None:
    external = {
        "TIMESCALE_URL": "postgresql://a:b@db/traces",
        "POSTGRES_URL": "postgresql://a:b@db/metadata",
        "REDIS_URL": "redis://cache/0",
    }
    target = deployment(folder, **external)
    assert [program.name for program in target.programs() if program.is_store] == []
    assert {name: target.environment[name] for name in external} == external
    half = deployment(folder, TIMESCALE_URL=external["TIMESCALE_URL"])
    assert half.embedded_databases == ["agent_observability_metadata"]
    assert half.environment["TIMESCALE_URL"] == external["TIMESCALE_URL"]


def test_services_connect_by_socket_unless_its_path_is_too_long(folder: Path) -> None:
    near = deployment(folder).environment
    assert near["TIMESCALE_URL"].endswith(f"/agent_observability?host={folder}/postgres/socket&port=5432")
    assert near["REDIS_URL"].startswith("unix://")
    target = deployment(folder / ("long" * 25))
    far = target.environment
    assert far["POSTGRES_URL"].endswith("@127.0.0.1:5432/agent_observability_metadata")
    assert far["REDIS_URL"].endswith("@127.0.0.1:6379/0")
    assert len(str(Supervisor(target).socket_path)) <= 100


@pytest.mark.parametrize("name", ["a #b", "a ;b", "a%b"])
def test_folder_that_the_configuration_cannot_express_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(LauncherError, match="must not contain"):
        deployment(folder / name)


@pytest.mark.parametrize("value", ["0", "65536", "http", "-1"])
def test_port_that_is_none_is_refused(folder: Path, value: str) -> None:
    with pytest.raises(LauncherError, match="GATEWAY_PORT is not a port number"):
        _ = deployment(folder, GATEWAY_PORT=value).ports


def test_ports_reach_the_services(folder: Path) -> None:
    port = str(free_port())
    target = deployment(folder, QUERY_PORT=port)
    assert target.environment["QUERY_PORT"] == port
    assert target.environment["QUERY_URL"] == f"http://127.0.0.1:{port}"
    assert target.environment["GATEWAY_PORT"] == "8000"


def test_public_address_follows_the_port_unless_it_is_set(folder: Path) -> None:
    assert deployment(folder, GATEWAY_PORT="8010").environment["PUBLIC_GATEWAY_URL"] == "http://localhost:8010"
    public = "https://traces.example.com"
    assert deployment(folder, PUBLIC_GATEWAY_URL=public).environment["PUBLIC_GATEWAY_URL"] == public


def test_services_bound_to_one_address_are_called_there(folder: Path) -> None:
    assert deployment(folder, BIND_HOST="10.0.0.5").environment["QUERY_URL"] == "http://10.0.0.5:8003"
    assert deployment(folder, BIND_HOST="0.0.0.0").environment["QUERY_URL"] == "http://127.0.0.1:8003"
    assert deployment(folder, BIND_HOST="::1").environment["QUERY_URL"] == "http://[::1]:8003"
