"""The platform as ``start.sh`` runs it, in a folder and on ports of its own, for the length of a measurement."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
from launcher.deployment import ENV_FILE, Deployment
from launcher.environment import merged_environment
from launcher.programs import standard_ports

_START_SECONDS = 180


@dataclass(frozen=True)
class Account:
    """How to sign in to a platform that is kept."""

    email: str
    password: str


@dataclass
class Stack:
    """A running platform and what a measurement needs to know of it."""

    deployment: Deployment
    environment: dict[str, str]

    @property
    def gateway(self) -> str:
        """Address of the gateway."""
        return self.deployment.url(self.deployment.ports["GATEWAY_PORT"])

    @property
    def ingestion(self) -> str:
        """Address of the ingestion service."""
        return self.deployment.url(self.deployment.ports["INGESTION_PORT"])

    @property
    def query(self) -> str:
        """Address of the query service."""
        return self.deployment.url(self.deployment.ports["QUERY_PORT"])

    def setting(self, name: str) -> str:
        """Return a setting as the services see it, for example ``TIMESCALE_URL``."""
        return self.deployment.environment[name]

    async def status(self) -> list[dict[str, Any]]:
        """Return what ``status.sh --json`` says of each process."""
        process = await self._launcher("status", "--json", stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        processes: list[dict[str, Any]] = json.loads(output)["processes"]
        return processes

    async def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds that each program, with its children, has used so far."""
        used: dict[str, float] = {}
        for process in await self.status():
            if not process.get("pid"):
                continue
            parent = psutil.Process(process["pid"])
            if process["name"] == "supervisord":
                # Its children are the others.
                own = parent.cpu_times()
                used[process["name"]] = own.user + own.system
                continue
            total = 0.0
            for member in [parent, *parent.children(recursive=True)]:
                try:
                    times = member.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                total += times.user + times.system
            times = parent.cpu_times()
            used[process["name"]] = total + times.children_user + times.children_system
        return used

    async def credentials(self) -> str:
        """Register a user with a workspace of its own and return a new API key of it."""
        async with httpx.AsyncClient(base_url=self.gateway, timeout=30) as client:
            name = f"bench-{secrets.token_hex(6)}"
            answer = await client.post(
                "/api/v1/auth/register",
                json={
                    "email": f"{name}@example.com",
                    "password": secrets.token_urlsafe(18),
                    "full_name": "Load generator",
                    "workspace_name": name,
                },
            )
            answer.raise_for_status()
        return await self.create_key({"Authorization": f"Bearer {answer.json()['access_token']}"})

    async def create_key(self, headers: Mapping[str, str]) -> str:
        """Return a new API key, which may send and read, of the workspace of a session with these headers."""
        async with httpx.AsyncClient(base_url=self.gateway, timeout=30) as client:
            answer = await client.post(
                "/api/v1/api-keys", json={"name": "load", "scopes": ["ingest", "read"]}, headers=dict(headers)
            )
            answer.raise_for_status()
            return str(answer.json()["key"])

    async def register(self, workspaces: int) -> tuple[Account, list[int]]:
        """Register a user who owns so many workspaces, and return its account and the numbers of the workspaces."""
        name = f"bench-{secrets.token_hex(6)}"
        account = Account(f"{name}@example.com", secrets.token_urlsafe(18))
        async with httpx.AsyncClient(base_url=self.gateway, timeout=30) as client:
            answer = await client.post(
                "/api/v1/auth/register",
                json={**asdict(account), "full_name": "Load generator", "workspace_name": name},
            )
            answer.raise_for_status()
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            listed = [answer.json()["workspace"]["id"]]
            for number in range(1, workspaces):
                answer = await client.post("/api/v1/workspaces", json={"name": f"{name}-{number}"}, headers=headers)
                answer.raise_for_status()
                listed.append(answer.json()["data"]["id"])
        connection = await asyncpg.connect(self.setting("POSTGRES_URL"))
        try:
            rows = await connection.fetch(
                "select workspace_id::text as id, number from workspaces where workspace_id = any($1::uuid[])", listed
            )
        finally:
            await connection.close()
        numbers = {row["id"]: row["number"] for row in rows}
        return account, [numbers[workspace] for workspace in listed]

    async def sign_in(self, account: Account) -> dict[str, str]:
        """Return the header of a session of an account, in the workspace that it registered with."""
        async with httpx.AsyncClient(base_url=self.gateway, timeout=30) as client:
            answer = await client.post("/api/v1/auth/login", json=asdict(account))
            answer.raise_for_status()
            return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def _launcher(self, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "launcher", *arguments, env=self.environment, **options
        )

    async def start(self) -> None:
        """Start everything and wait until it is ready.

        Raises:
            RuntimeError: It did not become ready.
        """
        process = await self._launcher("up", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _ = await asyncio.wait_for(process.communicate(), _START_SECONDS)
        if process.returncode:
            raise RuntimeError(f"the platform did not start:\n{output.decode()}")

    async def stop(self) -> None:
        """Stop everything."""
        process = await self._launcher("down", stdout=asyncio.subprocess.DEVNULL)
        await process.wait()


def free_ports(number: int) -> list[int]:
    """Return so many TCP ports that nobody listens on."""
    # All are held until the last is known, so that none is given twice.
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(probe.getsockname()[1]) for probe in probes]


@asynccontextmanager
async def running_stack(
    settings: Mapping[str, str] | None = None, *, folder: Path | None = None
) -> AsyncIterator[Stack]:
    """Run the platform with default settings, apart from those given.

    Args:
        settings: Environment variables that replace the defaults.
        folder: Where its data are and stay; one of its own, removed afterwards, unless given.
    """
    is_kept = folder is not None
    folder = folder or Path(tempfile.mkdtemp(prefix="agentobs-bench-"))
    # The database runs under an account of its own when root starts it.
    folder.chmod(0o755)
    ports = {name: str(port) for name, port in zip(standard_ports(), free_ports(len(standard_ports())), strict=True)}
    own = {**os.environ, **ports, "AGENTOBS_DATA_DIR": str(folder), **(settings or {})}
    deployment = Deployment(merged_environment(ENV_FILE, own))
    stack = Stack(deployment, own)
    try:
        await stack.start()
        yield stack
    finally:
        await stack.stop()
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)
