"""The command line against the platform."""

import os
import signal
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import programs
import pytest
from fake_platform import FakePlatform, Response
from stack import Workspace

from agent_observability.commands.__main__ import main


def command(workspace: Workspace, *arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "AGENTOBS_ENDPOINT": workspace.platform.gateway,
        "AGENTOBS_API_KEY": key or workspace.key,
    }
    program = [sys.executable, "-m", "agent_observability.commands", *arguments]
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_doctor_finds_all_well(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOBS_SPOOL_DIR", str(tmp_path / "spool"))
    done = command(workspace, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line[:4] for line in lines] == ["ok  "] * 4
    assert "the clock agrees" in lines[1]
    assert "is stored" in lines[3]
    (trace,) = workspace.traces()
    assert trace["trace_id"] in lines[3]
    assert trace["name"] == "doctor"
    assert workspace.key not in done.stdout + done.stderr


def test_doctor_names_a_key_that_nobody_knows(workspace: Workspace, spool_dir: Path) -> None:
    done = command(workspace, "doctor", key="ao_live_unknown")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("FAIL  the API key is not known")


def test_doctor_names_a_key_that_may_not_send(workspace: Workspace) -> None:
    created = workspace.platform.ask(
        "POST", "/api/v1/api-keys", {"name": "reader", "scopes": ["read"]}, token=workspace.token
    )
    done = command(workspace, "doctor", key=created["key"])
    assert done.stdout.splitlines()[-1] == "FAIL  the API key may not send: it needs the scope ingest"


def test_doctor_names_an_address_that_does_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--api-key", "x", "--endpoint", "http://127.0.0.1:9"])
    assert ended.value.code == 1
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("behind", "code", "said"),
    [(7_200, 1, "s ahead of the platform's: it refuses"), (-600, 0, "s behind the platform's: traces appear")],
)
def test_doctor_compares_clocks(
    fake: FakePlatform, spool_dir: Path, capsys: pytest.CaptureFixture[str], behind: int, code: int, said: str
) -> None:
    fake.always("/health", Response(200, {}, {"Date": formatdate(time.time() - behind, usegmt=True)}))
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--api-key", "x", "--endpoint", fake.url, "--timeout", "20"])
    assert ended.value.code == code
    assert said in capsys.readouterr().out


def test_without_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["tail"])
    assert "There is no API key" in str(ended.value.code)


def test_tail_shows_traces_as_they_come(workspace: Workspace, spool_dir: Path) -> None:
    environment = {**os.environ, "AGENTOBS_ENDPOINT": workspace.platform.gateway, "AGENTOBS_API_KEY": workspace.key}
    program = [sys.executable, "-m", "agent_observability.commands", "tail", "--agent", "shown"]
    process = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        for number in range(3):
            source = f"""
with obs.trace_context('hidden-{number}', agent_id='hidden'): pass
with obs.trace_context('shown-{number}', agent_id='shown'): pass
"""
            programs.run(source, workspace.platform.gateway, workspace.key, spool_dir)
            assert process.stdout is not None
            line = process.stdout.readline()
            assert f"shown-{number}" in line
            assert "success" in line
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()


def test_tail_names_a_key_that_may_not_read(workspace: Workspace) -> None:
    created = workspace.platform.ask(
        "POST", "/api/v1/api-keys", {"name": "sender", "scopes": ["ingest"]}, token=workspace.token
    )
    done = command(workspace, "tail", key=created["key"])
    assert done.returncode == 1
    assert "needs the scope read" in done.stderr
