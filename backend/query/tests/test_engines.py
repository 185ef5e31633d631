"""The same statements on plain PostgreSQL and on TimescaleDB, compressed days included."""

from datetime import UTC, datetime, timedelta

import asyncpg

from query.app.filters import read_query
from query.app.models.traces import TraceParameters
from query.app.queries import listing
from query.app.queries import traces as queries
from query.tests.conftest import WORKSPACE
from shared.domain import PayloadFormat, SpanKind
from shared.testing.traces import recently, store_payload, store_score, store_trace


async def _list(connection: asyncpg.Connection, **parameters: object) -> list[str]:
    """Return the ids of all pages, two traces a page."""
    found: list[str] = []
    cursor = None
    while True:
        asked = TraceParameters.model_validate({"range": "30d", "limit": 2, **parameters, "cursor": cursor})
        query = read_query(asked, [], now=datetime.now(UTC))
        page = await listing.list_traces(WORKSPACE, connection, query)
        found += [row["external_id"] for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_lists_trees_and_payloads_are_read_on_both_engines(each_traces_url: str) -> None:
    now = recently()
    connection = await asyncpg.connect(each_traces_url)
    days = [f"day-{age}" for age in range(12)]
    for age, trace_id in enumerate(days):
        start = now - timedelta(days=age)
        spans = [
            {"span_id": 1, "kind": SpanKind.AGENT, "service": "front"},
            {"span_id": 2, "parent_span_id": 1, "kind": SpanKind.TOOL, "tool_name": f"tool-{age}", "service": "back"},
        ]
        await store_trace(connection, WORKSPACE, trace_id, start_time=start, spans=spans, tags=["x"], models=["m"])
        await store_payload(connection, WORKSPACE, trace_id, [2], PayloadFormat.FLAT, b"[]", start_time=start)
        await store_score(connection, WORKSPACE, trace_id, "age", age)
    if await connection.fetchval("select exists (select from pg_extension where extname = 'timescaledb')"):
        for table in ("traces", "spans"):
            chunks = f"select compress_chunk(c) from show_chunks('{table}', older_than => interval '7 days') c"
            assert await connection.fetch(chunks)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await _list(connection) == days
        assert await _list(connection, sort="start_time") == days[::-1]
        assert await _list(connection, kind=["tool"], tags=["x"], model=["m"], service=["front"]) == days
        assert await _list(connection, tool_name=["tool-10"], service=["back"]) == ["day-10"]
        head = await queries.find_head(WORKSPACE, connection, "day-10")
        assert head is not None
        trace = await queries.read_trace(WORKSPACE, connection, head)
        assert trace is not None
        assert trace["span_count"] == 2
        assert await queries.read_scores(WORKSPACE, connection, [head.key]) == {head.key: {"age": 10.0}}
        assert await queries.read_tree(WORKSPACE, connection, head) == ([1, 2], [None, 1])
        spans_read = await queries.read_spans(WORKSPACE, connection, head, [2, 1])
        assert [span["span_id"] for span in spans_read] == [2, 1]
        children = await queries.read_children(WORKSPACE, connection, head, 1, None, 10)
        assert [span["tool_name"] for span in children] == ["tool-10"]
        assert await queries.read_with_payload(WORKSPACE, connection, head, [1, 2]) == {2}
        payloads = [item async for item in queries.iter_payloads(WORKSPACE, connection, head, 2)]
        assert [payload_format for payload_format, _ in payloads] == [PayloadFormat.FLAT]
    await connection.close()
