import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

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
from launcher.tests.helpers import eventually, fetch, free_port

SECRET = "0123456789-abcdefghijklmnop-qrstuvw"


@pytest.fixture
def deploy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Deployment]]:
    """Yield a function that describes a deployment of the stores and the query service; all are stopped at the end."""
    monkeypatch.setattr("launcher.deployment.SERVICES", (Service("query", {"QUERY_PORT": 8003}),))
    made: list[Deployment] = []

    def describe(name: str = "data", **settings: str) -> Deployment:
        environment = {
            **os.environ,
            "AGENTOBS_DATA_DIR": str(folder / name),
            **{name: str(free_port()) for name in ("QUERY_PORT", "POSTGRES_PORT", "REDIS_PORT")},
            **dict.fromkeys(GENERATED_SECRETS, SECRET),
            **settings,
        }
        made.append(Deployment(environment))
        return made[-1]

    yield describe
    for deployment in made:
        lifecycle.stop(deployment)


def pids(deployment: Deployment) -> dict[str, int]:
    return {process.name: process.pid for process in read_status(deployment).processes if process.pid is not None}


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_everything_killed_starts_again_with_its_data(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    lifecycle.start(deployment)
    running = pids(deployment)
    assert set(running) == {"supervisord", "postgres", "valkey", "query"}
    assert read_status(deployment).healthy
    await fetch(deployment.environment["TIMESCALE_URL"], "create table kept as select 7 n", "select 1")

    os.kill(running["supervisord"], signal.SIGKILL)
    eventually(lambda: all(gone(pid) for pid in running.values()))
    assert not read_status(deployment).healthy
    lifecycle.start(deployment)
    assert (await fetch(deployment.environment["TIMESCALE_URL"], "select n from kept"))[0][0] == 7

    running = pids(deployment)
    for pid in running.values():
        os.kill(pid, signal.SIGKILL)
    lifecycle.start(deployment)
    assert (await fetch(deployment.environment["TIMESCALE_URL"], "select n from kept"))[0][0] == 7
    assert not set(pids(deployment).values()) & set(running.values())


def test_start_is_idempotent_and_stop_leaves_nothing(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    lifecycle.start(deployment)
    before = pids(deployment)
    lifecycle.start(deployment)
    assert pids(deployment) == before
    assert lifecycle.stop(deployment)
    assert all(gone(pid) for pid in before.values())
    assert wrapper.lock_holder(deployment.data_dir / "postgres" / "lock") is None
    assert "database system is shut down" in Supervisor(deployment).log_of("postgres").read_text()
    order = [
        line.split("stopped: ")[1].split()[0]
        for line in Supervisor(deployment).log.read_text().splitlines()
        if "stopped: " in line
    ]
    assert order == ["query", "valkey", "postgres"]
    assert not lifecycle.stop(deployment)


async def test_two_instances_run_side_by_side(deploy: Callable[..., Deployment]) -> None:
    one, two = deploy("one"), deploy("two")
    lifecycle.start(one)
    lifecycle.start(two)
    for deployment in (one, two):
        assert read_status(deployment).healthy
    await fetch(one.environment["POSTGRES_URL"], "create table only_here (n int)", "select 1")
    assert (await fetch(two.environment["POSTGRES_URL"], "select to_regclass('only_here')"))[0][0] is None
    lifecycle.stop(one)
    assert read_status(two).healthy


def test_data_folder_of_another_checkout_is_refused(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = deploy()
    lifecycle.start(deployment)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("launcher.lifecycle.PROJECT", Path("/another/checkout"))
        for command in (lifecycle.start, lifecycle.stop):
            with pytest.raises(LauncherError, match="in use by the instance started from"):
                command(deployment)
    assert read_status(deployment).healthy


def test_port_in_use_is_named_and_nothing_keeps_running(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "PORT_WAIT_SECONDS", 0.0)
    one = deploy("one")
    lifecycle.start(one)
    two = deploy("two", QUERY_PORT=one.environment["QUERY_PORT"])
    with pytest.raises(LauncherError, match=rf"port {one.environment['QUERY_PORT']} is in use.*QUERY_PORT=\d+"):
        lifecycle.start(two)
    assert pids(two) == {}


def test_weak_secret_is_refused_before_anything_starts(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(JWT_SECRET="changeme-changeme-changeme-changeme")
    with pytest.raises(LauncherError, match="JWT_SECRET"):
        lifecycle.start(deployment)
    assert pids(deployment) == {}
    assert not (deployment.data_dir / "postgres").exists()


def test_failing_service_is_shown_with_its_log_and_everything_stops(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(RETENTION_DAYS="none")
    with pytest.raises(LauncherError, match=r"(?s)(query does not start|invalid settings).*RETENTION_DAYS"):
        lifecycle.start(deployment)
    assert pids(deployment) == {}


async def test_services_connect_as_roles_without_superuser_rights(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    lifecycle.start(deployment)
    for name, database in (("TIMESCALE_URL", TRACES_DATABASE), ("POSTGRES_URL", METADATA_DATABASE)):
        rows = await fetch(
            deployment.environment[name],
            "select current_database(), rolsuper from pg_roles where rolname = current_user",
        )
        assert tuple(rows[0]) == (database, False)
