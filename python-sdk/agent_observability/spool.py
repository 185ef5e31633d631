"""The spool: batches as files in a folder that processes share; docs/sdk/delivery.md has its format."""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from agent_observability.batches import RUN_DIGITS, Batch, Content, DamagedError, decode_content, parse_name

HEARTBEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0
_HEARTBEAT = "heartbeat"
_DAMAGED = "damaged"
_USAGE_SECONDS = 5.0


class SpoolFullError(Exception):
    """The batch would exceed the bound of the spool."""


class GoneError(Exception):
    """The batch is not in this run any more: another process has taken it over."""


def workspace_folder(endpoint: str, api_key: str) -> str:
    """Return the name of the folder that holds the batches of one key at one endpoint."""
    return hashlib.sha256(f"{endpoint}\n{api_key}".encode()).hexdigest()[:16]


def find_folder(spool_dir: str | None, workspace: str) -> Path | None:
    """Make and return the folder of a workspace, None when no folder can be written.

    Args:
        spool_dir: Folder that was asked for; None for the usual ones.
        workspace: See ``workspace_folder``.
    """
    for folder, is_guessable in _candidates(spool_dir):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_guessable and not _is_private(folder):
                continue
            own = folder / workspace
            own.mkdir(mode=0o700, exist_ok=True)
            probe = own / f"{secrets.token_hex(8)}.tmp"
            probe.touch(mode=0o600)
            probe.unlink()
        except (OSError, RuntimeError):
            continue
        return own
    return None


def _candidates(spool_dir: str | None) -> Iterator[tuple[Path, bool]]:
    """Yield folders, each with whether others could have made it before."""
    if spool_dir:
        yield Path(spool_dir).expanduser(), False
        return
    state = os.environ.get("XDG_STATE_HOME")
    with contextlib.suppress(RuntimeError):
        yield (Path(state) if state else Path.home() / ".local" / "state") / "agentobs" / "spool", False
    yield Path(tempfile.gettempdir()) / f"agentobs-spool-{os.getuid() if hasattr(os, 'getuid') else 'user'}", True


def _is_private(folder: Path) -> bool:
    """Return whether nobody else could have put the folder there, as they could in the folder for temporary files."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


class Spool:
    """The part of one run in the folder of a workspace; one thread writes, another sends."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Build the part of a new run, which has no folder before it has a batch.

        Args:
            folder: Folder of the workspace.
            max_bytes: Bound of that folder, all runs together.
        """
        self.run_id = secrets.token_hex(16)
        self._folder = folder
        self._own = folder / self.run_id
        self._max_bytes = max_bytes
        self._sequence = 0
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._own_bytes = 0
        self._others = 0
        self._others_until = 0.0
        self._beat_at = 0.0

    def write(self, content: Content) -> Batch:
        """Keep a new batch.

        Raises:
            SpoolFullError: There is no room for it.
            OSError: It cannot be written.
        """
        self._sequence += 1
        return self._write(
            Batch(
                f"{time.time_ns() // 1_000_000:013d}-{self.run_id[:RUN_DIGITS]}-{self._sequence:08d}",
                time.time_ns() // 1_000_000,
                self.run_id[:RUN_DIGITS],
                content.items,
            ),
            content,
        )

    def split(self, batch: Batch, first: Content, second: Content) -> tuple[Batch, Batch]:
        """Replace a batch by two, which keep its age.

        Raises:
            OSError: They cannot be written.
        """
        halves = (
            Batch(f"{batch.id}a", batch.time_ms, batch.run, first.items),
            Batch(f"{batch.id}b", batch.time_ms, batch.run, second.items),
        )
        for half, content in zip(halves, (first, second), strict=True):
            self._write(half, content, is_bounded=False)
        self.delete(batch)
        return halves

    def _write(self, batch: Batch, content: Content, *, is_bounded: bool = True) -> Batch:
        data = content.encode(batch.id)
        if is_bounded and self._used() + len(data) > self._max_bytes:
            raise SpoolFullError
        self._own.mkdir(mode=0o700, exist_ok=True)
        self.beat()
        path = self._own / batch.name
        draft = path.with_name(path.name + ".tmp")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "wb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
            draft.rename(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self._note(batch.name, len(data))
        return batch

    def read(self, batch: Batch) -> Content:
        """Return what a batch holds.

        Raises:
            DamagedError: It cannot be read; it has been moved aside.
            GoneError: Another process has taken it over.
        """
        path = self._own / batch.name
        try:
            return decode_content(path.read_bytes())
        except FileNotFoundError as error:
            self._forget(batch.name)
            raise GoneError from error
        except (DamagedError, OSError) as error:
            self._move_aside(path)
            raise DamagedError from error

    def _move_aside(self, path: Path) -> None:
        self._forget(path.name)
        aside = self._folder / _DAMAGED
        try:
            aside.mkdir(mode=0o700, exist_ok=True)
            path.rename(aside / path.name)
        except OSError:
            path.unlink(missing_ok=True)

    def change(self, batch: Batch, receipt: str | None) -> Batch:
        """Note that a batch was accepted under a receipt, or with None that it is to be sent again.

        Raises:
            GoneError: Another process has taken it over.
        """
        changed = batch.accepted(receipt)
        try:
            (self._own / batch.name).rename(self._own / changed.name)
        except FileNotFoundError as error:
            self._forget(batch.name)
            raise GoneError from error
        self._note(changed.name, self._forget(batch.name))
        return changed

    def delete(self, batch: Batch) -> None:
        """Forget a batch."""
        self._forget(batch.name)
        (self._own / batch.name).unlink(missing_ok=True)

    def beat(self) -> None:
        """Say that this run is alive, if it has something to keep."""
        now = time.monotonic()
        if now - self._beat_at < HEARTBEAT_SECONDS and self._beat_at:
            return
        if self._own.is_dir():
            self._beat_at = now
            (self._own / _HEARTBEAT).touch(mode=0o600)

    def release(self) -> None:
        """Leave what is left to other processes."""
        heartbeat = self._own / _HEARTBEAT
        with contextlib.suppress(OSError):
            if any(name.name != _HEARTBEAT for name in self._own.iterdir()):
                os.utime(heartbeat, (0, 0))
            else:
                heartbeat.unlink(missing_ok=True)
                self._own.rmdir()

    def adopt(self) -> list[Batch]:
        """Take over the batches of runs that have ended, and return them."""
        adopted: list[Batch] = []
        try:
            runs = [entry for entry in self._folder.iterdir() if entry.name not in (self.run_id, _DAMAGED)]
        except OSError:
            return adopted
        for run in runs:
            with contextlib.suppress(OSError):
                if run.is_dir() and _is_dead(run):
                    adopted += self._adopt_run(run)
        return adopted

    def _adopt_run(self, run: Path) -> list[Batch]:
        adopted: list[Batch] = []
        for path in sorted(run.iterdir()):
            batch = parse_name(path.name)
            if batch is None:
                if path.name != _HEARTBEAT:
                    path.unlink(missing_ok=True)
                continue
            self._own.mkdir(mode=0o700, exist_ok=True)
            self.beat()
            try:
                size = path.stat().st_size
                path.rename(self._own / path.name)
            except FileNotFoundError:
                continue
            self._note(path.name, size)
            adopted.append(batch)
        (run / _HEARTBEAT).unlink(missing_ok=True)
        run.rmdir()
        return adopted

    def _used(self) -> int:
        now = time.monotonic()
        if now >= self._others_until:
            self._others_until = now + _USAGE_SECONDS
            self._others = sum(_folder_bytes(run) for run in _folders(self._folder) if run.name != self.run_id)
        return self._others + self._own_bytes

    def _note(self, name: str, size: int) -> None:
        with self._lock:
            self._sizes[name] = size
            self._own_bytes += size

    def _forget(self, name: str) -> int:
        with self._lock:
            size = self._sizes.pop(name, 0)
            self._own_bytes -= size
            return size


def _is_dead(run: Path) -> bool:
    try:
        beat = (run / _HEARTBEAT).stat().st_mtime
    except FileNotFoundError:
        beat = run.stat().st_mtime
    return time.time() - beat > DEAD_SECONDS


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [entry for entry in folder.iterdir() if entry.is_dir()]
    return []


def _folder_bytes(folder: Path) -> int:
    size = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                size += entry.stat().st_size
    return size
