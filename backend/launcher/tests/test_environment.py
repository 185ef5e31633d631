import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from launcher.config import PROJECT, LauncherSettings
from launcher.environment import GENERATED_SECRETS, complete_env_file, documented_settings, merged_environment
from launcher.errors import LauncherError
from launcher.ports import choose_port, is_free
from launcher.programs import standard_ports

TEMPLATE = PROJECT / ".env.example"


@contextmanager
def listener(host: str, port: int = 0) -> Iterator[int]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, port))
        sock.listen()
        yield int(sock.getsockname()[1])


def values(file: Path) -> dict[str, str]:
    return merged_environment(file, {})


def test_first_set_up_generates_secrets_into_a_private_file(folder: Path) -> None:
    file = folder / ".env"
    complete_env_file(file, TEMPLATE, {})
    generated = [values(file)[name] for name in GENERATED_SECRETS]
    assert all(len(secret) >= 43 for secret in generated)
    assert len(set(generated)) == len(generated)
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(standard_ports()) <= set(values(file))


def test_two_set_ups_share_no_secret(folder: Path) -> None:
    for name in ("one", "two"):
        complete_env_file(folder / name, TEMPLATE, {})
    one, two = values(folder / "one"), values(folder / "two")
    assert not {one[name] for name in GENERATED_SECRETS} & {two[name] for name in GENERATED_SECRETS}


def test_existing_values_stay_and_missing_secrets_are_added(folder: Path) -> None:
    file = folder / ".env"
    file.write_text("# mine\nJWT_SECRET=kept-as-it-is\nGATEWAY_PORT=1234\nAPI_KEY_SALT=\nUNKNOWN='a b'\n")
    file.chmod(0o644)
    complete_env_file(file, TEMPLATE, {})
    after = values(file)
    assert (after["JWT_SECRET"], after["GATEWAY_PORT"], after["UNKNOWN"]) == ("kept-as-it-is", "1234", "a b")
    assert all(after.get(name) for name in GENERATED_SECRETS)
    assert "INGESTION_PORT" not in after
    assert file.read_text().startswith("# mine\n")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert complete_env_file(file, TEMPLATE, {}) == []
    assert file.read_bytes() == before


def test_environment_wins_over_the_file(folder: Path) -> None:
    file = folder / ".env"
    file.write_text("A=file\nB=file\nC=\nD=$A\n")
    assert merged_environment(file, {"A": "environment"}) == {"A": "environment", "B": "file", "D": "$A"}


def test_secret_given_by_the_environment_is_not_generated(folder: Path) -> None:
    complete_env_file(folder / ".env", TEMPLATE, {"JWT_SECRET": "from-outside"})
    assert "JWT_SECRET" not in values(folder / ".env")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_ports_in_use_are_replaced_at_set_up(folder: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with listener(host) as taken:
        ports = {"GATEWAY_PORT": taken, "QUERY_PORT": choose_port(taken)}
        monkeypatch.setattr("launcher.environment.standard_ports", lambda: ports)
        notes = complete_env_file(folder / ".env", TEMPLATE, {})
        gateway, query = (int(values(folder / ".env")[name]) for name in ports)
        assert gateway != taken
        assert is_free(gateway)
        assert gateway != query
        assert any(f"port {taken} is in use: GATEWAY_PORT={gateway}" in note for note in notes)


def test_port_of_the_environment_is_not_judged_at_set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener("127.0.0.1") as taken:
        monkeypatch.setattr("launcher.environment.standard_ports", lambda: {"GATEWAY_PORT": taken})
        complete_env_file(folder / ".env", TEMPLATE, {"GATEWAY_PORT": "9999"})
    assert values(folder / ".env")["GATEWAY_PORT"] == documented_settings(TEMPLATE)["GATEWAY_PORT"]


def test_invalid_setting_is_named_without_its_value() -> None:
    with pytest.raises(LauncherError, match="PROCESSING_WORKERS") as error:
        LauncherSettings.read({"PROCESSING_WORKERS": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_relative_data_folder_counts_from_the_project() -> None:
    assert LauncherSettings.read({}).data_dir == PROJECT / ".data"
    assert LauncherSettings.read({"AGENTOBS_DATA_DIR": "/elsewhere/x"}).logs == Path("/elsewhere/x/logs")
    assert LauncherSettings.read({"AGENTOBS_DATA_DIR": ""}).data_dir == PROJECT / ".data"
