"""Prepares its own process (lock, account, parent-death signal) and then becomes the given command.

Run as a file (``python -I -S exec.py … -- command``): it needs the standard library only, so that it costs a few
milliseconds and works before anything else can be imported.
"""

import argparse
import ctypes
import fcntl
import os
import pwd
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# supervisord closes every descriptor from 5 on when it starts and passes none above 2 to its children.
LOCK_DESCRIPTOR = 3
# By this variable a child recognises that the supervisor died before the parent-death signal was armed.
SUPERVISOR_PID = "AGENTOBS_SUPERVISOR_PID"

_PR_SET_PDEATHSIG = 1
_EX_TEMPFAIL = 75


def command_line(
    command: Sequence[str],
    *,
    death_signal: str | None = None,
    parent: int | None = None,
    account: str | None = None,
    lock: Path | None = None,
    lock_wait: float = 0.0,
    directories: Sequence[Path] = (),
    supervisor: bool = False,
) -> list[str]:
    """Return the argument list that runs ``command`` through this wrapper.

    Args:
        command: What to become. ``{dir1}``, ``{dir2}`` … stand for ``directories``.
        death_signal: Signal the process receives when its parent dies, for example ``"INT"``. Linux only.
        parent: Process id the parent must still have; the command is not started otherwise.
        account: Account to drop to; the caller must be root.
        lock: File held locked for the life of the process and of the children that inherit it.
        lock_wait: Seconds to wait for the lock before giving up with exit code 75.
        directories: Folders opened before the account is dropped, so that it need not be able to enter their parents.
        supervisor: Announce this process to its children as the supervisor.
    """
    line = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    if death_signal:
        line += ["--death-signal", death_signal]
    if parent is not None:
        line += ["--parent", str(parent)]
    if account:
        line += ["--account", account]
    if lock:
        line += ["--lock", str(lock), "--lock-wait", f"{lock_wait:g}"]
    for directory in directories:
        line += ["--open", str(directory)]
    if supervisor:
        line += ["--supervisor"]
    return [*line, "--", *command]


def lock_holder(path: Path) -> int | None:
    """Return the process id written into a lock file that is held, or nothing when it is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or 0)
    finally:
        os.close(descriptor)
    return None


def _acquire(path: Path, wait: float) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.read(descriptor, 32).decode() or "unknown"
                print(f"{path} is held by process {holder}", file=sys.stderr)
                raise SystemExit(_EX_TEMPFAIL) from None
            time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    if descriptor == LOCK_DESCRIPTOR:
        os.set_inheritable(descriptor, True)
    else:
        os.dup2(descriptor, LOCK_DESCRIPTOR)
        os.close(descriptor)


def _open_directories(paths: Sequence[str], command: list[str]) -> list[str]:
    for number, path in enumerate(paths, start=1):
        descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY)
        os.set_inheritable(descriptor, True)
        command = [part.replace(f"{{dir{number}}}", f"/proc/self/fd/{descriptor}") for part in command]
    return command


def _drop_to(account: str) -> None:
    entry = pwd.getpwnam(account)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"] = "/"
    os.environ["USER"] = os.environ["LOGNAME"] = account
    os.chdir("/")


def _arm_death_signal(name: str, parent: int | None) -> None:
    # After the account was dropped: changing credentials clears the signal.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.Signals[f"SIG{name}"]))
    if parent is not None and os.getppid() != parent:
        raise SystemExit("the parent process has ended")


def main(arguments: Sequence[str]) -> None:
    """Parse the wrapper's options and replace this process by the command after ``--``."""
    parser = argparse.ArgumentParser(prog="launcher.exec", description=__doc__)
    parser.add_argument("--death-signal")
    parser.add_argument("--parent", type=int)
    parser.add_argument("--account")
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--lock-wait", type=float, default=0.0)
    parser.add_argument("--open", action="append", default=[])
    parser.add_argument("--supervisor", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)

    command: list[str] = options.command
    parent: int | None = options.parent
    if parent is None and SUPERVISOR_PID in os.environ:
        parent = int(os.environ[SUPERVISOR_PID])
    if options.lock:
        _acquire(options.lock, options.lock_wait)
    if options.supervisor:
        os.environ[SUPERVISOR_PID] = str(os.getpid())
    command = _open_directories(options.open, command)
    if options.account:
        _drop_to(options.account)
    if options.death_signal:
        _arm_death_signal(options.death_signal, parent)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
