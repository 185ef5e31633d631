"""Answers that are kept equal those that are computed, before and after anything that changes what they tell of."""

import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from processing.app.queries.deletion import Deletion, delete_trace
from processing.tests.jobs_support import OWNER, add_workspace, do
from processing.tests.support import (
    SECOND,
    WORKSPACE,
    WORKSPACE_ID,
    Bench,
    llm_span,
    make_span,
    open_bench,
    settings_for,
    trace_body,
)
from query.app.config import Settings
from query.tests.conftest import INTERNAL_SECRET, Api, calling, make_settings
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer
from shared.database import Pool, create_pool

DAY = timedelta(days=1)
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
OLD_TRACE = bytes.fromhex("1af7651916cd43dd8448eb211c80319c")


def _closed() -> dict[str, str]:
    """Return the range around the old trace; it ends yesterday."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 2 * DAY
    return {"from": (end - 3 * DAY).isoformat(), "to": end.isoformat()}


def _today() -> dict[str, str]:
    """Return a range with two ends, since figures about the present may be two seconds late."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {"from": (now - timedelta(hours=6)).isoformat(), "to": (now + timedelta(minutes=30)).isoformat()}


def reads() -> list[tuple[str, dict[str, Any], dict[str, Any] | None]]:
    """Return path, parameters and body of what is asked; a body makes it a POST."""
    closed = _closed()
    trace, old = f"/api/v1/traces/{TRACE.hex()}", f"/api/v1/traces/{OLD_TRACE.hex()}"
    tree = {"field": "tool_call_count", "op": "gte", "value": 0}
    return [
        ("/api/v1/traces", {}, None),
        ("/api/v1/traces", {**closed, "fields": "trace_id,span_count,cost_usd,scores"}, None),
        ("/api/v1/traces", {"range": "30d", "sort": "-cost_usd"}, None),
        ("/api/v1/traces", {"range": "30d", "has_feedback": "true"}, None),
        ("/api/v1/traces", {"range": "30d", "score.quality": "1"}, None),
        ("/api/v1/traces", {"trace_id": [TRACE.hex(), OLD_TRACE.hex()]}, None),
        ("/api/v1/traces/search", {}, {"range": "30d", "filter": tree}),
        ("/api/v1/traces/search", {}, {**closed, "filter": tree}),
        ("/api/v1/traces/facets", {"range": "30d"}, None),
        (trace, {}, None),
        (old, {}, None),
        (f"{trace}/spans", {"limit": "2"}, None),
        (f"{old}/spans", {"parent": f"{1:016x}"}, None),
        (f"{trace}/graph", {}, None),
        (f"{old}/graph", {}, None),
        ("/api/v1/sessions", {"range": "30d"}, None),
        ("/api/v1/sessions", {"range": "30d", "sort": "cost_usd"}, None),
        ("/api/v1/sessions/s", {}, None),
        ("/api/v1/users", closed, None),
        ("/api/v1/users/u", {}, None),
        ("/api/v1/quality/overview", _today(), None),
    ]


class Reader:
    """Reads in the name of the workspace that the worker stores for."""

    def __init__(self, api: Api) -> None:
        self._client = api.client

    async def read(
        self, path: str, params: dict[str, Any], body: dict[str, Any] | None
    ) -> tuple[int, object, object, bool]:
        """Return status, data, pagination and whether the answer was kept."""
        context = AuthContext(WORKSPACE_ID, WORKSPACE, "user", str(OWNER), role="owner")
        token = InternalTokenIssuer(INTERNAL_SECRET).issue(context, "query")
        headers = {TOKEN_HEADER: token, WORKSPACE_HEADER: WORKSPACE_ID}
        method = "GET" if body is None else "POST"
        answer: httpx.Response = await self._client.request(method, path, params=params, json=body, headers=headers)
        found = answer.json()
        return answer.status_code, found.get("data"), found.get("pagination"), found["meta"]["cached"]


@pytest.fixture
async def bench(traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Bench]:
    async with open_bench(settings_for(traces_url, metadata_url, redis_url)) as opened:
        yield opened


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=2)
    await add_workspace(pool)
    yield pool
    await pool.close()


@pytest.fixture
def settings(traces_url: str, redis_url: str) -> Settings:
    return make_settings(traces_url).model_copy(update={"redis_url": redis_url})


@pytest.fixture
async def kept(settings: Settings) -> AsyncIterator[Reader]:
    async with calling(settings) as api:
        yield Reader(api)


@pytest.fixture
async def computed(settings: Settings) -> AsyncIterator[Reader]:
    async with calling(settings.model_copy(update={"query_cache": "off"})) as api:
        yield Reader(api)


async def store_first(bench: Bench) -> None:
    old = time.time_ns() - 3 * 86_400 * SECOND
    await send_spans(bench, TRACE, time.time_ns() - 600 * SECOND)
    await send_spans(bench, OLD_TRACE, old)
    await bench.process()


async def send_spans(bench: Bench, trace: bytes, start: int, first: int = 1) -> None:
    named: dict[str, Any] = {"session__id": "s", "user__id": "u"}
    agent: dict[str, Any] = {"gen_ai__operation__name": "invoke_agent"}
    tool: dict[str, Any] = {"gen_ai__operation__name": "execute_tool"}
    parent = None if first == 1 else 1
    await bench.send(
        trace_body(
            make_span(trace, first, parent, start=start, **agent, **named),
            llm_span(trace, first + 1, first, start=start + SECOND, **named),
            make_span(trace, first + 2, first, start=start + 2 * SECOND, **tool, **named),
        )
    )


async def test_an_answer_that_was_kept_is_the_one_that_was_computed(
    bench: Bench, metadata: Pool, kept: Reader, computed: Reader
) -> None:
    await store_first(bench)
    await scores(bench, metadata)
    await feedback(bench, metadata)
    for asked in reads():
        status, data, pagination, was_kept = await kept.read(*asked)
        assert (status, was_kept) == (200, False), asked
        assert data, asked
        assert await kept.read(*asked) == (200, data, pagination, True), asked
        assert (await computed.read(*asked))[3] is False
        assert (await computed.read(*asked))[1] == data, asked


async def new_spans(bench: Bench, metadata: Pool) -> None:
    await send_spans(bench, TRACE, time.time_ns() - 500 * SECOND, first=11)
    await send_spans(bench, OLD_TRACE, time.time_ns() - 3 * 86_400 * SECOND, first=11)
    await bench.process()


async def an_earlier_start(bench: Bench, metadata: Pool) -> None:
    await send_spans(bench, TRACE, time.time_ns() - 4 * 86_400 * SECOND, first=21)
    await bench.process()


async def another_trace(bench: Bench, metadata: Pool) -> None:
    await send_spans(bench, os.urandom(16), time.time_ns() - random.choice([10, 3 * 86_400]) * SECOND)
    await bench.process()


async def scores(bench: Bench, metadata: Pool) -> None:
    for trace, value in ((TRACE, 1), (OLD_TRACE, random.choice([0, 1]))):
        score = {"trace_id": trace.hex(), "name": "quality", "value": value, "source": "code"}
        await bench.send([score], "scores")
    await bench.process()


async def feedback(bench: Bench, metadata: Pool) -> None:
    await bench.send([{"trace_id": OLD_TRACE.hex(), "rating": 1}], "feedback")
    await bench.send([{"trace_id": TRACE.hex(), "name": "sold", "success": True}], "outcomes")
    await bench.process()


async def repricing(bench: Bench, metadata: Pool) -> None:
    await bench.pool.execute(
        "insert into price_versions (workspace_id, provider, model, prices, source, valid_from)"
        " values ($1, '*', 'gpt-4o', '{\"input\": 1, \"output\": 2}', 'workspace', now() - interval '80 days')"
        " on conflict do nothing",
        WORKSPACE,
    )
    now = datetime.now(UTC)
    window = {"from": (now - 30 * DAY).isoformat(), "to": (now + timedelta(hours=1)).isoformat()}
    await do(bench, metadata, "reprice", window)
    await bench.process()


async def deletion(bench: Bench, metadata: Pool) -> None:
    for trace in (TRACE, OLD_TRACE):
        asked = Deletion(WORKSPACE, UUID(WORKSPACE_ID), "user", OWNER, "request", trace.hex(), UUID(bytes=trace))
        await delete_trace(bench.pool, metadata, asked)
    async with bench.worker():
        pass


Change = Callable[[Bench, Pool], Awaitable[None]]


@pytest.mark.parametrize(
    ("change", "shown_by"),
    [
        (new_spans, 16),
        (an_earlier_start, 14),
        (another_trace, 8),
        (scores, 10),
        (feedback, 2),
        (repricing, 10),
        (deletion, 18),
    ],
)
async def test_no_answer_survives_a_change_of_what_it_tells(
    bench: Bench, metadata: Pool, kept: Reader, computed: Reader, change: Change, shown_by: int
) -> None:
    await store_first(bench)
    if change is deletion:
        await scores(bench, metadata)
    asked = reads()
    before = [await kept.read(*question) for question in asked]
    await change(bench, metadata)
    differing = 0
    for question, (_, data_before, _, _) in zip(asked, before, strict=True):
        status, data, _, _ = await computed.read(*question)
        assert (await kept.read(*question))[:2] == (status, data), question
        differing += data != data_before
    assert differing >= shown_by


async def test_answers_follow_any_sequence_of_changes(
    bench: Bench, metadata: Pool, kept: Reader, computed: Reader
) -> None:
    await store_first(bench)
    pick = random.Random(36)
    asked, hits = reads(), 0
    changes: list[Change] = [new_spans, an_earlier_start, another_trace, scores, feedback, repricing, deletion]
    for _ in range(8):
        for question in pick.sample(asked, len(asked)):
            status, data, _, was_kept = await kept.read(*question)
            assert (status, data) == (await computed.read(*question))[:2], question
            hits += was_kept
        await pick.choice(changes)(bench, metadata)
        await store_first(bench) if pick.random() < 0.3 else None
    assert hits
