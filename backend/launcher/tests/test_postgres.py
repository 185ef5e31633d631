import json
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from launcher import binaries
from launcher import exec as wrapper
from launcher.errors import LauncherError
from launcher.postgres import UNPRIVILEGED_ACCOUNT, EmbeddedPostgres
from launcher.tests.helpers import eventually, fetch, free_port

# Only a crash of the machine could tell the difference.
NOT_FORCED_TO_DISK = {"fsync": "off"}

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as which PostgreSQL must drop its account")


async def test_application_role_owns_its_database_and_is_no_superuser(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK, password="pa'ss\\w:rd @/%")
    server.start()
    try:
        server.create_database("app")
        for tcp in (False, True):
            rows = await fetch(
                server.dsn("app", tcp=tcp),
                "select rolsuper, rolcreatedb, rolcreaterole, pg_get_userbyid(datdba) owner, "
                "pg_has_role('pg_execute_server_program', 'usage') programs "
                "from pg_roles, pg_database where rolname = current_user and datname = 'app'",
            )
            assert [tuple(row) for row in rows] == [(False, False, False, "app", False)]
        server.create_database("other")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(server.dsn("app").replace("/app?", "/other?"), "select 1")
    finally:
        server.stop()


async def test_no_connection_without_the_password(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK)
    server.start()
    try:
        for tcp in (False, True):
            dsn = server.dsn("postgres", superuser=True, tcp=tcp)
            assert server.superuser_password in dsn
            with pytest.raises(asyncpg.InvalidPasswordError):
                await fetch(dsn.replace(server.superuser_password, "wrong"), "select 1")
    finally:
        server.stop()


async def test_changed_password_takes_effect(folder: Path) -> None:
    port = free_port()
    server = EmbeddedPostgres(folder, port, NOT_FORCED_TO_DISK, password="one")
    server.start()
    try:
        server.create_database("app")
        changed = EmbeddedPostgres(folder, port, NOT_FORCED_TO_DISK, password="two")
        changed.create_database("app")
        assert await fetch(changed.dsn("app"), "select 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await fetch(server.dsn("app"), "select 1")
    finally:
        server.stop()


async def test_committed_rows_survive_kill_of_the_postmaster(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK)
    server.start()
    try:
        server.create_database("app")
        await fetch(server.dsn("app"), "create table kept as select generate_series(1, 500) n", "select 1")
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.start()
        assert (await fetch(server.dsn("app"), "select count(*) from kept"))[0][0] == 500
    finally:
        server.stop()


def test_second_server_in_the_same_folder_is_refused(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK)
    server.start()
    try:
        with pytest.raises(LauncherError, match="already running"):
            EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK).prepare(wait=0)
        assert server.is_ready()
    finally:
        server.stop()


def leave_lock_files(server: EmbeddedPostgres, pid: int) -> None:
    """Leave behind what a killed server leaves, as if its process id had been ``pid``."""
    files = (server.data_dir / "postmaster.pid", server.socket_dir / f".s.PGSQL.{server.port}.lock")
    server.start()
    texts = [file.read_text().splitlines() for file in files]
    server.stop()
    for file, lines in zip(files, texts, strict=True):
        file.write_text("\n".join([str(pid), *lines[1:]]) + "\n")


def test_lock_files_of_a_zombie_are_cleared(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK)
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    try:
        eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
        leave_lock_files(server, zombie.pid)
        server.start()
        server.stop()
    finally:
        zombie.wait()


@pytest.mark.parametrize("account", [None, pytest.param(UNPRIVILEGED_ACCOUNT, marks=as_root)])
def test_lock_files_with_a_process_id_in_use_again_are_cleared(folder: Path, account: str | None) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK)
    # PostgreSQL itself takes any living process of its own account for a postmaster.
    other = subprocess.Popen(["/bin/sleep", "60"], user=account)
    try:
        leave_lock_files(server, other.pid)
        server.start()
        server.stop()
    finally:
        other.kill()
        other.wait()


def test_server_stops_cleanly_when_its_starter_is_killed(folder: Path) -> None:
    port = free_port()
    program = (
        "import os, sys; from pathlib import Path; from launcher.postgres import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres(Path({str(folder)!r}), {port}, {NOT_FORCED_TO_DISK}); server.start()\n"
        "print(server.process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    result = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    assert result.returncode == -signal.SIGKILL
    eventually(lambda: wrapper.lock_holder(folder / "lock") is None)
    assert "database system is shut down" in (folder / "postgres.log").read_text()


@as_root
async def test_root_drops_to_an_account_that_cannot_enter_the_parents(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "server", free_port(), NOT_FORCED_TO_DISK)
    server.start()
    try:
        assert server.process is not None
        uids = psutil.Process(server.process.pid).uids()
        gids = psutil.Process(server.process.pid).gids()
        entry = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
        assert set(uids) == {entry.pw_uid}
        assert set(gids) == {entry.pw_gid}
        assert "\nGroups:\t \n" in Path(f"/proc/{server.process.pid}/status").read_text()
        server.create_database("app")
        await fetch(server.dsn("app"), "create table t as select 1 n", "select * from t")
    finally:
        server.stop()
    assert {path: oct(path.stat().st_mode & 0o777) for path in (folder, closed)} == {folder: "0o700", closed: "0o700"}


def test_superuser_password_is_not_on_any_command_line(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), NOT_FORCED_TO_DISK)
    server.start()
    try:
        assert server.process is not None
        line = json.dumps(psutil.Process(server.process.pid).cmdline())
        assert server.superuser_password not in line
        assert server.superuser_password not in json.dumps(server.command())
    finally:
        server.stop()
    assert (folder / "superuser-password").stat().st_mode & 0o077 == 0


def test_start_shows_the_log_of_a_server_that_fails(folder: Path) -> None:
    server = EmbeddedPostgres(folder, free_port(), {"shared_buffers": "nonsense"})
    with pytest.raises(LauncherError, match="shared_buffers"):
        server.start()


@as_root
def test_programs_that_the_account_cannot_reach_are_copied_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.chmod(0o755)
    monkeypatch.setattr(binaries, "SHARED_COPIES", folder / "copies")
    monkeypatch.setattr(binaries, "_executable_by_others", lambda program: False)
    copy = binaries.postgres_binaries(for_other_account=True)
    assert copy.is_relative_to(folder)
    version = subprocess.run(
        [copy / "postgres", "--version"], user=UNPRIVILEGED_ACCOUNT, capture_output=True, check=True
    )
    assert version.stdout.startswith(b"postgres (PostgreSQL)")
    before = (copy / "postgres").stat().st_ino
    assert (binaries.postgres_binaries(for_other_account=True) / "postgres").stat().st_ino == before
    assert [path.name for path in (folder / "copies").iterdir()] == [copy.parents[2].name]
