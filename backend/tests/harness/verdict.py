"""The one verdict that every scenario ends with."""

import json
from typing import Any

import asyncpg
import httpx
from redis import Redis

from tests.harness.platform import MAX_SERVICE_BYTES, Platform, wait_until
from tests.harness.traffic import COST_PER_CALL_USD, TOKENS_PER_CALL, Ledger

PENDING = "traces:pending"
NANO = 10**9

_SPANS = """
select encode(uuid_send(trace_id), 'hex') || ':' || encode(int8send(span_id), 'hex') as name, count(*) as times,
       bool_or(parent_span_id is not null) as is_call
from spans where workspace_id = $1 group by 1
"""
_DEAD = """
select encode(uuid_send(trace_id), 'hex') || ':' || encode(int8send(span_id), 'hex') as name
from dead_letters where workspace_id = $1 and trace_id is not null and span_id is not null
"""
_TOTALS = """
select count(*) as traces, coalesce(sum(span_count), 0) as spans, coalesce(sum(tokens_input), 0) as tokens,
       coalesce(sum(cost_nano), 0) as cost
from traces where workspace_id = $1
"""
_STATS = """
select coalesce(sum(received), 0) as received, coalesce(sum(stored), 0) as stored,
       coalesce(sum(duplicate), 0) as duplicate, coalesce(sum(rejected), 0) as rejected,
       coalesce(sum(dead_lettered), 0) as dead_lettered
from ingest_stats where workspace_id = $1
"""


async def check_verdict(
    platform: Platform,
    ledger: Ledger,
    workspace: str,
    key: str,
    *,
    recover_seconds: float = 60.0,
    allowed_in_logs: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Wait until the backlog is gone, then hold the stored data against the ledger.

    Returns:
        What was counted, for further assertions of a scenario.
    """
    wait_until_drained(platform, recover_seconds)
    metadata = await asyncpg.connect(platform.postgres.dsn("metadata"))
    number = await metadata.fetchval("select number from workspaces where workspace_id = $1", workspace)
    bystander = await metadata.fetchval("select number from workspaces where workspace_id = $1", platform.bystander)
    await metadata.close()
    traces = await asyncpg.connect(platform.postgres.dsn("traces"))
    try:
        rows = await traces.fetch(_SPANS, number)
        dead = {row["name"] for row in await traces.fetch(_DEAD, number)}
        totals = await traces.fetchrow(_TOTALS, number)
        stats = await traces.fetchrow(_STATS, number)
        foreign = await traces.fetchval("select count(*) from spans where workspace_id = $1", bystander)
    finally:
        await traces.close()
    stored = {row["name"] for row in rows}
    assert totals is not None
    assert stats is not None
    missing = ledger.acked - stored - dead
    assert not missing, f"{len(missing)} of {len(ledger.acked)} acknowledged spans are lost"
    assert all(row["times"] == 1 for row in rows), "a span is stored twice"
    assert stored | dead <= ledger.sent, "spans are stored that nobody sent"
    assert ledger.sent == ledger.acked | ledger.unanswered
    assert stats["received"] == stats["stored"] + stats["duplicate"] + stats["rejected"] + stats["dead_lettered"]
    assert stats["stored"] == len(stored)
    calls = sum(row["is_call"] for row in rows)
    assert totals["spans"] == len(stored), "trace rows count other spans than are stored"
    assert totals["tokens"] == calls * TOKENS_PER_CALL
    assert totals["cost"] == calls * round(COST_PER_CALL_USD * NANO)
    assert bystander is not None
    assert foreign == 0, "a workspace that nobody sends to holds spans"
    for service in list(platform.processes):
        wait_until(lambda name=service: platform.is_ready(name), f"{service} to recover", recover_seconds)  # type: ignore[misc]
    _check_receipts(platform, ledger, key)
    _check_logs(platform, allowed_in_logs)
    sizes = platform.resident_bytes()
    assert max(sizes.values(), default=0) < MAX_SERVICE_BYTES, sizes
    return {"stored": stored, "dead": dead, "stats": dict(stats), "number": number}


def wait_until_drained(platform: Platform, seconds: float = 60.0) -> None:
    """Wait until nothing waits in the queue and nothing is pending."""
    with Redis.from_url(platform.valkey.url()) as client:

        def drained() -> bool:
            if client.xlen(PENDING):
                return False
            return not any(group["pending"] for group in client.xinfo_groups(PENDING))

        wait_until(drained, "the backlog to drain", seconds)
        counts = {name.decode(): int(value) for name, value in client.hgetall(f"{PENDING}:backlog").items()}
    assert not any(counts.values()), f"the queue is empty and its counts say {counts}"


def _check_receipts(platform: Platform, ledger: Ledger, key: str) -> None:
    with httpx.Client(
        base_url=platform.url("gateway"), headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        # Every tenth is enough to see a class of receipts that is wrong, and keeps scenarios short.
        for receipt in ledger.receipts[::10]:
            answer = client.get(f"/api/v1/receipts/{receipt}")
            assert answer.status_code == 200, answer.text
            body = answer.json()
            body = body.get("data", body)
            assert body["state"] == "stored", body
            assert body["received"] == body["stored"] + body["duplicate"], body


def _check_logs(platform: Platform, allowed: tuple[str, ...]) -> None:
    for name in platform.ports:
        for line in platform.log(name).splitlines():
            if any(text in line for text in allowed):
                continue
            assert "Traceback" not in line, f"{name}: {line[-3000:]}"
            if line.startswith("{"):
                event = json.loads(line)
                assert event.get("status") != 500, f"{name}: {line[:2000]}"
