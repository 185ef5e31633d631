"""The platform as separate processes on free ports, each of which can be killed, stopped and started again."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil

from db.migrate import migrate
from launcher.postgres import EmbeddedPostgres
from launcher.valkey import EmbeddedValkey
from tests.harness.proxy import Proxy

BACKEND = Path(__file__).parents[2]
SERVICES = ("query", "processing", "processing-2", "ingestion", "gateway")
START_SECONDS = 60.0
MAX_SERVICE_BYTES = 600 * 2**20
RECLAIM_SECONDS = 2.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: It did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [probe.getsockname()[1] for probe in probes]


class Platform:
    """Real servers, real services, and a proxy before PostgreSQL and before the queue.

    Start stores from the main thread: they end with the thread that started them.
    """

    def __init__(self, folder: Path, *, postgres_folder: Path | None = None) -> None:
        self.folder = folder
        ports = _free_ports(10)
        # fsync guards against a crash of the machine, which no scenario here is about.
        settings = {"shared_buffers": "32MB", "fsync": "off", "max_wal_size": "64MB", "min_wal_size": "32MB"}
        self.postgres = EmbeddedPostgres(postgres_folder or folder / "postgres", ports[0], settings)
        self.valkey = EmbeddedValkey(folder / "valkey", ports[1], secrets.token_hex(16), maxmemory="256mb")
        self.cache = EmbeddedValkey(folder / "cache", ports[2], secrets.token_hex(16), appendfsync="no")
        self.ports = dict(zip(SERVICES, ports[3:8], strict=True))
        self._otlp_ports = ports[8:10]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # A workspace to which no scenario sends anything.
        self.bystander = ""
        self.database_proxy: Proxy
        self.queue_proxy: Proxy
        self._secrets = {
            name: secrets.token_urlsafe(40) for name in ("JWT_SECRET", "API_KEY_SALT", "INTERNAL_TOKEN_SECRET")
        }

    async def set_up(self) -> None:
        """Start the stores and migrate the databases."""
        self.postgres.start()
        self.valkey.start()
        self.cache.start()
        self.database_proxy = Proxy(self.postgres.port)
        self.queue_proxy = Proxy(self.valkey.port)
        for database in ("traces", "metadata"):
            self.postgres.create_database(database)
        await migrate(self.postgres.dsn("traces"), self.postgres.dsn("metadata"))

    def environment(self, service: str) -> dict[str, str]:
        """Return the environment of one service; the stores are reached through the proxies."""

        def proxied(url: str, port: int, proxy: int) -> str:
            return url.replace(f"127.0.0.1:{port}", f"127.0.0.1:{proxy}")

        port = self.postgres.port
        values = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(BACKEND),
            "TIMESCALE_URL": proxied(self.postgres.dsn("traces", tcp=True), port, self.database_proxy.port),
            "POSTGRES_URL": proxied(self.postgres.dsn("metadata", tcp=True), port, self.database_proxy.port),
            "REDIS_URL": proxied(self.valkey.url(tcp=True), self.valkey.port, self.queue_proxy.port),
            "REDIS_CACHE_URL": self.cache.url(tcp=True),
            "PROCESSING_PORT": str(self.ports[service] if service == "processing-2" else self.ports["processing"]),
            "OTLP_HTTP_PORT": str(self._otlp_ports[0]),
            "OTLP_GRPC_PORT": str(self._otlp_ports[1]),
            "SERVICE_NAME": service,
            "PROCESSING_MIN_IDLE_SECONDS": str(RECLAIM_SECONDS),
            "LOG_FORMAT": "json",
            **self._secrets,
        }
        for name in ("gateway", "ingestion", "query"):
            values[f"{name.upper()}_PORT"] = str(self.ports[name])
        for variable in ("COVERAGE_PROCESS_START", "COVERAGE_FILE"):
            if variable in os.environ:
                values[variable] = os.environ[variable]
        return values

    def url(self, service: str) -> str:
        """Return the address of a service."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def start(self, *services: str, extra: dict[str, str] | None = None) -> None:
        """Start services, all of them unless named, and wait until they are ready."""
        names = services or SERVICES
        for name in names:
            assert name not in self.processes, f"{name} is running"
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "shared.serve", name.partition("-")[0]],
                    cwd=BACKEND,
                    env=self.environment(name) | (extra or {}),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        for name in names:
            wait_until(lambda name=name: self.is_ready(name), f"{name} to become ready", START_SECONDS)  # type: ignore[misc]

    def is_ready(self, service: str) -> bool:
        """Return whether a service says that it is ready."""
        process = self.processes.get(service)
        assert process is None or process.poll() is None, f"{service} ended: {self.log(service)[-3000:]}"
        return self.status(service, "/ready") == 200

    def status(self, service: str, path: str) -> int:
        """Return the status of a GET without credential, 0 when nobody answers."""
        try:
            return httpx.get(self.url(service) + path, timeout=8).status_code
        except httpx.HTTPError:
            return 0

    def log(self, service: str) -> str:
        """Return everything a service has logged."""
        path = self.folder / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def signal(self, service: str, number: signal.Signals) -> None:
        """Send a signal to the whole process group of a service."""
        os.killpg(self.processes[service].pid, number)

    def kill(self, *services: str) -> None:
        """End services, all of them unless named, without warning."""
        for name in services or list(self.processes):
            process = self.processes.pop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def terminate(self, service: str, seconds: float = 30.0) -> int:
        """Ask a service to stop and return its exit code."""
        process = self.processes.pop(service)
        process.terminate()
        return process.wait(seconds)

    def kill_store(self, store: EmbeddedPostgres | EmbeddedValkey) -> None:
        """End a store without warning."""
        assert store.process is not None
        store.process.kill()
        store.process.wait(10)

    def register(self, name: str) -> tuple[str, str]:
        """Register a user with a workspace; return the workspace's id and an API key with all scopes."""
        with httpx.Client(base_url=self.url("gateway"), timeout=30) as client:
            answer = client.post(
                "/api/v1/auth/register",
                json={
                    "email": f"{name}-{secrets.token_hex(4)}@example.com",
                    "password": secrets.token_urlsafe(18),
                    "full_name": name,
                    "workspace_name": name,
                },
            )
            assert answer.status_code == 201, answer.text
            body = answer.json()
            key = client.post(
                "/api/v1/api-keys",
                json={"name": name, "scopes": ["ingest", "read", "admin"]},
                headers={"Authorization": f"Bearer {body['access_token']}"},
            )
            assert key.status_code == 201, key.text
            return body["workspace"]["id"], key.json()["key"]

    def resident_bytes(self) -> dict[str, int]:
        """Return the resident memory of each running service."""
        return {name: psutil.Process(process.pid).memory_info().rss for name, process in self.processes.items()}

    def tear_down(self) -> None:
        """End everything that this platform started."""
        for name in list(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.processes[name].pid, signal.SIGCONT)
        self.kill()
        self.database_proxy.close()
        self.queue_proxy.close()
        for store in (self.cache, self.valkey, self.postgres):
            with contextlib.suppress(Exception):
                store.stop()


@contextmanager
def frozen(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hold processes still, with all their children, and let them go on afterwards."""
    members = [member for process in processes for member in _family(process.pid)]
    for member in members:
        member.suspend()
    try:
        yield
    finally:
        for member in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.resume()


def _family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]
