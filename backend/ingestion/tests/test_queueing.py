import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from ingestion.app.admission import UnsafeQueueError
from ingestion.app.publisher import ALONE_BYTES, MAX_ENTRY_REQUESTS, Publisher
from ingestion.tests.conftest import Queue, client_of
from launcher.valkey import EmbeddedValkey
from shared.errors import UnavailableError
from shared.streams.contracts import PendingRequest, pending_streams
from shared.streams.queue import PendingQueue
from shared.tests.otlp.messages import span, traces

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def receipt_of(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def pending(name: str) -> PendingRequest:
    return PendingRequest(
        receipt_id=receipt_of(name),
        workspace_id=1,
        workspace="11111111-1111-4111-8111-111111111111",
        received_at=1,
        format="flat",
        size=0,
        received=1,
        retention_days=90,
    )


@pytest.fixture
def configured(valkey_server: EmbeddedValkey, redis_url: str) -> Iterator[SyncRedis]:
    """Yield a client for changing the queue server's settings, which are put back afterwards."""
    with SyncRedis.from_url(redis_url) as client:
        names = ("maxmemory", "maxmemory-policy", "appendonly")
        before = {name: client.config_get(name)[name] for name in names}
        yield client
        for name, value in before.items():
            client.config_set(name, value)


async def send(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post("/v1/traces", content=traces(span(**fields)).SerializeToString(), headers=PROTOBUF)


class TestGroupCommit:
    @pytest.fixture
    async def pending_queue(self, redis_url: str) -> AsyncIterator[PendingQueue]:
        async with Redis.from_url(redis_url) as client:
            yield PendingQueue(client, pending_streams(1))

    async def test_requests_that_come_together_share_an_entry(self, pending_queue: PendingQueue, queue: Queue) -> None:
        publisher = Publisher(pending_queue, lambda _, __: None)
        bodies = {f"r{number}": f"body {number}".encode() for number in range(600)}
        await asyncio.gather(*(publisher.publish(pending(name), body) for name, body in bodies.items()))
        entries = await queue.entries()
        assert [len(entry) for entry in entries] == [
            MAX_ENTRY_REQUESTS,
            MAX_ENTRY_REQUESTS,
            600 - 2 * MAX_ENTRY_REQUESTS,
        ]
        found = {item.request.receipt_id: item.body for entry in entries for item in entry}
        assert found == {receipt_of(name): body for name, body in bodies.items()}

    async def test_a_large_body_goes_alone(self, pending_queue: PendingQueue, queue: Queue) -> None:
        publisher = Publisher(pending_queue, lambda _, __: None)
        large = bytes(ALONE_BYTES)
        await asyncio.gather(publisher.publish(pending("small"), b"x"), publisher.publish(pending("large"), large))
        assert sorted(len(entry) for entry in await queue.entries()) == [1, 1]

    async def test_nobody_is_answered_before_the_entry_is_written(self, pending_queue: PendingQueue) -> None:
        release = asyncio.Event()
        append = pending_queue.append

        async def slow(*arguments: Any) -> bytes:
            await release.wait()
            return await append(*arguments)

        pending_queue.append = slow  # type: ignore[method-assign, assignment]
        publisher = Publisher(pending_queue, lambda _, __: None)
        tasks = [asyncio.create_task(publisher.publish(pending(str(number)), b"x")) for number in range(5)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in tasks)
        release.set()
        await asyncio.gather(*tasks)

    async def test_F02_a_failed_append_fails_all_of_its_callers_and_none_after(
        self, pending_queue: PendingQueue, queue: Queue
    ) -> None:
        append, failures = pending_queue.append, [RedisConnectionError("gone")]

        async def flaky(*arguments: Any) -> bytes:
            if failures:
                raise failures.pop()
            return await append(*arguments)

        pending_queue.append = flaky  # type: ignore[method-assign, assignment]
        publisher = Publisher(pending_queue, lambda _, __: None)
        first = await asyncio.gather(
            *(publisher.publish(pending(str(number)), b"x") for number in range(3)), return_exceptions=True
        )
        assert [type(result) for result in first] == [UnavailableError] * 3
        await publisher.publish(pending("later"), b"y")
        assert (await queue.one()).request.receipt_id == receipt_of("later")

    async def test_F41_closing_waits_for_what_is_under_way(self, pending_queue: PendingQueue, queue: Queue) -> None:
        publisher = Publisher(pending_queue, lambda _, __: None)
        tasks = [asyncio.create_task(publisher.publish(pending(str(number)), b"x")) for number in range(20)]
        await asyncio.sleep(0)
        await publisher.close()
        await asyncio.gather(*tasks)
        assert len(await queue.requests()) == 20

    async def test_shards_take_turns(self, redis_url: str) -> None:
        async with Redis.from_url(redis_url) as client:
            publisher = Publisher(PendingQueue(client, pending_streams(3)), lambda _, __: None)
            for number in range(6):
                await publisher.publish(pending(str(number)), b"x")
            assert [await client.xlen(stream) for stream in pending_streams(3)] == [2, 2, 2]


class TestAdmission:
    async def test_F17_a_backlog_at_its_bound_is_refused_and_recovers(
        self, start_app: Any, key: str, queue: Queue
    ) -> None:
        app = await start_app(max_backlog_entries=5)
        async with client_of(app, key) as client:
            answers = [await send(client) for _ in range(12)]
            statuses = [answer.status_code for answer in answers]
            assert statuses == [200] * 5 + [503] * 7
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 5
            assert (await client.get("/ready")).status_code == 200
            assert len(await queue.requests()) == 5
            await queue.client.delete("traces:pending", "traces:pending:backlog")
            await until_accepted(client)

    async def test_F17_the_bound_in_bytes(self, start_app: Any, key: str) -> None:
        app = await start_app(max_backlog_bytes=2000)
        async with client_of(app, key) as client:
            statuses = {(await send(client, name=f"{number:x}" * 9)).status_code for number in range(60)}
            assert statuses == {200, 503}

    async def test_F16_a_full_server_is_answered_with_503(
        self, start_app: Any, key: str, configured: SyncRedis
    ) -> None:
        app = await start_app()
        async with client_of(app, key) as client:
            assert (await send(client)).status_code == 200
            configured.config_set("maxmemory", configured.info("memory")["used_memory"] - 100_000)
            answer = await send(client)
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            configured.config_set("maxmemory", "0")
            await until_accepted(client)

    @pytest.mark.parametrize("environment", ["development", "production"])
    async def test_F16_an_evicting_server_is_refused(
        self, start_app: Any, configured: SyncRedis, environment: str
    ) -> None:
        configured.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(UnsafeQueueError, match="maxmemory-policy"):
            await start_app(environment=environment)

    async def test_a_server_without_append_only_file_is_refused_in_production(
        self, start_app: Any, configured: SyncRedis
    ) -> None:
        configured.config_set("appendonly", "no")
        with pytest.raises(UnsafeQueueError, match="append-only"):
            await start_app(environment="production")
        app = await start_app(environment="development")
        async with client_of(app, None) as client:
            assert (await client.get("/health")).json()["queue"]["appendonly"] == "no"

    async def test_F16_a_server_that_starts_to_evict_is_no_longer_written_to(
        self, start_app: Any, key: str, configured: SyncRedis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ingestion.app.admission._CHECK_POLLS", 1)
        app = await start_app()
        async with client_of(app, key) as client:
            configured.config_set("maxmemory-policy", "allkeys-lru")
            async with asyncio.timeout(10):
                while (await send(client)).status_code != 503:
                    await asyncio.sleep(0.05)
            assert (await client.get("/ready")).status_code == 503

    async def test_health_shows_what_an_acknowledgement_is_worth(self, client: httpx.AsyncClient) -> None:
        facts = (await client.get("/health")).json()["queue"]
        assert facts == {"appendonly": "yes", "appendfsync": "no", "maxmemory_policy": "noeviction"}

    async def test_the_service_starts_while_the_queue_is_away(self, start_app: Any, key: str) -> None:
        app = await start_app(redis_url="redis://127.0.0.1:1/0")
        async with client_of(app, key) as client:
            assert (await send(client)).status_code == 503
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/health")).status_code == 200

    async def test_F10_a_hanging_queue_is_answered_with_503_and_recovers(
        self, start_app: Any, key: str, valkey_server: EmbeddedValkey
    ) -> None:
        app = await start_app()
        assert valkey_server.process is not None
        async with client_of(app, key) as client:
            assert (await send(client)).status_code == 200
            valkey_server.process.send_signal(signal.SIGSTOP)
            try:
                answers = await asyncio.gather(*(send(client) for _ in range(20)))
                assert {answer.status_code for answer in answers} == {503}
                assert (await client.get("/health")).status_code == 200
            finally:
                valkey_server.process.send_signal(signal.SIGCONT)
            await until_accepted(client)

    async def test_metrics_show_the_backlog(self, client: httpx.AsyncClient) -> None:
        await send(client)
        await asyncio.sleep(0.6)
        text = (await client.get("/metrics")).text
        assert 'stream_backlog{service="ingestion",stream="traces:pending",unit="entries"} 1.0' in text
        assert 'ingestion_items_total{format="otlp_traces"}' in text


class TestQuota:
    async def test_spans_beyond_the_quota_are_refused(self, start_app: Any, key: str, queue: Queue) -> None:
        app = await start_app(ingest_spans_per_minute=20)
        async with client_of(app, key) as client:
            body = traces(*[span()] * 8).SerializeToString()
            answers = [await client.post("/v1/traces", content=body, headers=PROTOBUF) for _ in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
            assert answers[0].headers["x-ratelimit-limit"] == "20"
            assert answers[1].headers["x-ratelimit-remaining"] == "4"
            assert int(answers[2].headers["retry-after"]) >= 1
            assert answers[2].headers["x-ratelimit-reset"]
            assert len(await queue.requests()) == 2

    async def test_flat_traces_count_as_well(self, start_app: Any, key: str) -> None:
        app = await start_app(ingest_spans_per_minute=5_000)
        async with client_of(app, key) as client:
            remaining = []
            for number in range(8):
                answer = await client.post("/api/v1/traces", json={"trace_id": str(number), "agent_id": "a"})
                remaining.append(int(answer.headers["x-ratelimit-remaining"]))
        # What is taken ahead lasts for six; the bucket fills up meanwhile.
        assert remaining[:6] == [4_999, 4_998, 4_997, 4_996, 4_995, 4_994]
        assert max(remaining) < 5_000

    async def test_S54_all_keys_of_a_workspace_share_its_quota(
        self, start_app: Any, workspace: Any, queue: Queue
    ) -> None:
        app = await start_app(ingest_spans_per_minute=4)
        statuses = []
        for _ in range(6):
            async with client_of(app, await workspace.add_key("ingest")) as client:
                statuses.append((await send(client)).status_code)
        assert statuses == [200] * 4 + [429] * 2


class TestIdempotency:
    async def test_the_same_key_gives_the_same_answer_once(self, client: httpx.AsyncClient, queue: Queue) -> None:
        headers = {**PROTOBUF, "Idempotency-Key": "attempt-1"}
        body = traces(span()).SerializeToString()
        first, second = [await client.post("/v1/traces", content=body, headers=headers) for _ in range(2)]
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.headers["x-receipt-id"] == second.headers["x-receipt-id"]
        assert len(await queue.requests()) == 1
        other = await client.post("/v1/traces", content=traces(span(name="x")).SerializeToString(), headers=headers)
        assert other.status_code == 422


async def test_last_use_of_keys_is_written_at_the_latest_when_stopping(
    app: Any, client: httpx.AsyncClient, workspace: Any
) -> None:
    await send(client)
    await app.state.authenticator._keys.write_last_used()
    connection = await asyncpg.connect(workspace.url)
    try:
        assert await connection.fetchval("select last_used_at from api_keys") is not None
    finally:
        await connection.close()


async def until_accepted(client: httpx.AsyncClient) -> None:
    """Send until the queue takes a request again."""
    async with asyncio.timeout(15):
        while (await send(client)).status_code != 200:
            await asyncio.sleep(0.1)
