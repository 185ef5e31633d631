"""Answers that are kept: whose they are, when they end, and what happens when many ask or Redis is away."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from redis.asyncio import Redis

from query.app.cache import ResultCache
from query.app.windows import Window
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, Api, calling, headers_of, make_settings
from shared.auth.context import AuthContext
from shared.changes import note_changes
from shared.redis import RedisBatcher, connect
from shared.testing.traces import recently, store_trace

KPIS = "/api/v1/metrics/home-kpis"


@pytest.fixture
async def cached(traces_url: str, redis_url: str) -> AsyncIterator[Api]:
    async with calling(make_settings(traces_url).model_copy(update={"redis_url": redis_url})) as api:
        yield api


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    redis = connect(redis_url)
    yield redis
    await redis.aclose()


async def changed(client: Redis, workspace: int, *days: date) -> None:
    async with client.pipeline(transaction=False) as pipeline:
        note_changes(pipeline, workspace, days)
        await pipeline.execute()


def closed_range(days_ago: int) -> dict[str, str]:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    return {"from": (end - timedelta(hours=3)).isoformat(), "to": end.isoformat()}


async def requests_of(api: Api, params: dict[str, str], **options: Any) -> tuple[float, bool]:
    body = await api.read(KPIS, params, **options)
    return body["data"]["requests"]["value"], body["meta"]["cached"]


async def test_an_answer_is_kept_until_a_day_of_it_changes(
    cached: Api, client: Redis, database: asyncpg.Connection
) -> None:
    params = closed_range(2)
    end = datetime.fromisoformat(params["to"])
    await store_trace(database, WORKSPACE, "first", start_time=end - timedelta(hours=1))
    assert await requests_of(cached, params) == (1, False)
    assert await requests_of(cached, params) == (1, True)
    await store_trace(database, WORKSPACE, "late", start_time=end - timedelta(hours=2))
    # Another day and another workspace change nothing.
    await changed(client, WORKSPACE, (end + timedelta(days=2)).date())
    await changed(client, OTHER_WORKSPACE, end.date(), (end - timedelta(hours=2)).date())
    assert await requests_of(cached, params) == (1, True)
    await changed(client, WORKSPACE, (end - timedelta(hours=2)).date())
    assert await requests_of(cached, params) == (2, False)
    assert await requests_of(cached, params) == (2, True)


async def test_S06_an_answer_belongs_to_a_workspace_a_permission_and_a_question(
    cached: Api, database: asyncpg.Connection
) -> None:
    await store_trace(database, WORKSPACE, "mine", environment="production")
    await store_trace(database, OTHER_WORKSPACE, "theirs-1")
    await store_trace(database, OTHER_WORKSPACE, "theirs-2")
    for _ in range(2):
        assert (await requests_of(cached, {}))[0] == 1
        assert (await requests_of(cached, {}, workspace=OTHER_WORKSPACE))[0] == 2
        assert (await requests_of(cached, {"environment": "staging"}))[0] == 0
    admin = await cached.get(KPIS, headers=headers_of(WORKSPACE, role="admin"))
    assert admin.json()["meta"]["cached"] is False
    assert (await cached.get(KPIS, headers=headers_of(WORKSPACE, role="admin"))).json()["meta"]["cached"] is True


async def test_F47_cancelled_readers_of_many_workspaces_get_and_leave_the_right_answers(redis_url: str) -> None:
    """Clients that leave at random must not make the cache hand an answer to somebody else."""
    pick = random.Random(47)
    redis = connect(redis_url, connections=4)
    cache = ResultCache(RedisBatcher(redis))
    window = _last_hour()
    callers = [_caller(number) for number in range(1, 51)]

    async def ask(caller: AuthContext) -> None:
        async def load() -> object:
            await asyncio.sleep(pick.uniform(0, 0.004))
            return {"workspace": caller.workspace_number}

        data, _ = await cache.answer(caller, "kpis", {"n": pick.randrange(3)}, window, load)
        seen.append((caller.workspace_number, data))

    seen: list[tuple[int, Any]] = []
    for _ in range(20):
        tasks = [asyncio.create_task(ask(pick.choice(callers))) for _ in range(60)]
        await asyncio.sleep(pick.uniform(0, 0.01))
        for task in pick.sample(tasks, 25):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [error for error in results if isinstance(error, Exception)]
    assert len(seen) > 300
    for number, data in seen:
        assert _text(data) == f'{{"workspace":{number}}}'
    await redis.aclose()


async def test_F48_many_waiters_cost_one_computation(redis_url: str) -> None:
    """A hot key that is gone is computed once, by one of two processes that share Redis, however many wait for it."""
    clients = [connect(redis_url), connect(redis_url)]
    caches = [ResultCache(RedisBatcher(client)) for client in clients]
    computed = 0

    async def load() -> object:
        nonlocal computed
        computed += 1
        await asyncio.sleep(0.05)
        return {"n": 1}

    caller, window = _caller(1), _last_hour()
    for _ in range(3):
        computed = 0
        await clients[0].flushall()
        answers = await asyncio.gather(
            *(caches[number % 2].answer(caller, "hot", {}, window, load) for number in range(500))
        )
        assert {_text(data) for data, _ in answers} == {'{"n":1}'}
        assert computed == 1
    for client in clients:
        await client.aclose()


async def test_F48_who_looked_just_before_another_finished_computes_nothing(redis_url: str) -> None:
    clients = [connect(redis_url), connect(redis_url)]
    looked, finished = asyncio.Event(), asyncio.Event()

    class Late(RedisBatcher):
        def read(self, *command: Any) -> asyncio.Future[Any]:
            return asyncio.ensure_future(self._read_late(super().read(*command)))

        async def _read_late(self, answer: asyncio.Future[Any]) -> Any:
            found = await answer
            if not looked.is_set():
                looked.set()
                await finished.wait()
            return found

    async def load() -> object:
        return {"n": 1}

    async def never() -> object:
        pytest.fail("the answer was there")

    caller, window = _caller(1), _last_hour()
    late = asyncio.create_task(ResultCache(Late(clients[0])).answer(caller, "hot", {}, window, never))
    await looked.wait()
    await ResultCache(RedisBatcher(clients[1])).answer(caller, "hot", {}, window, load)
    finished.set()
    data, _ = await late
    assert _text(data) == '{"n":1}'
    for client in clients:
        await client.aclose()


async def test_F48_flushing_redis_under_load_costs_few_questions_to_the_database(
    cached: Api, client: Redis, database: asyncpg.Connection
) -> None:
    await store_trace(database, WORKSPACE, "one")
    count = (
        "select coalesce(sum(xact_commit + xact_rollback), 0) from pg_stat_database where datname = current_database()"
    )
    await requests_of(cached, {})
    before = await database.fetchval(count)
    for _ in range(3):
        await client.flushall()
        answers = await asyncio.gather(*(requests_of(cached, {}) for _ in range(150)))
        assert {value for value, _ in answers} == {1}
    async with asyncio.timeout(10):
        # Backends report what they did with a delay.
        while await database.fetchval(count) == before:
            await asyncio.sleep(0.1)
    assert await database.fetchval(count) - before < 60


async def test_without_redis_answers_are_computed(traces_url: str, database: asyncpg.Connection) -> None:
    await store_trace(database, WORKSPACE, "one")
    async with calling(make_settings(traces_url)) as api:
        for _ in range(3):
            assert await requests_of(api, {}) == (1, False)


async def test_a_computation_that_fails_is_not_kept(redis_url: str) -> None:
    redis = connect(redis_url)
    cache = ResultCache(RedisBatcher(redis))
    caller, window = _caller(1), _last_hour()

    async def fail() -> object:
        raise ValueError("no figures")

    async def work() -> object:
        return {"n": 2}

    with pytest.raises(ValueError, match="no figures"):
        await cache.answer(caller, "x", {}, window, fail)
    data, cached = await cache.answer(caller, "x", {}, window, work)
    assert (_text(data), cached) == ('{"n":2}', False)
    await redis.aclose()


async def test_S13_requests_of_many_users_at_once_do_not_mix(cached: Api, database: asyncpg.Connection) -> None:
    counts = {WORKSPACE: 3, OTHER_WORKSPACE: 5}
    for workspace, number in counts.items():
        for index in range(number):
            await store_trace(database, workspace, f"{workspace}-{index}", start_time=recently())
    pick = random.Random(13)

    async def ask() -> None:
        workspace = pick.choice(list(counts))
        role = pick.choice(["owner", "admin", "viewer"])
        params = {"environment": "production"} if pick.random() < 0.2 else {"range": pick.choice(["1h", "24h", "7d"])}
        answer: httpx.Response = await cached.get(KPIS, params, headers=headers_of(workspace, role=role))
        expected = 0 if "environment" in params else counts[workspace]
        assert answer.json()["data"]["requests"]["value"] == expected
        listed = await cached.get("/api/v1/traces", {"limit": "10"}, headers=headers_of(workspace, role=role))
        assert {trace["trace_id"].partition("-")[0] for trace in listed.json()["data"]} == {str(workspace)}

    await asyncio.gather(*(ask() for _ in range(250)))


def _caller(number: int) -> AuthContext:
    return AuthContext(str(uuid.UUID(int=number)), number, "user", str(uuid.uuid4()), role="viewer")


def _last_hour() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(hours=1), now + timedelta(hours=1), now, is_open=True)


def _text(fragment: Any) -> str:
    return orjson.dumps(fragment).decode()
