"""The dashboard: its packages, its build, and the command that serves it."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher.config import PROJECT
from launcher.errors import LauncherError

FRONTEND = PROJECT / "frontend"
LEAST_NODE = 20
NODE_MISSING = f"Node {LEAST_NODE} or newer was not found"

# What the build reads besides src and public.
_BUILD_FILES = ("package.json", "package-lock.json", "next.config.ts", "postcss.config.mjs", "tsconfig.json")
_BUILD_FOLDERS = ("src", "public")
# The one in use and the one before, which may still be served.
_BUILDS_KEPT = 2
# Nothing else reaches the server: it needs none of the platform's secrets.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS")
_LINES_SHOWN = 40


def find_node() -> Path | None:
    """Return the Node that is new enough, or nothing."""
    found = shutil.which("node")
    if found is None:
        return None
    try:
        result = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.match(r"v(\d+)\.", result.stdout)
    return Path(found).resolve() if version and int(version[1]) >= LEAST_NODE else None


class Dashboard:
    """The dashboard of a checkout, run by one Node."""

    def __init__(self, node: Path, frontend: Path = FRONTEND) -> None:
        self.node = node
        self.frontend = frontend

    @classmethod
    def find(cls) -> "Dashboard | None":
        """Return the dashboard of this checkout, or nothing where Node is missing."""
        node = find_node()
        return cls(node) if node else None

    @property
    def build_folder(self) -> Path:
        """Where the build of the present sources is kept; it exists once the build is complete."""
        return self.frontend / ".build" / self._digest()

    @property
    def is_built(self) -> bool:
        """Whether the present sources have been built."""
        return self.build_folder.is_dir()

    def install(self) -> None:
        """Install the packages of the lock file unless they are there.

        Raises:
            LauncherError: They cannot be installed.
        """
        lock, stamp = self.frontend / "package-lock.json", self.frontend / "node_modules" / ".installed-lock"
        with self._only_one():
            wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
            if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
                return
            npm = shutil.which("npm")
            if npm is None:
                raise LauncherError("npm is needed for the dashboard; ./start.sh --no-frontend does without")
            # Whatever NODE_ENV says: the build needs the packages of development.
            options = ["--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]
            self._run("installing the dashboard's packages", [npm, "ci", *options])
            stamp.write_text(wanted, encoding="utf-8")

    def build(self) -> None:
        """Build the present sources unless that was done.

        A build is never written over: a server of older sources goes on with the files it began with.

        Raises:
            LauncherError: The build fails.
        """
        with self._only_one():
            target = self.build_folder
            if target.is_dir():
                return
            next_command = self.frontend / "node_modules" / "next" / "dist" / "bin" / "next"
            self._run("building the dashboard", [str(self.node), str(next_command), "build"])
            output = self.frontend / ".next"
            served = output / "standalone" / ".next" / "static"
            # Workers get maps of their sources, whatever the settings say.
            shutil.copytree(output / "static", served, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.map"))
            if (public := self.frontend / "public").is_dir():
                shutil.copytree(public, output / "standalone" / "public", dirs_exist_ok=True)
            target.parent.mkdir(exist_ok=True)
            (output / "standalone").rename(target)
            target.touch()
            self._remove_old_builds()

    def command(
        self, *, host: str, port: int, gateway: str, public_gateway: str, given: Mapping[str, str]
    ) -> list[str]:
        """Return the command that serves the build.

        Args:
            host: Address to listen on.
            port: TCP port to listen on.
            gateway: Address of the gateway from this machine.
            public_gateway: Address of the gateway as browsers see it.
            given: The environment from which the few variables that concern Node are taken.
        """
        variables = {name: given[name] for name in _INHERITED if given.get(name)} | {
            "PORT": str(port),
            "HOSTNAME": host,
            "GATEWAY_URL": gateway,
            "PUBLIC_GATEWAY_URL": public_gateway,
            "NODE_ENV": "production",
            "NEXT_TELEMETRY_DISABLED": "1",
        }
        assignments = [f"{name}={value}" for name, value in variables.items()]
        return [shutil.which("env") or "/usr/bin/env", "-i", *assignments, str(self.node), str(self._server)]

    @property
    def _server(self) -> Path:
        return self.build_folder / "server.js"

    def _digest(self) -> str:
        """Return a digest of everything that the build reads."""
        files = [self.frontend / name for name in _BUILD_FILES]
        files += [path for name in _BUILD_FOLDERS for path in sorted((self.frontend / name).rglob("*"))]
        digest = hashlib.sha256()
        for path in files:
            if path.is_file() and ".test." not in path.name:
                digest.update(str(path.relative_to(self.frontend)).encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    def _remove_old_builds(self) -> None:
        builds = sorted(self.build_folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in builds[_BUILDS_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)

    def _run(self, task: str, command: Sequence[str]) -> None:
        print(f"  {task}", flush=True)
        environment = os.environ | {"NEXT_TELEMETRY_DISABLED": "1", "NODE_ENV": "production"}
        result = subprocess.run(
            command,
            cwd=self.frontend,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            lines = "\n".join(result.stdout.strip().splitlines()[-_LINES_SHOWN:])
            raise LauncherError(f"{task} failed; ./start.sh --no-frontend does without\n{lines}")

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Let one process of this checkout install or build at a time."""
        with (self.frontend / ".build.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
