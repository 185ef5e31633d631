"""Repricing: exact to the nano-dollar, once however often it runs, with rollups that follow."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from processing.app.jobs import HANDLERS, reprice
from processing.app.queries.prices import load_prices
from processing.app.repricing import Account
from processing.tests.jobs_support import add_price, add_workspace, ask, check_rollups, do, read, run, window
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
from shared.database import Pool, create_pool
from shared.jobs.context import JobContext
from shared.jobs.store import Job
from shared.jobs.types import RepriceParams

BACKEND = Path(__file__).parents[2]
DAY_NS = 86_400 * SECOND


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=3)
    await add_workspace(pool)
    yield pool
    await pool.close()


@pytest.fixture
async def each_bench(each_traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Bench]:
    async with open_bench(settings_for(each_traces_url, metadata_url, redis_url)) as opened:
        yield opened
        await opened.pool.execute("delete from price_versions where workspace_id is not null")


def agent_trace(start: int, *, model: str = "gpt-4o", calls: int = 2, **attributes: Any) -> tuple[bytes, bytes]:
    """Return id and body of a trace in which an agent calls a model."""
    trace_id = os.urandom(16)
    spans = [make_span(trace_id, 1, start=start, name="agent", gen_ai__operation__name="invoke_agent")]
    named = {"gen_ai__request__model": model, "gen_ai__response__model": model, **attributes}
    for call in range(calls):
        spans.append(llm_span(trace_id, 2 + call, 1, start=start + call * SECOND, **named))
    return trace_id, trace_body(*spans)


async def costs(bench: Bench) -> dict[tuple[bytes, int], tuple[Any, ...]]:
    return {
        (row["trace_id"].bytes, row["span_id"]): (row["cost_nano"], row["cost_source"], row["price_id"])
        for row in await bench.rows("spans")
    }


async def test_repricing_equals_what_storing_by_the_new_prices_makes(each_bench: Bench, metadata: Pool) -> None:
    chance = random.Random(4)
    now = time.time_ns()
    bodies = [
        agent_trace(
            now - chance.randrange(25 * DAY_NS),
            model=chance.choice(["gpt-4o", "in-house", "nobody-knows"]),
            calls=chance.randrange(1, 5),
            gen_ai__usage__input_tokens=chance.randrange(2_000),
            gen_ai__usage__output_tokens=chance.randrange(500),
            **({"gen_ai__usage__cost": 0.25} if chance.random() < 0.3 else {}),
        )[1]
        for _ in range(40)
    ]
    for body in bodies:
        await each_bench.send(body)
    await each_bench.process()
    await check_rollups(each_bench)
    old = await each_bench.state()
    changed_at = datetime.now(UTC) - timedelta(days=10)
    await add_price(each_bench, "in-house", {"input": 1, "output": 2})
    await add_price(each_bench, "gpt-4o", {"input": 0.123456789, "output": 7}, valid_from=changed_at)
    dry = await do(each_bench, metadata, "reprice", window(dry_run=True))
    assert await each_bench.state() == old
    real = await do(each_bench, metadata, "reprice", window())
    assert {**real, "dry_run": True} == dry
    assert real["spans_changed"] > 20
    repriced = await each_bench.state()
    await check_rollups(each_bench)
    before, after = (sum(row["cost_nano"] or 0 for row in state["traces"]) for state in (old, repriced))
    assert (real["cost_before_usd"], real["cost_after_usd"]) == (before / 1e9, after / 1e9)
    assert sum(model["after_usd"] for model in real["by_model"]) == pytest.approx(after / 1e9)
    again = await do(each_bench, metadata, "reprice", window())
    assert (again["spans_changed"], again["difference_usd"], again["spans"]) == (0, 0, real["spans"])
    assert await each_bench.state() == repriced
    await each_bench.pool.execute("truncate traces, trace_heads, spans, span_payloads, span_logs, ingest_receipts")
    await each_bench.pool.execute("truncate rollup_deltas_traces, rollup_deltas_spans, rollup_total_1d, rollup_cost_1d")
    for body in bodies:
        await each_bench.send(body)
    await each_bench.process()
    fresh = await each_bench.state()
    assert fresh["spans"] == repriced["spans"]
    assert fresh["traces"] == repriced["traces"]


async def test_price_by_hand(bench: Bench, metadata: Pool) -> None:
    trace_id, body = agent_trace(time.time_ns() - 60 * SECOND, model="in-house", calls=1)
    await bench.send(body)
    await bench.process()
    (trace,) = await bench.rows("traces")
    assert (trace["cost_nano"], trace["cost_source"]) == (None, 0)
    price_id = await add_price(bench, "in-house", {"input": 3, "output": 15})
    result = await do(bench, metadata, "reprice", window())
    # 100 tokens at 3 and 20 at 15 dollars a million.
    assert result["by_model"] == [
        {
            "provider": "openai",
            "model": "in-house",
            "is_other": False,
            "spans": 1,
            "before_usd": 0,
            "after_usd": 0.0006,
        }
    ]
    assert (result["newly_priced"], result["newly_unpriced"], result["traces_changed"]) == (1, 0, 1)
    assert (await costs(bench))[trace_id, 2] == (600_000, 4, price_id)
    (trace,) = await bench.rows("traces")
    assert (trace["cost_nano"], trace["cost_source"], trace["revision"]) == (600_000, 4, 2)
    (head,) = await bench.rows("trace_heads")
    assert head["revision"] == 2
    announced = (await bench.rows("outbox"))[-1]
    assert ([key.bytes for key in announced["trace_ids"]], announced["revisions"]) == ([trace_id], [2])
    assert announced["days"] == [trace["start_time"].date()]


@pytest.mark.parametrize("item_format", ["otlp_traces", "flat"])
async def test_reported_cost_comes_back_when_the_price_of_the_workspace_goes(
    bench: Bench, metadata: Pool, item_format: Any
) -> None:
    price_id = await add_price(bench, "gpt-4o", {"input": 1, "output": 1})
    if item_format == "flat":
        body: Any = [
            {
                "trace_id": "order-7",
                "agent_id": "a",
                "timestamp": datetime.now(UTC).isoformat(),
                "status": "success",
                "model": "gpt-4o",
                "model_provider": "openai",
                "tokens_input": 100,
                "tokens_output": 20,
                "cost_usd": 0.25,
            }
        ]
    else:
        body = agent_trace(time.time_ns() - 60 * SECOND, calls=1, gen_ai__usage__cost=0.25)[1]
    await bench.send(body, item_format)
    await bench.process()
    assert (120_000, 4, price_id) in (await costs(bench)).values()
    await bench.pool.execute("update price_versions set replaced_at = now() where price_id = $1", price_id)
    result = await do(bench, metadata, "reprice", window())
    assert result["spans_changed"] == 1
    assert (250_000_000, 3, None) in (await costs(bench)).values()
    await check_rollups(bench)


async def test_only_the_spans_asked_for_are_priced(bench: Bench, metadata: Pool) -> None:
    now = time.time_ns()
    recent, _ = kept = agent_trace(now - 60 * SECOND, model="in-house", calls=1)
    old, old_body = agent_trace(now - 3 * DAY_NS, model="in-house", calls=1)
    other, other_body = agent_trace(now - 60 * SECOND, model="out-house", calls=1)
    long_id = os.urandom(16)
    named: dict[str, Any] = {"gen_ai__request__model": "in-house", "gen_ai__response__model": "in-house"}
    parts = ((1, 3 * DAY_NS), (2, 60 * SECOND))
    long_body = trace_body(*(llm_span(long_id, number, start=now - age, **named) for number, age in parts))
    for body in (kept[1], old_body, other_body, long_body):
        await bench.send(body)
    await bench.process()
    for model in ("in-house", "out-house"):
        await add_price(bench, model, {"input": 1, "output": 1})
    result = await do(bench, metadata, "reprice", window(1, model="IN-house", provider="OpenAI"))
    assert result["spans_changed"] == 2
    priced = {key for key, cost in (await costs(bench)).items() if cost[0] is not None}
    assert priced == {(recent, 2), (long_id, 2)}
    assert (old, 2) not in priced
    assert (other, 2) not in priced
    assert (await do(bench, metadata, "reprice", window(1, provider="anthropic")))["spans"] == 0
    await check_rollups(bench)


async def test_other_workspaces_keep_their_costs(bench: Bench, metadata: Pool) -> None:
    _, body = agent_trace(time.time_ns() - 60 * SECOND, model="in-house")
    await bench.send(body)
    await bench.send(body, workspace=WORKSPACE + 1, workspace_id="11111111-1111-4111-8111-111111111111")
    await bench.process()
    await add_price(bench, "in-house", {"input": 1, "output": 1})
    await do(bench, metadata, "reprice", window())
    rows = await bench.rows("traces", "workspace_id")
    assert [(row["workspace_id"], row["cost_source"], row["revision"]) for row in rows] == [(7, 4, 2), (8, 0, 1)]


async def test_traces_that_arrive_meanwhile_are_stored_once_and_priced(bench: Bench, metadata: Pool) -> None:
    now = time.time_ns()
    traces = [os.urandom(16) for _ in range(60)]
    named: dict[str, Any] = {"gen_ai__request__model": "in-house", "gen_ai__response__model": "in-house"}
    for trace_id in traces:
        await bench.send(trace_body(llm_span(trace_id, 1, start=now - DAY_NS, **named)))
    await bench.process()
    await add_price(bench, "in-house", {"input": 1, "output": 1})

    async def grow() -> None:
        for number in range(2, 8):
            for trace_id in random.Random(number).sample(traces, 30):
                late = llm_span(trace_id, number, start=now - DAY_NS + number * SECOND, **named)
                await bench.send(trace_body(late))
            await asyncio.sleep(0.05)

    async with bench.worker():
        growing = asyncio.create_task(grow())
        while not growing.done():
            await do(bench, metadata, "reprice", window())
        await growing
        await bench.drain()
    await do(bench, metadata, "reprice", window())
    assert {cost[:2] for cost in (await costs(bench)).values()} == {(120_000, 4)}
    assert len(await costs(bench)) == 60 + 6 * 30
    await check_rollups(bench)


_CHILD = """
import asyncio, os, signal, sys
import orjson
from processing.app.jobs import reprice
from processing.app.queries import repricing
from processing.tests.jobs_support import read, run
from processing.tests.support import open_bench, settings_for
from shared.database import create_pool
from shared.jobs import store

async def main(point, urls, workspace_id, job_id):
    reprice._MOST_TRACES = 3
    portions = 0
    if point == "commit":
        announce = repricing.copy_rows
        async def copy_rows(connection, table, columns, rows):
            nonlocal portions
            await announce(connection, table, columns, rows)
            portions += table == "outbox"
            if portions == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        repricing.copy_rows = copy_rows
    else:
        step = reprice.reprice
        async def committed(*arguments, **named):
            nonlocal portions
            account = await step(*arguments, **named)
            portions += 1
            if portions == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return account
        reprice.reprice = committed
    async with open_bench(settings_for(*urls)) as bench:
        metadata = await create_pool(urls[1], service="tests", size=2)
        async with metadata.acquire() as connection:
            job = await store.find(connection, workspace_id, job_id)
        await run(bench, metadata, job)

from uuid import UUID
point, urls, workspace_id, job_id = orjson.loads(sys.argv[1])
asyncio.run(main(point, urls, UUID(workspace_id), UUID(job_id)))
"""


@pytest.mark.parametrize("point", ["commit", "after"])
async def test_F36_killed_repricing_goes_on_where_it_was_and_counts_once(
    bench: Bench, metadata: Pool, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in range(20):
        await bench.send(agent_trace(time.time_ns() - (age + 1) * 3600 * SECOND, model="in-house")[1])
    await bench.process()
    await add_price(bench, "in-house", {"input": 1, "output": 1})
    expected = await do(bench, metadata, "reprice", window(dry_run=True))
    settings = bench.settings
    job = await ask(bench, metadata, "reprice", window(), WORKSPACE_ID)
    urls = [settings.timescale_url, settings.postgres_url, settings.redis_url]
    arguments = orjson.dumps([point, urls, str(job.workspace_id), str(job.job_id)]).decode()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, arguments, cwd=BACKEND, stderr=subprocess.PIPE
    )
    _, errors = await child.communicate()
    assert child.returncode == -9, errors.decode()[-2000:]
    assert (await read(metadata, job)).status == "running"
    done = await bench.pool.fetchval("select count(*) from traces where revision = 2")
    assert done == (6 if point == "commit" else 9)
    await metadata.execute("update jobs set heartbeat_at = now() - interval '1 minute'")
    monkeypatch.setattr(reprice, "_MOST_TRACES", 3)
    finished = await run(bench, metadata, job)
    assert (finished.status, finished.attempt) == ("succeeded", 2)
    assert finished.result == {**expected, "dry_run": False}
    assert {row["revision"] for row in await bench.rows("traces")} == {2}
    await check_rollups(bench)


async def test_cancelled_between_portions_leaves_whole_traces(
    bench: Bench, metadata: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in range(9):
        await bench.send(agent_trace(time.time_ns() - (age + 1) * 3600 * SECOND, model="in-house")[1])
    await bench.process()
    await add_price(bench, "in-house", {"input": 1, "output": 1})
    monkeypatch.setattr(reprice, "_MOST_TRACES", 2)
    job = await ask(bench, metadata, "reprice", window(), WORKSPACE_ID)

    async def cancelling(context: JobContext) -> dict[str, Any]:
        params = RepriceParams.model_validate(context.params)
        assert not params.dry_run
        saved = context.save

        async def save(checkpoint: dict[str, Any]) -> None:
            await saved(checkpoint)
            if Account.load(checkpoint["account"]).traces >= 4:
                await metadata.execute("update jobs set cancel_requested_at = now() where job_id = $1", job.job_id)
                await asyncio.sleep(5)

        context.save = save  # type: ignore[method-assign]
        return await reprice.run(context)

    ended: Job = await run(bench, metadata, job, {**HANDLERS, "reprice": cancelling})
    assert ended.status == "cancelled"
    revisions = [row["revision"] for row in await bench.rows("traces")]
    assert sorted(revisions) == [1] * 5 + [2] * 4
    await check_rollups(bench)


async def test_book_is_not_asked_for_prices_that_were_replaced(bench: Bench) -> None:
    price_id = await add_price(bench, "in-house", {"input": 1})
    book = await load_prices(bench.pool)
    assert book.resolve(None, "in-house", 0, WORKSPACE) is not None
    await bench.pool.execute("update price_versions set replaced_at = now() where price_id = $1", price_id)
    async with bench.pool.acquire() as connection:
        assert await book.refresh(connection)
    assert book.resolve(None, "in-house", 0, WORKSPACE) is None
