import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingestion.tests.conftest import SECRETS, Queue
from shared.tests.otlp.messages import span, traces

BACKEND = Path(__file__).parents[2]
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def ports() -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    try:
        return [int(listener.getsockname()[1]) for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


@pytest.fixture
def process(metadata_url: str, redis_url: str, ports: list[int]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(BACKEND),
        "TIMESCALE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "POSTGRES_URL": metadata_url,
        "REDIS_URL": redis_url,
        **dict(zip(("INGESTION_PORT", "OTLP_HTTP_PORT", "OTLP_GRPC_PORT"), map(str, ports), strict=True)),
        **{name.upper(): value for name, value in SECRETS.items()},
    }
    running = subprocess.Popen([sys.executable, "-m", "shared.serve", "ingestion"], cwd=BACKEND, env=environment)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


async def test_F41_what_was_acknowledged_under_SIGTERM_is_in_the_queue(
    process: subprocess.Popen[bytes], ports: list[int], key: str, queue: Queue
) -> None:
    acknowledged: list[str] = []

    async def flood(client: httpx.AsyncClient, port: int) -> None:
        body = traces(span()).SerializeToString()
        while True:
            try:
                answer = await client.post(f"http://127.0.0.1:{port}/v1/traces", content=body, headers=PROTOBUF)
            except httpx.TransportError:
                return
            assert answer.status_code in (200, 503)
            if answer.status_code == 200:
                acknowledged.append(answer.headers["x-receipt-id"])

    async with httpx.AsyncClient(headers={"X-API-Key": key}, timeout=10) as client:
        async with asyncio.timeout(30):
            while not await _is_ready(client, ports[0]):
                await asyncio.sleep(0.1)
        load = asyncio.gather(*(flood(client, ports[number % 2]) for number in range(8)))
        while len(acknowledged) < 50:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        await load
    assert await asyncio.to_thread(process.wait, 20) in (0, -signal.SIGTERM)
    assert set(acknowledged) <= {accepted.request.receipt_id for accepted in await queue.requests()}


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200
    except httpx.TransportError:
        return False
