import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher.__main__ import main
from launcher.environment import GENERATED_SECRETS
from launcher.programs import standard_ports
from launcher.tests.helpers import eventually, free_port

pytestmark = [
    # A supervisor outlives the call that starts it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.xdist_group("command_line"),
]


@pytest.fixture
def installation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the command line work on an installation of its own, which is stopped at the end."""
    env_file = folder / ".env"
    monkeypatch.setattr("launcher.deployment.ENV_FILE", env_file)
    monkeypatch.setattr("launcher.__main__.ENV_FILE", env_file)
    monkeypatch.setenv("AGENTOBS_DATA_DIR", str(folder / "data"))
    for name in GENERATED_SECRETS:
        monkeypatch.delenv(name, raising=False)
    for name in standard_ports():
        monkeypatch.setenv(name, str(free_port()))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield folder
    main(["down"])
    for number, handler in handlers.items():
        signal.signal(number, handler)


def steps(output: str) -> list[str]:
    """Return the commands of the numbered first steps."""
    return re.findall(r"^  \d\. .*\n((?:     .*\n)+)", output, re.MULTILINE)


def run_step(command: str) -> dict[str, Any]:
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_fresh_installation_starts_and_its_first_steps_work(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["setup", "--no-frontend"]) == 0
    assert main(["up", "--no-frontend"]) == 0
    register, create_key, send, read = steps(capsys.readouterr().out)
    token = run_step(register)["access_token"]
    key = run_step(create_key.replace("ACCESS_TOKEN", token))["key"]
    assert run_step(send.replace("KEY", key))["status"] == "accepted"
    eventually(lambda: [row["trace_id"] for row in run_step(read.replace("KEY", key))["data"]] == ["first"])

    assert main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["memory_bytes"] <= 2**30
    ports = {process["name"]: process["port"] for process in status["processes"]}
    assert ports["gateway"] == int(os.environ["GATEWAY_PORT"])
    assert main(["status"]) == 0
    assert "gateway" in capsys.readouterr().out

    assert main(["down"]) == 0
    assert "Stopped" in capsys.readouterr().out
    assert main(["status", "--json"]) == 1
    assert main(["down"]) == 0
    assert "Nothing was running" in capsys.readouterr().out


def test_start_without_set_up_says_what_to_do(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up"]) == 1
    assert "DATABASE_PASSWORD is not set: run ./setup.sh" in capsys.readouterr().err
    assert not (installation / "data" / "postgres").exists()


def test_render_prints_what_would_run(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["setup", "--no-frontend"])
    capsys.readouterr()
    assert main(["render"]) == 0
    assert "[program:gateway]" in capsys.readouterr().out
    assert not (installation / "data").exists()
