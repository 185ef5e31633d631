"""The entry point of the container image."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.container import filled_environment, main, read_secrets, write_secrets
from launcher.environment import GENERATED_SECRETS

BACKEND = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("services", "database", "redis"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_secrets_are_generated_once(folder: Path) -> None:
    assert write_secrets(folder)
    held = read_secrets(folder)
    assert set(held) == set(GENERATED_SECRETS)
    assert len(set(held.values())) == len(held)
    assert all(len(value) >= 32 for value in held.values())
    assert not write_secrets(folder)
    assert read_secrets(folder) == held


def test_only_what_the_servers_read_can_be_read_by_others(folder: Path) -> None:
    write_secrets(folder)
    held = read_secrets(folder)
    assert (folder / "services/agentobs.env").stat().st_mode & 0o777 == 0o600
    assert (folder / "database/password").stat().st_mode & 0o777 == 0o444
    assert (folder / "database/password").read_text() == held["DATABASE_PASSWORD"]
    assert (folder / "redis/redis.conf").read_text() == f"requirepass {held['REDIS_PASSWORD']}\n"


def test_servers_keep_their_passwords_when_the_services_file_is_lost(folder: Path) -> None:
    write_secrets(folder)
    before = read_secrets(folder)
    (folder / "services/agentobs.env").unlink()
    assert write_secrets(folder)
    after = read_secrets(folder)
    assert after["DATABASE_PASSWORD"] == before["DATABASE_PASSWORD"]
    assert after["REDIS_PASSWORD"] == before["REDIS_PASSWORD"]
    assert after["JWT_SECRET"] != before["JWT_SECRET"]


def test_a_removed_line_is_generated_anew_and_the_others_stay(folder: Path) -> None:
    write_secrets(folder)
    before = read_secrets(folder)
    file = folder / "services/agentobs.env"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not line.startswith("JWT_SECRET")))
    assert write_secrets(folder)
    after = read_secrets(folder)
    assert [name for name in GENERATED_SECRETS if after[name] != before[name]] == ["JWT_SECRET"]


def test_a_missing_folder_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AGENTOBS_SECRETS_DIR", str(tmp_path / "nowhere"))
    assert main(["secrets"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_urls_are_completed_and_the_environment_wins() -> None:
    environment = {
        "TIMESCALE_URL": "postgresql://agentobs:{DATABASE_PASSWORD}@timescaledb:5432/traces",
        "NOTE": "{DATABASE_PASSWORD}",
        "JWT_SECRET": "mine",
        "API_KEY_SALT": "",
    }
    filled = filled_environment(
        environment, {"DATABASE_PASSWORD": "pw", "JWT_SECRET": "generated", "API_KEY_SALT": "salt"}
    )
    assert filled["TIMESCALE_URL"] == "postgresql://agentobs:pw@timescaledb:5432/traces"
    assert (filled["NOTE"], filled["JWT_SECRET"], filled["API_KEY_SALT"]) == ("{DATABASE_PASSWORD}", "mine", "salt")


def test_a_command_runs_with_the_secrets(folder: Path) -> None:
    write_secrets(folder)
    probe = "import json, os; print(json.dumps([os.environ['REDIS_URL'], os.getpid()]))"
    process = subprocess.Popen(
        [sys.executable, "-m", "launcher.container", "run", sys.executable, "-c", probe],
        cwd=BACKEND,
        env={**os.environ, "AGENTOBS_SECRETS_DIR": str(folder), "REDIS_URL": "redis://:{REDIS_PASSWORD}@redis:6379/0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate(timeout=30)
    url, pid = json.loads(output)
    assert url == f"redis://:{read_secrets(folder)['REDIS_PASSWORD']}@redis:6379/0"
    # The command takes the place of the entry point, so that signals reach it.
    assert pid == process.pid


def test_usage_is_shown_for_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start"]) == 2
    assert "usage" in capsys.readouterr().err
