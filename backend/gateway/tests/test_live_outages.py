"""Live events while Redis is away, and when the gateway stops."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from gateway.app.main import create_app
from gateway.tests.conftest import SettingsFactory
from gateway.tests.sockets import Stage, Watcher, staged
from launcher.valkey import EmbeddedValkey
from shared.serve import listen
from shared.streams.events import add_event, publish_event

BACKEND = Path(__file__).parents[2]


@pytest.fixture
async def stage(make_settings: SettingsFactory, redis_url: str) -> AsyncIterator[Stage]:
    async with staged(create_app(make_settings(live_sockets_per_credential=1_000)), redis_url) as stage:
        yield stage


async def test_F08_a_broken_subscription_loses_nothing(stage: Stage) -> None:
    owner, other = await stage.register(), await stage.register()
    watchers = [(await stage.watch(account))[0] for account in (owner, owner, other)]
    for number in range(5):
        # Within one transaction, so that what follows is published while nobody listens.
        async with stage.redis.pipeline(transaction=True) as pipeline:
            pipeline.execute_command("CLIENT KILL", "TYPE", "pubsub")
            for account in (owner, other):
                add_event(pipeline, account.workspace_id, "alert.changed", {"n": number})
            await pipeline.execute()
        for watcher in watchers:
            frames = [await watcher.frame() for _ in range(3)]
            assert sorted(frame["event"] for frame in frames) == ["alert.changed", "degraded", "recovered"]
            assert [frame["event"] for frame in frames].index("degraded") == 0
            assert next(frame for frame in frames if frame["event"] == "alert.changed")["data"] == {"n": number}
    await publish_event(stage.redis, owner.workspace_id, "prices.changed", {})
    assert (await watchers[0].frame())["event"] == "prices.changed"


@pytest.fixture
def queue_server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    server = EmbeddedValkey(tmp_path / "queue", port, secrets.token_hex(16), appendfsync="no")
    server.start()
    yield server
    server.stop()


async def test_F08_sockets_outlive_redis(
    make_settings: SettingsFactory, redis_url: str, queue_server: EmbeddedValkey
) -> None:
    settings = make_settings(redis_url=queue_server.url(), redis_cache_url=redis_url)
    async with staged(create_app(settings), queue_server.url()) as stage:
        owner = await stage.register()
        early, ready = await stage.watch(owner)
        await stage.publish(owner.workspace_id, "before")
        last = (await early.frame())["id"]
        assert queue_server.process is not None
        os.killpg(os.getpgid(queue_server.process.pid), signal.SIGKILL)
        queue_server.process.wait()
        assert (await early.frame())["event"] == "degraded"
        late = await stage.open(owner.workspace_id, await stage.ticket(owner.headers), last=ready["id"])
        first = [(await late.frame())["event"] for _ in range(3)]
        assert sorted(first) == ["degraded", "ready", "resync"]
        queue_server.start()
        await early.frame_of("recovered")
        await late.frame_of("recovered")
        await stage.publish(owner.workspace_id, "after")
        for watcher in (early, late):
            assert (await watcher.frame_of("traces.stored"))["data"]["trace_ids"] == ["after"]
        again, ready = await stage.watch(owner, last=last)
        assert ready["data"]["resumed"]
        assert (await again.frame())["data"]["trace_ids"] == ["after"]


async def test_a_message_of_nobody_disturbs_nobody(stage: Stage) -> None:
    owner = await stage.register()
    watcher, _ = await stage.watch(owner)
    for message in (b"", b"{", b"[]", b'{"id":"x","event":"e","data":{}}', b'{"id":"1-1"}', b"null"):
        await stage.redis.publish(f"ws:{owner.workspace_id}", message)
    await stage.publish(owner.workspace_id, "good")
    assert (await watcher.frame())["data"]["trace_ids"] == ["good"]


async def test_G10_at_stop_sockets_are_closed_one_after_the_other(
    make_settings: SettingsFactory, redis_url: str, metadata_url: str, stage: Stage
) -> None:
    settings = make_settings()
    owner = await stage.register()
    with listen("127.0.0.1", 0) as probe:
        port = int(probe.getsockname()[1])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(BACKEND),
        "TIMESCALE_URL": metadata_url,
        "POSTGRES_URL": metadata_url,
        "REDIS_URL": redis_url,
        "GATEWAY_PORT": str(port),
        "LIVE_CLOSE_SECONDS": "1.5",
        "LOG_LEVEL": "WARNING",
        **{
            name.upper(): getattr(settings, name).get_secret_value()
            for name in ("jwt_secret", "api_key_salt", "internal_token_secret")
        },
    }
    for variable in ("COVERAGE_PROCESS_START", "COVERAGE_FILE"):
        if variable in os.environ:
            environment[variable] = os.environ[variable]
    process = subprocess.Popen([sys.executable, "-m", "shared.serve", "gateway"], cwd=BACKEND, env=environment)
    try:
        watchers = []
        for _ in range(20):
            stage.port = port
            ticket = await stage.ticket(owner.headers)
            for _ in range(300):
                with suppress(aiohttp.ClientConnectorError):
                    watchers.append(await stage.open(owner.workspace_id, ticket))
                    break
                await asyncio.sleep(0.1)
            assert (await watchers[-1].frame())["event"] == "ready"
        process.send_signal(signal.SIGTERM)

        async def closed(watcher: Watcher) -> tuple[int | None, float]:
            return await watcher.close_code(), time.monotonic()

        ends = await asyncio.gather(*(closed(watcher) for watcher in watchers))
        assert [code for code, _ in ends] == [1012] * 20
        moments = sorted(moment for _, moment in ends)
        assert moments[-1] - moments[0] > 0.5
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        process.wait()
