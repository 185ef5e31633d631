import os
import signal
from pathlib import Path

import pytest
import redis

from launcher.errors import LauncherError
from launcher.tests.helpers import free_port
from launcher.valkey import EmbeddedValkey

PASSWORD = "pa'ss\\w\"rd @/%"


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def test_password_is_needed_and_nothing_is_evicted(folder: Path) -> None:
    server = EmbeddedValkey(folder, free_port(), PASSWORD, maxmemory="64mb")
    server.start()
    try:
        for url in (server.url(), server.url(tcp=True)):
            with client(url) as connection:
                assert connection.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
                assert connection.config_get("maxmemory")["maxmemory"] == str(64 * 2**20)
                assert connection.config_get("append*")["appendfsync"] == "everysec"
        with (
            client(f"redis://127.0.0.1:{server.port}/0") as stranger,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            stranger.ping()
    finally:
        server.stop()
    assert (folder / "valkey.conf").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
def test_entries_and_groups_survive_kill(folder: Path, appendfsync: str) -> None:
    server = EmbeddedValkey(folder, free_port(), PASSWORD, appendfsync=appendfsync)
    server.start()
    try:
        with client(server.url()) as connection:
            connection.xgroup_create("stream", "group", id="0", mkstream=True)
            for number in range(300):
                connection.xadd("stream", {"n": number})
            connection.xreadgroup("group", "consumer", {"stream": ">"}, count=10)
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.start()
        with client(server.url()) as connection:
            assert connection.xlen("stream") == 300
            assert connection.xpending("stream", "group")["pending"] == 10
    finally:
        server.stop()


def test_start_shows_the_log_of_a_server_that_fails(folder: Path) -> None:
    server = EmbeddedValkey(folder, free_port(), PASSWORD, appendfsync="sometimes")
    with pytest.raises(LauncherError, match="appendfsync"):
        server.start()
