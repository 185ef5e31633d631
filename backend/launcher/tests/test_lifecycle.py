import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from launcher import exec as wrapper
from launcher import lifecycle
from launcher.deployment import METADATA_DATABASE, TRACES_DATABASE, Deployment
from launcher.environment import GENERATED_SECRETS
from launcher.errors import LauncherError
from launcher.programs import Service
from launcher.status import read_status
from launcher.supervision import Supervisor
from launcher.tests.dashboards import write_frontend
from launcher.tests.helpers import eventually, fetch, free_port

pytestmark = [
    # A supervisor outlives the call that starts it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.xdist_group("lifecycle"),
]

SECRET = "0123456789-abcdefghijklmnop-qrstuvw"


@pytest.fixture(autouse=True, scope="module")
def only_the_query_service() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("launcher.deployment.SERVICES", (Service("query", {"QUERY_PORT": 8003}),))
        yield


def describe(data_dir: Path, **settings: str) -> Deployment:
    ports = {name: str(free_port()) for name in ("QUERY_PORT", "POSTGRES_PORT", "REDIS_PORT")}
    secrets = dict.fromkeys(GENERATED_SECRETS, SECRET)
    return Deployment({**os.environ, "AGENTOBS_DATA_DIR": str(data_dir), **ports, **secrets, **settings})


@pytest.fixture(scope="module")
def running(only_the_query_service: None) -> Iterator[Deployment]:
    """Yield a deployment that has been started and that tests leave running."""
    with TemporaryDirectory(prefix="ao-") as folder:
        deployment = describe(Path(folder))
        lifecycle.start(deployment)
        try:
            yield deployment
        finally:
            lifecycle.stop(deployment)


@pytest.fixture
def stopped(folder: Path) -> Iterator[Deployment]:
    """Yield a deployment that was never started; whatever a test starts of it is stopped."""
    deployment = describe(folder)
    yield deployment
    lifecycle.stop(deployment)


def pids(deployment: Deployment) -> dict[str, int]:
    return {process.name: process.pid for process in read_status(deployment).processes if process.pid is not None}


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_everything_killed_starts_again_with_its_data(stopped: Deployment) -> None:
    deployment = stopped
    lifecycle.start(deployment)
    before = pids(deployment)
    assert set(before) == {"supervisord", "postgres", "valkey", "query"}
    await fetch(deployment.environment["TIMESCALE_URL"], "create table kept as select 7 n", "select 1")

    os.kill(before["supervisord"], signal.SIGKILL)
    eventually(lambda: all(gone(pid) for pid in before.values()))
    assert not read_status(deployment).healthy
    lifecycle.start(deployment)
    assert (await fetch(deployment.environment["TIMESCALE_URL"], "select n from kept"))[0][0] == 7

    between = pids(deployment)
    for pid in between.values():
        os.kill(pid, signal.SIGKILL)
    lifecycle.start(deployment)
    assert (await fetch(deployment.environment["TIMESCALE_URL"], "select n from kept"))[0][0] == 7
    after = pids(deployment)
    assert set(after) == set(before)
    assert not set(after.values()) & set(between.values())

    assert lifecycle.stop(deployment)
    assert all(gone(pid) for pid in after.values())
    assert wrapper.lock_holder(deployment.data_dir / "postgres" / "lock") is None
    assert "database system is shut down" in Supervisor(deployment).log_of("postgres").read_text()
    stops = [
        line.split("stopped: ")[1].split()[0]
        for line in Supervisor(deployment).log.read_text().splitlines()
        if "stopped: " in line
    ]
    assert stops == ["query", "valkey", "postgres"]
    assert not lifecycle.stop(deployment)


def test_start_of_what_runs_changes_nothing(running: Deployment) -> None:
    before = pids(running)
    lifecycle.start(running)
    assert pids(running) == before


def test_status_tells_port_health_and_memory_of_each_process(running: Deployment) -> None:
    status = json.loads(read_status(running).to_json())
    assert status["healthy"]
    assert [process["name"] for process in status["processes"]] == ["supervisord", "postgres", "valkey", "query"]
    assert [process["port"] for process in status["processes"]] == [None, *running.ports.values()]
    assert {process["health"] for process in status["processes"]} == {"healthy"}
    assert status["memory_bytes"] == sum(process["memory_bytes"] for process in status["processes"])
    postgres = psutil.Process(status["processes"][1]["pid"])
    alone = postgres.memory_full_info().pss
    assert status["processes"][1]["memory_bytes"] > alone, "the backends are part of PostgreSQL's memory"


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_status_shows_a_store_that_hangs(running: Deployment, name: str) -> None:
    pid = pids(running)[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        status = read_status(running)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert not status.healthy
    assert {process.name: process.health for process in status.processes}[name] == "unreachable"
    eventually(lambda: read_status(running).healthy)


async def test_two_instances_run_side_by_side(running: Deployment, stopped: Deployment) -> None:
    lifecycle.start(stopped)
    assert read_status(stopped).healthy
    await fetch(running.environment["POSTGRES_URL"], "create table only_here (n int)", "select 1")
    assert (await fetch(stopped.environment["POSTGRES_URL"], "select to_regclass('only_here')"))[0][0] is None
    lifecycle.stop(stopped)
    assert read_status(running).healthy


def test_the_dashboard_runs_with_the_services(running: Deployment, stopped: Deployment, folder: Path) -> None:
    (folder / "frontend").mkdir()
    dashboard = write_frontend(folder / "frontend")
    dashboard.build()
    nobody = "http://127.0.0.1:1"
    addresses = {"GATEWAY_URL": nobody, "PUBLIC_GATEWAY_URL": nobody}
    given = {**stopped.given, **external_stores(running), **addresses}
    deployment = Deployment({**given, "FRONTEND_PORT": str(free_port())}, dashboard)
    lifecycle.start(deployment)
    status = {process.name: process for process in read_status(Deployment(given)).processes}
    assert set(status) == {"supervisord", "query", "dashboard"}
    assert status["dashboard"].health == "healthy"
    assert status["dashboard"].port == deployment.ports["FRONTEND_PORT"]
    assert deployment.runs("dashboard")
    (pid,) = [process.pid for name, process in status.items() if name == "dashboard"]
    assert lifecycle.stop(Deployment(given))
    assert pid is not None
    assert gone(pid)


def test_data_folder_of_another_checkout_is_refused(running: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("launcher.lifecycle.PROJECT", Path("/another/checkout"))
        for command in (lifecycle.start, lifecycle.stop):
            with pytest.raises(LauncherError, match="in use by the instance started from"):
                command(running)
    assert read_status(running).healthy


def test_port_in_use_is_named_before_anything_starts(
    running: Deployment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "PORT_WAIT_SECONDS", 0.0)
    port = running.environment["QUERY_PORT"]
    deployment = describe(folder, QUERY_PORT=port)
    with pytest.raises(LauncherError, match=rf"port {port} is in use.*QUERY_PORT=\d+"):
        lifecycle.start(deployment)
    assert pids(deployment) == {}
    assert read_status(running).healthy


def test_one_port_for_two_is_refused(folder: Path) -> None:
    port = str(free_port())
    with pytest.raises(LauncherError, match="name the same port: POSTGRES_PORT, QUERY_PORT"):
        lifecycle.start(describe(folder, QUERY_PORT=port, POSTGRES_PORT=port))


@pytest.mark.parametrize(
    ("name", "value"), [("JWT_SECRET", "changeme-changeme-changeme-changeme"), ("RETENTION_DAYS", "none")]
)
def test_setting_no_service_would_accept_is_refused_before_anything_starts(folder: Path, name: str, value: str) -> None:
    deployment = describe(folder, **{name: value})
    with pytest.raises(LauncherError, match=rf"invalid settings: .*{name}"):
        lifecycle.start(deployment)
    assert pids(deployment) == {}
    assert not (deployment.data_dir / "postgres").exists()


def external_stores(running: Deployment) -> dict[str, str]:
    return {name: running.environment[name] for name in ("TIMESCALE_URL", "POSTGRES_URL", "REDIS_URL")}


def test_stores_elsewhere_are_used_and_not_stopped(running: Deployment, stopped: Deployment) -> None:
    deployment = Deployment({**stopped.given, **external_stores(running)})
    lifecycle.start(deployment)
    assert set(pids(deployment)) == {"supervisord", "query"}
    assert read_status(deployment).healthy
    lifecycle.stop(deployment)
    assert read_status(running).healthy


def test_failing_service_is_shown_with_its_log_and_everything_stops(
    running: Deployment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_check_ports", lambda deployment: None)
    monkeypatch.setattr(lifecycle, "_CRASHES_TOLERATED", 1)
    deployment = describe(folder, QUERY_PORT=running.environment["QUERY_PORT"], **external_stores(running))
    monkeypatch.setattr(lifecycle, "answer", lambda url: (0, "nobody answers"))
    with pytest.raises(LauncherError, match=r"(?s)query does not start:.*Address already in use"):
        lifecycle.start(deployment)
    assert pids(deployment) == {}


async def test_services_connect_as_roles_without_superuser_rights(running: Deployment) -> None:
    for name, database in (("TIMESCALE_URL", TRACES_DATABASE), ("POSTGRES_URL", METADATA_DATABASE)):
        rows = await fetch(
            running.environment[name],
            "select current_database(), rolsuper from pg_roles where rolname = current_user",
        )
        assert tuple(rows[0]) == (database, False)
