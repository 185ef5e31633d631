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

from query.app.basis import Answer, Basis
from query.app.cache import KeptAnswer, ResultCache
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, Api, calling, headers_of, make_settings
from shared.auth.context import AuthContext
from shared.changes import changes_key, note_changes
from shared.redis import RedisBatcher, connect
from shared.telemetry import CACHE_LOOKUPS
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
    basis = _last_hour()
    callers = [_caller(number) for number in range(1, 51)]

    async def ask(caller: AuthContext) -> None:
        async def load() -> Answer:
            await asyncio.sleep(pick.uniform(0, 0.004))
            return Answer({"workspace": caller.workspace_number}, basis)

        data, _ = await cache.answer(caller, "kpis", {"n": pick.randrange(3)}, load)
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

    async def load() -> Answer:
        nonlocal computed
        computed += 1
        await asyncio.sleep(0.05)
        return Answer({"n": 1}, basis)

    caller, basis = _caller(1), _last_hour()
    for _ in range(3):
        computed = 0
        await clients[0].flushall()
        answers = await asyncio.gather(*(caches[number % 2].answer(caller, "hot", {}, load) for number in range(500)))
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

    async def load() -> Answer:
        return Answer({"n": 1}, basis)

    async def never() -> Answer:
        pytest.fail("the answer was there")

    caller, basis = _caller(1), _last_hour()
    late = asyncio.create_task(ResultCache(Late(clients[0])).answer(caller, "hot", {}, never))
    await looked.wait()
    await ResultCache(RedisBatcher(clients[1])).answer(caller, "hot", {}, load)
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
    caller, basis = _caller(1), _last_hour()

    async def fail() -> Answer:
        raise ValueError("no figures")

    async def work() -> Answer:
        return Answer({"n": 2}, basis)

    with pytest.raises(ValueError, match="no figures"):
        await cache.answer(caller, "x", {}, fail)
    data, cached = await cache.answer(caller, "x", {}, work)
    assert (_text(data), cached) == ('{"n":2}', False)
    await redis.aclose()


async def test_who_comes_after_a_change_was_announced_gets_nothing_from_before(redis_url: str, client: Redis) -> None:
    """A request that joins a computation under way may know of a change that the computation did not see."""
    cache = ResultCache(RedisBatcher(client))
    caller, basis = _caller(1), _last_hour()
    began, ends = asyncio.Event(), asyncio.Event()
    stored = ["old"]

    async def load() -> Answer:
        seen = list(stored)
        began.set()
        await ends.wait()
        return Answer(seen, basis)

    early = asyncio.create_task(cache.answer(caller, "x", {}, load))
    await began.wait()
    stored.append("new")
    await changed(client, 1, datetime.now(UTC).date())
    misses = CACHE_LOOKUPS.labels("query", "results", "miss")
    missed = misses._value.get()
    late = [asyncio.create_task(cache.answer(caller, "x", {}, load)) for _ in range(20)]
    async with asyncio.timeout(10):
        while misses._value.get() < missed + len(late):
            await asyncio.sleep(0)
    ends.set()
    assert _text((await early)[0]) == '["old"]'
    assert {_text(answer) for answer, _ in await asyncio.gather(*late)} == {'["old","new"]'}
    answer, was_kept = await cache.answer(caller, "x", {}, load)
    assert (_text(answer), was_kept) == ('["old","new"]', True)


async def test_counts_that_were_forgotten_are_not_taken_for_those_that_follow(client: Redis) -> None:
    cache = ResultCache(RedisBatcher(client))
    caller, basis = _caller(1), _last_hour()
    today = datetime.now(UTC).date()
    numbers = iter(range(100))

    async def load() -> Answer:
        return Answer(next(numbers), basis)

    await changed(client, 1, today)
    assert _text((await cache.answer(caller, "x", {}, load))[0]) == "0"
    # The server drops the counts for want of memory, and as many changes follow as there had been.
    await client.delete(changes_key(1))
    await changed(client, 1, today)
    assert _text((await cache.answer(caller, "x", {}, load))[0]) == "1"
    await client.delete(changes_key(1))
    assert _text((await cache.answer(caller, "x", {}, load))[0]) == "2"
    assert (await cache.answer(caller, "x", {}, load))[1]


async def test_answers_of_any_length_come_back_as_they_were_and_huge_ones_are_not_kept(client: Redis) -> None:
    cache = ResultCache(RedisBatcher(client))
    caller, basis = _caller(1), _last_hour()
    alike = [{"span_id": f"{number:016x}", "name": "a step like any other"} for number in range(20_000)]
    random_text = random.Random(3).randbytes(1_000_000).hex()
    pagination = {"cursor": "c", "has_more": True, "limit": 50, "scanned_until": datetime.now(UTC)}
    for name, data, is_kept in (("short", [1], True), ("alike", alike, True), ("huge", random_text, False)):

        async def load(data: object = data) -> Answer:
            return Answer(data, basis, pagination)

        computed, _ = await cache.answer(caller, name, {}, load)
        found, was_kept = await cache.answer(caller, name, {}, load)
        assert (was_kept, found.data) == (is_kept, computed.data)
        assert orjson.dumps(found.pagination, option=orjson.OPT_UTC_Z) == orjson.dumps(
            pagination, option=orjson.OPT_UTC_Z
        )
    assert max([await client.memory_usage(key) or 0 async for key in client.scan_iter("result:*")]) < 600_000


async def test_answers_leave_half_of_the_memory_to_the_queue(client: Redis) -> None:
    caller, basis = _caller(1), _last_hour()

    async def load() -> Answer:
        return Answer("x", basis)

    used = (await client.info("memory"))["used_memory"]
    try:
        for most, is_kept in ((int(used * 1.5), False), (used * 4, True)):
            await client.config_set("maxmemory", most)
            cache = ResultCache(RedisBatcher(client))
            await cache.answer(caller, str(most), {}, load)
            assert (await cache.answer(caller, str(most), {}, load))[1] is is_kept
    finally:
        await client.config_set("maxmemory", 0)


async def test_S06_what_a_key_is_taken_for_must_be_what_it_says(client: Redis) -> None:
    cache = ResultCache(RedisBatcher(client))
    callers, basis = [_caller(1), _caller(2)], _last_hour()

    async def load() -> Answer:
        return Answer("mine", basis)

    await cache.answer(callers[0], "x", {}, load)
    (key,) = [key async for key in client.scan_iter("result:*")]
    entry: Any = await client.get(key)
    await client.set(key.replace(b"{1}", b"{2}"), entry)
    for broken in (b"", b"[", b"[1,2]\nx", b"null\n"):
        assert not (await cache.answer(callers[1], "x", {}, load))[1]
        await client.set(key.replace(b"{1}", b"{2}"), broken)


@pytest.mark.parametrize("path", ["/api/v1/traces", "/api/v1/traces/mine", "/api/v1/sessions", "/api/v1/users/u"])
async def test_S06_a_list_belongs_to_a_workspace_and_a_permission(
    cached: Api, database: asyncpg.Connection, path: str
) -> None:
    for workspace in (WORKSPACE, OTHER_WORKSPACE):
        await store_trace(
            database, workspace, "mine", name=f"of-{workspace}", session_id=f"of-{workspace}", user_id="u"
        )
    seen = []
    for workspace in (WORKSPACE, OTHER_WORKSPACE):
        for role in ("viewer", "admin"):
            answers = [(await cached.get(path, headers=headers_of(workspace, role=role))).json() for _ in range(2)]
            assert [answer["meta"]["cached"] for answer in answers] == [False, True]
            assert f"of-{workspace}" in str(answers[1]["data"])
            seen.append(answers[1]["data"])
    assert seen[0] == seen[1] != seen[2] == seen[3]


async def test_what_does_not_exist_is_asked_for_again(cached: Api, database: asyncpg.Connection) -> None:
    for path in ("/api/v1/traces/later", "/api/v1/traces/later/graph", "/api/v1/sessions/later", "/api/v1/users/%FF"):
        assert (await cached.get(path)).status_code == 404
    await store_trace(database, WORKSPACE, "later", session_id="later")
    for path in ("/api/v1/traces/later", "/api/v1/traces/later/graph", "/api/v1/sessions/later"):
        assert (await cached.get(path)).status_code == 200


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


def _last_hour() -> Basis:
    now = datetime.now(UTC)
    return Basis.of_times(now - timedelta(hours=1), now + timedelta(hours=1))


def _text(answer: KeptAnswer) -> str:
    return answer.data.decode()
