"""What the two embedded servers have in common: files with secrets, processes, waiting."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from launcher.errors import LauncherError

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the terminating zero included.
LONGEST_SOCKET_PATH = 100
LOG_LINES_SHOWN = 20
# A killed process takes a moment to end.
_DYING_SECONDS = 5.0
PROBE_SECONDS = 2.0


def socket_path_fits(path: Path) -> bool:
    """Return whether a unix socket can be bound and connected to at ``path``."""
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` atomically by a file that only its owner can read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def secret_file(path: Path) -> str:
    """Return the secret kept in ``path``, generated at first use."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def process_of(pid: int, name: str, started_before: float | None = None) -> psutil.Process | None:
    """Return the living process ``pid`` if it is the one that is meant.

    A zombie, another program under a reused process id and a process younger than ``started_before`` (seconds since
    the epoch) are not.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE or process.name() != name:
                return None
            # Two seconds of grace: process start times derive from clock ticks and a boot time in whole seconds.
            if started_before is not None and process.create_time() > started_before + 2:
                return None
    except psutil.Error:
        return None
    return process


def spawn(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, its output appended to ``log``.

    The session keeps the terminal's Ctrl-C away from the server. The parent-death signal belongs to the calling
    thread: call this from one that outlives the server.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
        )


def wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, timeout: float) -> None:
    """Wait until ``ready`` answers true.

    Raises:
        LauncherError: The process ended or was not ready within ``timeout`` seconds; the message ends with its log.
    """
    deadline = time.monotonic() + timeout
    while not ready():
        if process.poll() is not None:
            raise LauncherError(f"the server ended with exit code {process.returncode}:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            raise LauncherError(f"the server was not ready after {timeout:g} s:\n{last_lines(log)}")
        time.sleep(0.02)


def reap(process: subprocess.Popen[bytes] | None) -> None:
    """Collect a server that was killed from outside, before another takes its place.

    Raises:
        LauncherError: It is alive.
    """
    if process is None:
        return
    try:
        process.wait(_DYING_SECONDS)
    except subprocess.TimeoutExpired:
        raise LauncherError(f"the server is already running (pid {process.pid})") from None


def terminate(process: subprocess.Popen[bytes], first: signal.Signals, timeout: float) -> None:
    """Send ``first`` and wait; after ``timeout`` seconds kill the process."""
    if process.poll() is None:
        process.send_signal(first)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> str:
    """Return the end of a log file, empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return ""
