"""supervisord: its configuration, and talking to it over its unix socket."""

import hashlib
import http.client
import os
import shlex
import subprocess
import sys
import tempfile
import xmlrpc.client
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from launcher import exec as wrapper
from launcher.deployment import BACKEND, Deployment
from launcher.errors import LauncherError
from launcher.programs import Program
from launcher.servers import socket_path_fits, spawn, write_private

_ROTATED_BYTES = "10MB"
_ROTATED_FILES = 5
# supervisord raises its own limit to this, which its children inherit.
_OPEN_FILES = 8192
# Longer than a service takes to fail over its settings, so that failing again and again is slowed down.
_STARTED_AFTER_SECONDS = 5
# A program that fails is started again with a growing pause for more than an hour, so that a full disk or a foreign
# process on its port costs little more than the time they last.
_START_RETRIES = 100
# Somebody who looks whether the lock is held holds it for an instant.
_LOCK_WAIT_SECONDS = 2.0


class Supervisor:
    """The supervisor of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    @property
    def socket_path(self) -> Path:
        """The control socket; in the system's temporary folder when the run folder's path is too long for one."""
        path = self.deployment.run_dir / "supervisor.sock"
        if socket_path_fits(path):
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"agent-observability-{os.geteuid()}-{digest}" / "supervisor.sock"

    @property
    def configuration_file(self) -> Path:
        """Where the rendered configuration is kept."""
        return self.deployment.run_dir / "supervisord.conf"

    @property
    def log(self) -> Path:
        """The supervisor's own log."""
        return self.deployment.logs / "supervisord.log"

    def render(self, programs: list[Program]) -> str:
        """Return the configuration; secrets reach the programs through the inherited environment only."""
        sections: list[tuple[str, dict[str, object]]] = [
            ("unix_http_server", {"file": self.socket_path, "chmod": "0700"}),
            (
                "supervisord",
                {
                    "nodaemon": "true",
                    "silent": "true",
                    "logfile": self.log,
                    "logfile_maxbytes": _ROTATED_BYTES,
                    "logfile_backups": _ROTATED_FILES,
                    "pidfile": self._pid_file,
                    "directory": BACKEND,
                    "minfds": _OPEN_FILES,
                    **({"user": "root"} if os.geteuid() == 0 else {}),
                },
            ),
            (
                "rpcinterface:supervisor",
                {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            ),
        ]
        for position, program in enumerate(programs, start=1):
            variables = ",".join(f'{name}="{value}"' for name, value in program.environment.items())
            options = {
                "command": shlex.join(program.command),
                "priority": position * 10,
                "autostart": str(program.is_store).lower(),
                "autorestart": "true",
                "startsecs": _STARTED_AFTER_SECONDS,
                "startretries": _START_RETRIES,
                "stopsignal": program.stop_signal,
                "stopwaitsecs": program.stop_seconds,
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": self.log_of(program.name),
                "stdout_logfile_maxbytes": _ROTATED_BYTES,
                "stdout_logfile_backups": _ROTATED_FILES,
            }
            sections.append((f"program:{program.name}", options | ({"environment": variables} if variables else {})))
        return "\n".join(
            f"[{name}]\n" + "".join(f"{key} = {str(value).replace('%', '%%')}\n" for key, value in options.items())
            for name, options in sections
        )

    def log_of(self, program: str) -> Path:
        """Return the file with the output of a program."""
        return self.deployment.logs / f"{program}.log"

    def start(self, programs: list[Program], *, attached: bool) -> subprocess.Popen[bytes]:
        """Start supervisord, which starts the stores.

        Args:
            programs: What it is to run.
            attached: Whether it stops in order when this process dies.
        """
        self._create_socket_folder()
        self.socket_path.unlink(missing_ok=True)
        write_private(self.configuration_file, self.render(programs))
        command = wrapper.command_line(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.configuration_file)],
            death_signal="TERM" if attached else None,
            parent=os.getpid() if attached else None,
            lock=self.lock,
            lock_wait=_LOCK_WAIT_SECONDS,
            supervisor=True,
        )
        return spawn(command, self.log, self.deployment.environment)

    @property
    def lock(self) -> Path:
        """The file that the supervisor holds locked while it lives."""
        return self.deployment.run_dir / "supervisord.lock"

    def pid(self) -> int | None:
        """Return the process id of the running supervisor."""
        return wrapper.lock_holder(self.lock)

    def processes(self) -> dict[str, dict[str, Any]] | None:
        """Return supervisord's facts about each program by name, or nothing when it does not answer."""
        try:
            return {str(item["name"]): item for item in self._call("supervisor.getAllProcessInfo")}
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return None

    def start_program(self, name: str) -> None:
        """Start one program without waiting for it.

        Raises:
            LauncherError: supervisord refused or is gone.
        """
        try:
            self._call("supervisor.startProcess", name, False)
        except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
            raise LauncherError(f"{name} could not be started: {error}") from error

    @property
    def _pid_file(self) -> Path:
        return self.deployment.run_dir / "supervisord.pid"

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket_path}")  # type: ignore[no-untyped-call]
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server, method)(*arguments)

    def _create_socket_folder(self) -> None:
        folder = self.socket_path.parent
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
            raise LauncherError(f"{folder} belongs to another account or can be written by one")
