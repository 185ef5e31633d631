"""Jobs of the processing service, run by the runner of the worker, and the sums that must hold whatever they do."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from processing.app.jobs import HANDLERS
from processing.tests.support import WORKSPACE, WORKSPACE_ID, Bench
from shared.database import Pool
from shared.jobs import store
from shared.jobs.client import create_job
from shared.jobs.context import Handler
from shared.jobs.runner import run_job
from shared.jobs.store import Job
from shared.rollups.queries import fold

OWNER = UUID("99999999-9999-4999-8999-999999999999")


async def add_workspace(metadata: Pool, workspace_id: str = WORKSPACE_ID, number: int = WORKSPACE) -> None:
    """Make a workspace with an owner known to the metadata database."""
    await metadata.execute(
        "insert into workspaces (workspace_id, number, name, slug) overriding system value values ($1, $2, 'n', $3)",
        UUID(workspace_id),
        number,
        f"w{number}",
    )
    await metadata.execute(
        "insert into users (user_id, email, full_name, password_hash) values ($1, 'a@example.com', 'n', 'x')"
        " on conflict do nothing",
        OWNER,
    )
    await metadata.execute("insert into workspace_members values ($1, $2, 'owner')", UUID(workspace_id), OWNER)


async def ask(bench: Bench, metadata: Pool, kind: str, params: Mapping[str, Any], workspace_id: str) -> Job:
    """Return a new job of the workspace."""
    owner = None if kind == "delete_workspace" else OWNER
    return await create_job(metadata, bench.redis, workspace_id=workspace_id, owner_id=owner, type=kind, params=params)


async def run(bench: Bench, metadata: Pool, job: Job, handlers: Mapping[str, Handler] = HANDLERS) -> Job:
    """Run a job in this process and return it as it is then."""
    await run_job(
        job.workspace_id,
        job.job_id,
        service="processing",
        worker="tests",
        handlers=handlers,
        settings=bench.settings,
        stopping=threading.Event(),
    )
    return await read(metadata, job)


async def read(metadata: Pool, job: Job) -> Job:
    """Return a job as it is now."""
    async with metadata.acquire() as connection:
        found = await store.find(connection, job.workspace_id, job.job_id)
    assert found is not None
    return found


async def do(
    bench: Bench, metadata: Pool, kind: str, params: Mapping[str, Any], workspace_id: str = WORKSPACE_ID
) -> dict[str, Any]:
    """Return the result of a job, which must succeed."""
    job = await run(bench, metadata, await ask(bench, metadata, kind, params, workspace_id))
    assert job.status == "succeeded", job
    assert job.result is not None
    return job.result


async def add_price(
    bench: Bench,
    model: str,
    prices: dict[str, Any],
    *,
    workspace: int = WORKSPACE,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> int:
    """Return the id of a new price of the workspace, in USD per million tokens."""
    number: int = await bench.pool.fetchval(
        "insert into price_versions (workspace_id, provider, model, valid_from, valid_to, prices, source)"
        " values ($1, '*', $2, $3, $4, $5::text::jsonb, 'workspace') returning price_id",
        workspace,
        model,
        valid_from,
        valid_to,
        orjson.dumps(prices).decode(),
    )
    return number


def window(days: float = 30, **fields: Any) -> dict[str, Any]:
    """Return parameters of a repricing of the last days."""
    now = datetime.now(UTC)
    start, end = now - timedelta(days=days), now + timedelta(hours=1)
    return {"from": start.isoformat(), "to": end.isoformat(), **fields}


_TRACE_SUMS = """
select workspace_id, sum(n)::int8 as n, sum(cost_nano)::int8 as cost_nano, sum(unpriced)::int8 as unpriced,
  sum(tokens_total)::int8 as tokens_total, sum(spans)::int8 as spans
from (
  select workspace_id, n, cost_nano, unpriced, tokens_total, spans from rollup_total_1d
  union all select workspace_id, n, cost_nano, unpriced, tokens_total, spans from rollup_deltas_traces
) r group by 1 having sum(n) <> 0 order by 1
"""
_TRACE_ROWS = """
select workspace_id, count(*) as n, coalesce(sum(cost_nano), 0)::int8 as cost_nano,
  count(*) filter (where cost_source = 5 or cost_source = 0 and coalesce(tokens_total, 0) > 0) as unpriced,
  coalesce(sum(tokens_total), 0)::int8 as tokens_total, sum(span_count)::int8 as spans
from traces group by 1 order by 1
"""
_SPAN_SUMS = """
select workspace_id, model, provider, cost_source, sum(n)::int8 as n, sum(counted)::int8 as counted,
  sum(cost_nano)::int8 as cost_nano
from (
  select workspace_id, model, provider, cost_source, n, counted, cost_nano from rollup_cost_1d
  union all
  select workspace_id, model, provider, cost_source, n, counted, cost_nano from rollup_deltas_spans
  where kind in (2, 6, 7) or counted <> 0
) r group by 1, 2, 3, 4 having sum(n) <> 0 order by 1, 2, 3, 4
"""
_SPAN_ROWS = """
select workspace_id, coalesce(model, model_requested, '') as model, coalesce(model_provider, '') as provider,
  cost_source, count(*) as n, count(*) filter (where counted) as counted,
  coalesce(sum(cost_nano) filter (where counted), 0)::int8 as cost_nano
from spans where kind in (2, 6, 7) or counted group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


async def check_rollups(bench: Bench) -> None:
    """Hold rollups to the rows they sum up, before and after folding."""
    for is_folded in (False, True):
        if is_folded:
            async with bench.pool.acquire() as connection:
                while await fold(connection):
                    pass
        for sums, rows in ((_TRACE_SUMS, _TRACE_ROWS), (_SPAN_SUMS, _SPAN_ROWS)):
            assert await bench.pool.fetch(sums) == await bench.pool.fetch(rows)
