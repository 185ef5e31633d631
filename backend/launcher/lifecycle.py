"""Starting, waiting for and stopping a whole deployment."""

import fcntl
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from launcher import exec as wrapper
from launcher.config import PROJECT, problems_of
from launcher.deployment import BACKEND, Deployment
from launcher.errors import LauncherError
from launcher.ports import choose_port, is_free
from launcher.programs import SERVICE_STOP_SECONDS, STORE_STOP_SECONDS, STORES
from launcher.servers import last_lines
from launcher.supervision import Supervisor
from shared.settings import ServiceSettings

# Replaying a long write-ahead log or append-only file after a power cut takes minutes.
STORE_START_SECONDS = 600.0
# How long the ports of processes that were just killed may stay in use.
PORT_WAIT_SECONDS = 5.0
# How long a supervisor that was told to end may take before it counts as stuck.
ENDING_SECONDS = 60.0
_POLL_SECONDS = 0.1
# Each question costs the service a look at its dependencies, and a log line while one is missing.
_READY_POLL_SECONDS = 0.3
_CRASHES_TOLERATED = 2
_HTTP_TIMEOUT_SECONDS = 5.0
_NOT_RUNNING = ("STOPPED", "EXITED", "FATAL")


@dataclass
class _CrashWatch:
    """Notices a program that ends again and again instead of starting."""

    supervisor: Supervisor
    starts: dict[str, set[int]] = field(default_factory=dict)

    def check(self, names: list[str]) -> None:
        """Look once.

        Raises:
            LauncherError: The supervisor is gone or a program crashed too often; the message ends with its log.
        """
        processes = self.supervisor.processes()
        if processes is None:
            if self.supervisor.pid() is None:
                raise LauncherError(f"supervisord ended:\n{last_lines(self.supervisor.log)}")
            return
        for name in names:
            facts = processes[name]
            started = self.starts.setdefault(name, set())
            if facts["start"]:
                started.add(int(facts["start"]))
            if facts["statename"] == "FATAL" or len(started) > _CRASHES_TOLERATED:
                raise LauncherError(f"{name} does not start:\n{last_lines(self.supervisor.log_of(name))}")


def report(name: str, state: str, detail: str = "") -> None:
    """Print one line of progress."""
    print(f"  {name:<19}{state:<9}{detail}".rstrip(), flush=True)


def start(deployment: Deployment, *, attached: bool = False) -> None:
    """Start everything and wait until each service is ready; do nothing where it runs already.

    Args:
        deployment: What to start.
        attached: Whether everything stops in order when this process dies.

    Raises:
        LauncherError: It cannot be started. What this call started was stopped again.
    """
    deployment.create_folders()
    supervisor = Supervisor(deployment)
    with _only_command(deployment):
        if (pid := _answering_pid(supervisor)) is not None:
            _refuse_foreign(deployment, pid)
            report("supervisord", "running", f"pid {pid}")
            for name, facts in (supervisor.processes() or {}).items():
                if facts["statename"] in _NOT_RUNNING:
                    supervisor.start_program(name)
            _wait_until_ready(deployment, supervisor)
            return
        try:
            _start_stopped(deployment, supervisor, attached=attached)
        except BaseException:
            _shut_down(deployment, supervisor)
            raise


def stop(deployment: Deployment) -> bool:
    """Stop everything, services first and stores last, and return whether anything ran.

    Raises:
        LauncherError: The data folder is used by another checkout.
    """
    if not deployment.run_dir.is_dir():
        return False
    supervisor = Supervisor(deployment)
    with _only_command(deployment):
        if (pid := supervisor.pid()) is not None:
            _refuse_foreign(deployment, pid)
        return _shut_down(deployment, supervisor)


def wait_for_end(deployment: Deployment) -> None:
    """Return when the supervisor has ended."""
    supervisor = Supervisor(deployment)
    while supervisor.pid() is not None:
        time.sleep(1.0)


def answer(url: str) -> tuple[int, str]:
    """Return status and body of a GET request; status 0 when nothing answered."""
    try:
        with urllib.request.urlopen(url, timeout=_HTTP_TIMEOUT_SECONDS) as response:  # noqa: S310
            return response.status, response.read(65_536).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(65_536).decode("utf-8", "replace")
    except OSError as error:
        return 0, str(error)


def _start_stopped(deployment: Deployment, supervisor: Supervisor, *, attached: bool) -> None:
    _check_settings(deployment)
    _check_ports(deployment)
    if deployment.postgres:
        deployment.postgres.prepare(wait=STORE_STOP_SECONDS)
    if deployment.valkey:
        deployment.valkey.prepare()
    programs = deployment.programs()
    deployment.write_instance(programs)
    process = supervisor.start(programs, attached=attached)
    _wait_for_supervisor(supervisor, process)
    _wait_for_stores(deployment, supervisor)
    if deployment.postgres:
        for name in deployment.embedded_databases:
            deployment.postgres.create_database(name)
    _migrate(deployment)
    for program in programs:
        if not program.is_store:
            supervisor.start_program(program.name)
    _wait_until_ready(deployment, supervisor)


def _check_settings(deployment: Deployment) -> None:
    # The services check this as well; here the reason is seen at once instead of in a log.
    names = ServiceSettings.model_fields
    given = {name.lower(): value for name, value in deployment.environment.items()}
    try:
        ServiceSettings(**{name: given[name] for name in names if name in given})  # type: ignore[arg-type]
    except ValidationError as error:
        raise LauncherError(f"invalid settings: {problems_of(error)}") from None


def _check_ports(deployment: Deployment) -> None:
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    while busy := {name: port for name, port in deployment.ports.items() if not is_free(port)}:
        if time.monotonic() > deadline:
            taken = set(deployment.ports.values())
            lines = [
                f"port {port} is in use; set another in .env or the environment, such as "
                f"{name}={choose_port(port, taken)}"
                for name, port in busy.items()
            ]
            raise LauncherError("\n".join(lines))
        time.sleep(_POLL_SECONDS)
    twice = [name for name, port in deployment.ports.items() if list(deployment.ports.values()).count(port) > 1]
    if twice:
        raise LauncherError(f"these settings name the same port: {', '.join(twice)}")


def _wait_for_supervisor(supervisor: Supervisor, process: subprocess.Popen[bytes]) -> None:
    while supervisor.processes() is None:
        if process.poll() is not None:
            raise LauncherError(f"supervisord ended:\n{last_lines(supervisor.log)}")
        time.sleep(_POLL_SECONDS)


def _wait_for_stores(deployment: Deployment, supervisor: Supervisor) -> None:
    began = time.monotonic()
    waiting = {
        name: store
        for name, store in (("postgres", deployment.postgres), ("valkey", deployment.valkey))
        if store is not None
    }
    watch = _CrashWatch(supervisor)
    while waiting:
        for name, store in list(waiting.items()):
            if store.is_ready():
                report(name, "ready", f"127.0.0.1:{store.port}")
                del waiting[name]
        if waiting:
            watch.check(list(waiting))
            if time.monotonic() - began > STORE_START_SECONDS:
                raise LauncherError(f"not ready after {STORE_START_SECONDS:g} s: {', '.join(waiting)}")
            time.sleep(_POLL_SECONDS)


def _migrate(deployment: Deployment) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "db.migrate"],
        cwd=BACKEND,
        env=deployment.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (deployment.logs / "migrate.log").write_text(result.stdout, encoding="utf-8")
    if result.returncode:
        raise LauncherError(f"the migrations failed:\n{result.stdout.strip()}")
    report("migrations", "done")


def _wait_until_ready(deployment: Deployment, supervisor: Supervisor) -> None:
    began = time.monotonic()
    instance = deployment.read_instance()
    waiting = {name: port for name, port in (instance.ports if instance else {}).items() if name not in STORES}
    replies: dict[str, str] = {}
    watch = _CrashWatch(supervisor)
    while waiting:
        for name, port in list(waiting.items()):
            status, replies[name] = answer(f"{deployment.url(port)}/ready")
            if status == 200:
                report(name, "ready", f"{deployment.url(port)}  {time.monotonic() - began:.1f} s")
                del waiting[name]
        if waiting:
            watch.check(list(waiting))
            if time.monotonic() - began > deployment.settings.start_timeout_seconds:
                raise LauncherError(
                    "\n".join(
                        f"{name} is not ready: {replies[name]}\n{last_lines(supervisor.log_of(name))}"
                        for name in waiting
                    )
                )
            time.sleep(_READY_POLL_SECONDS)


def _shut_down(deployment: Deployment, supervisor: Supervisor) -> bool:
    """Stop in order, then whatever a killed supervisor may have left; return whether anything ran."""
    ran = False
    pid = supervisor.pid()
    if pid is not None:
        ran = True
        instance = deployment.read_instance()
        longest = STORE_STOP_SECONDS * 2 + SERVICE_STOP_SECONDS * len(instance.ports if instance else {})
        _signal_and_wait(pid, supervisor.lock, signal.SIGTERM, longest)
    locks = [(path, signal.SIGTERM) for path in sorted(deployment.run_dir.glob("*.lock")) if path != supervisor.lock]
    stores = [(deployment.data_dir / "valkey" / "lock", signal.SIGTERM)]
    stores += [(deployment.data_dir / "postgres" / "lock", signal.SIGINT)]
    for lock, first in locks + stores:
        holder = wrapper.lock_holder(lock)
        if holder is not None:
            ran = True
            _signal_and_wait(holder, lock, first, STORE_STOP_SECONDS)
    return ran


def _signal_and_wait(pid: int, lock: Path, first: signal.Signals, timeout: float) -> None:
    """Signal the process that holds ``lock`` and wait until it is released, at last by force."""
    for number, patience in ((first, timeout), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if wrapper.lock_holder(lock) is None:
                return
            time.sleep(_POLL_SECONDS)


def _answering_pid(supervisor: Supervisor) -> int | None:
    """Return the supervisor's process id once it answers, or nothing; one that is ending is waited for."""
    deadline = time.monotonic() + ENDING_SECONDS
    while (pid := supervisor.pid()) is not None and supervisor.processes() is None:
        if time.monotonic() > deadline:
            raise LauncherError(f"supervisord (process {pid}) does not answer; ./stop.sh ends it")
        time.sleep(_POLL_SECONDS)
    return pid


def _refuse_foreign(deployment: Deployment, pid: int) -> None:
    instance = deployment.read_instance()
    if instance is not None and instance.project != str(PROJECT):
        raise LauncherError(
            f"the data folder {deployment.data_dir} is in use by the instance started from {instance.project} "
            f"(process {pid}); set AGENTOBS_DATA_DIR to another folder"
        )


@contextmanager
def _only_command(deployment: Deployment) -> Iterator[None]:
    """Let one start or stop of a data folder run at a time."""
    with (deployment.run_dir / ".command").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting", "", "another start or stop is under way")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
