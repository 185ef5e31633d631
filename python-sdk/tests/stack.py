"""The platform as its users start it, with an empty data folder and ports of its own."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
# Settings under which a checkout's own .env would lead to somebody's data.
_ELSEWHERE = (
    "TIMESCALE_URL", "TIMESCALE_READ_URL", "POSTGRES_URL", "REDIS_URL", "REDIS_CACHE_URL", "LOG_DIR", "SETUP_TOKEN",
)  # fmt: skip


class Platform:
    """A running platform, or with AGENTOBS_TEST_GATEWAY the one that is named, which is left alone."""

    def __init__(self) -> None:
        self.gateway = os.environ.get("AGENTOBS_TEST_GATEWAY", "").rstrip("/")
        self._folder: Path | None = None
        self._environment: dict[str, str] = {}

    @property
    def is_own(self) -> bool:
        return self._folder is not None

    def start(self) -> None:
        if self.gateway and not self.is_own:
            return
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="agentobs-sdk-"))
            # The database runs under an account of its own when root starts it.
            self._folder.chmod(0o755)
            ports = _free_ports()
            self._environment = {
                **os.environ,
                **dict.fromkeys(_ELSEWHERE, ""),
                **ports,
                "AGENTOBS_DATA_DIR": str(self._folder),
                "BIND_HOST": "127.0.0.1",
                "ENVIRONMENT": "development",
                "REGISTRATION": "open",
            }
            self.gateway = f"http://127.0.0.1:{ports['GATEWAY_PORT']}"
        self._run("./start.sh", "--no-frontend")

    def stop(self) -> None:
        if self.is_own:
            self._run("./stop.sh")

    def kill(self) -> None:
        """Kill every process of the platform, databases too, as a power cut would end them."""
        status = subprocess.run(
            ("./status.sh", "--json"), cwd=PROJECT, env=self._environment, stdout=subprocess.PIPE, check=False
        )
        processes = json.loads(status.stdout)["processes"]
        # What starts others again goes first.
        for process in sorted(processes, key=lambda one: one["name"] != "supervisord"):
            if process.get("pid"):
                os.kill(process["pid"], signal.SIGKILL)

    def remove(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, cwd=PROJECT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout.decode()}")

    def new_workspace(self) -> "Workspace":
        """Register a user with a workspace of its own and return it with a key that may send and read."""
        name = f"sdk-{secrets.token_hex(6)}"
        registered = self.ask(
            "POST",
            "/api/v1/auth/register",
            {
                "email": f"{name}@example.com",
                "password": secrets.token_urlsafe(18),
                "full_name": "Sender",
                "workspace_name": name,
            },
        )
        created = self.ask(
            "POST",
            "/api/v1/api-keys",
            {"name": "sdk", "scopes": ["ingest", "read"]},
            token=registered["access_token"],
        )
        return Workspace(self, created["key"], registered["access_token"])

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        request = urllib.request.Request(
            self.gateway + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


class Workspace:
    """A workspace, its key, and what is in it."""

    def __init__(self, platform: Platform, key: str, token: str) -> None:
        self.platform = platform
        self.key = key
        self.token = token

    def get(self, path: str) -> Any:
        answer = self.platform.ask("GET", path, token=self.key)
        return answer["data"] if isinstance(answer, dict) and "data" in answer else answer

    def health(self) -> Any:
        return self.get("/api/v1/ingestion/health?range=24h")

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the spans of a trace, as the platform shows them, by start."""
        spans: list[dict[str, Any]] = self.get(f"/api/v1/traces/{trace_id}/spans?limit=500")
        return spans

    def traces(self, limit: int = 100) -> list[dict[str, Any]]:
        traces: list[dict[str, Any]] = self.get(f"/api/v1/traces?limit={limit}&range=24h")
        return traces

    def count_spans(self) -> int:
        """Return how many spans the platform shows, all traces together."""
        total = 0
        cursor: str | None = None
        while True:
            path = "/api/v1/traces?limit=1000&range=24h" + (f"&cursor={cursor}" if cursor else "")
            page = self.platform.ask("GET", path, token=self.key)
            total += sum(int(trace["span_count"]) for trace in page["data"])
            cursor = page["pagination"]["cursor"]
            if not cursor:
                return total

    def reported(self, created: int, seconds: float = 30) -> Any:
        """Return the sums of what clients reported, once they speak of so many items or after so long."""
        deadline = time.monotonic() + seconds
        while True:
            reported = self.health()["client_reported"]
            if reported["created"] >= created or time.monotonic() > deadline:
                return reported
            time.sleep(0.2)


def _free_ports() -> dict[str, str]:
    template = (PROJECT / ".env.example").read_text()
    names = [line.partition("=")[0] for line in template.splitlines() if line.partition("=")[0].endswith("_PORT")]
    while True:
        first = 15_000 + secrets.randbelow(15_000)
        if all(_is_free(first + offset) for offset in range(len(names))):
            return {name: str(first + offset) for offset, name in enumerate(names)}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
