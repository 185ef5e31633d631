import json
import os
import subprocess
from pathlib import Path

import pytest

from launcher import guide
from launcher.config import PROJECT
from launcher.dashboard import Dashboard, find_node
from launcher.deployment import Deployment
from launcher.environment import GENERATED_SECRETS
from launcher.errors import LauncherError
from launcher.tests.dashboards import write_frontend

SECRETS = {name: f"{name.lower()}-0123456789-abcdefghijklmnop" for name in GENERATED_SECRETS}


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder that is searched for programs."""
    found = folder / "bin"
    found.mkdir()
    monkeypatch.setenv("PATH", str(found))
    return found


@pytest.fixture
def dashboard(folder: Path) -> Dashboard:
    """Return a dashboard with sources of its own, which nobody has built."""
    (folder / "frontend").mkdir()
    return write_frontend(folder / "frontend")


def builds(dashboard: Dashboard) -> int:
    log = dashboard.frontend / "builds"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.mark.parametrize(
    ("answer", "is_found"),
    [("echo v20.0.0", True), ("echo v24.1.0", True), ("echo v18.20.4", False), ("echo 20", False), ("exit 1", False)],
)
def test_only_a_node_that_is_new_enough_is_taken(programs: Path, answer: str, is_found: bool) -> None:
    script(programs / "node", answer)
    assert (find_node() is not None) is is_found


def test_a_machine_without_node_has_no_dashboard(programs: Path) -> None:
    assert find_node() is None
    assert Dashboard.find() is None
    assert Deployment.current(with_dashboard=True).dashboard is None


def test_packages_are_installed_once_for_each_lock(programs: Path, dashboard: Dashboard) -> None:
    script(programs / "npm", 'echo "$@" >> installs')
    log = dashboard.frontend / "installs"
    dashboard.install()
    dashboard.install()
    assert log.read_text().splitlines() == ["ci --include=dev --no-audit --no-fund --loglevel=error"]
    (dashboard.frontend / "package-lock.json").write_text('{"another": 1}')
    dashboard.install()
    assert len(log.read_text().splitlines()) == 2


def test_packages_that_could_not_be_installed_are_tried_again(programs: Path, dashboard: Dashboard) -> None:
    script(programs / "npm", "echo no such registry; exit 1")
    for _ in range(2):
        with pytest.raises(LauncherError, match=r"(?s)--no-frontend does without.*no such registry"):
            dashboard.install()


def test_sources_are_built_once_with_what_browsers_load_beside_them(dashboard: Dashboard) -> None:
    assert not dashboard.is_built
    dashboard.build()
    dashboard.build()
    assert dashboard.is_built
    assert builds(dashboard) == 1
    assert (dashboard.build_folder / ".next" / "static" / "chunk.js").read_text() == "chunk"


@pytest.mark.parametrize(
    ("name", "is_stale"),
    [("src/page.tsx", True), ("src/new/page.tsx", True), ("package-lock.json", True), ("src/page.test.tsx", False)],
)
def test_what_is_served_makes_a_build_stale(dashboard: Dashboard, name: str, is_stale: bool) -> None:
    dashboard.build()
    (dashboard.frontend / name).parent.mkdir(exist_ok=True)
    (dashboard.frontend / name).write_text("changed")
    assert dashboard.is_built is not is_stale


def test_a_build_leaves_the_one_before_to_its_server(dashboard: Dashboard) -> None:
    folders = []
    for text in ("one", "two", "three"):
        (dashboard.frontend / "src" / "page.tsx").write_text(text)
        dashboard.build()
        folders.append(dashboard.build_folder)
        # Builds within one tick of the file system's clock are told apart.
        os.utime(folders[-1], (len(folders), len(folders)))
    assert [folder.is_dir() for folder in folders] == [False, True, True]


def test_a_failed_build_says_why_and_leaves_nothing(dashboard: Dashboard) -> None:
    (dashboard.frontend / "src" / "page.tsx").write_text("broken")
    with pytest.raises(LauncherError, match=r"(?s)building the dashboard failed.*cannot be compiled"):
        dashboard.build()
    assert not dashboard.is_built


def test_the_server_is_told_where_everything_is_and_no_secret(dashboard: Dashboard, folder: Path) -> None:
    dashboard.build()
    (dashboard.build_folder / "server.js").write_text("import json, os; print(json.dumps(dict(os.environ)))")
    command = dashboard.command(
        host="10.0.0.5", port=3010, gateway="http://10.0.0.5:8000", public_gateway="https://api.example", given=SECRETS
    )
    result = subprocess.run(command, env={**os.environ, **SECRETS}, capture_output=True, check=True)
    found = json.loads(result.stdout)
    assert {name: found.pop(name) for name in ("PORT", "HOSTNAME", "GATEWAY_URL", "PUBLIC_GATEWAY_URL")} == {
        "PORT": "3010",
        "HOSTNAME": "10.0.0.5",
        "GATEWAY_URL": "http://10.0.0.5:8000",
        "PUBLIC_GATEWAY_URL": "https://api.example",
    }
    assert (found["NODE_ENV"], found["NEXT_TELEMETRY_DISABLED"]) == ("production", "1")
    assert not set(found) & set(SECRETS)


def test_the_dashboard_starts_last_on_a_port_of_its_own(dashboard: Dashboard, folder: Path) -> None:
    given = {"AGENTOBS_DATA_DIR": str(folder), "FRONTEND_PORT": "3010", **SECRETS}
    deployment = Deployment(given, dashboard)
    last = deployment.programs()[-1]
    assert (last.name, last.port, deployment.ports["FRONTEND_PORT"]) == ("dashboard", 3010, 3010)
    without = Deployment(given)
    assert "dashboard" not in [program.name for program in without.programs()]
    assert "FRONTEND_PORT" not in without.ports


def test_its_address_comes_first_when_it_runs(dashboard: Dashboard, folder: Path) -> None:
    given = {"AGENTOBS_DATA_DIR": str(folder / "data"), "FRONTEND_PORT": "3010", **SECRETS}
    for deployment, runs in ((Deployment(given, dashboard), True), (Deployment(given), False)):
        deployment.create_folders()
        deployment.write_instance(deployment.programs())
        assert ("http://localhost:3010" in guide.addresses(deployment).splitlines()[0]) is runs
        assert ("http://localhost:3010/register" in guide.first_steps(deployment)) is runs
        two_lines = f'AgentObservability(api_key="KEY", endpoint="{guide.gateway_url(deployment)}")'
        assert two_lines in guide.first_steps(deployment)
        assert ("http://localhost:3010/login" in guide.demo_steps(deployment)) is runs


def test_the_public_address_follows_the_port_unless_it_is_set(folder: Path) -> None:
    given = {"AGENTOBS_DATA_DIR": str(folder), "FRONTEND_PORT": "3010", **SECRETS}
    assert Deployment(given).environment["PUBLIC_DASHBOARD_URL"] == "http://localhost:3010"
    public = "https://traces.example.com"
    assert Deployment({**given, "PUBLIC_DASHBOARD_URL": public}).environment["PUBLIC_DASHBOARD_URL"] == public


def test_sources_of_this_checkout_are_where_the_build_looks() -> None:
    dashboard = Dashboard(Path("node"))
    assert dashboard.frontend == PROJECT / "frontend"
    assert (dashboard.frontend / "src").is_dir()
    assert dashboard.build_folder.parent == PROJECT / "frontend" / ".build"
