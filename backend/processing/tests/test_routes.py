"""The service over HTTP: receipts, health, dead letters and their replay."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest

from processing.app import processor
from processing.app.config import Settings
from processing.app.consumer.worker import Worker
from processing.app.main import create_app
from processing.app.storing import Storer
from processing.tests.support import (
    SECOND,
    SECRET,
    WORKSPACE,
    WORKSPACE_ID,
    Bench,
    make_span,
    trace_body,
)
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer
from shared.ids import new_uuid7
from shared.normalisation import spans as normalisation

MAGIC = "poison"
OTHER_ID = str(uuid4())
USER_ID = str(uuid4())


def headers(role: str | None = "admin", *, workspace: int = WORKSPACE, scopes: tuple[str, ...] = ()) -> dict[str, str]:
    public = WORKSPACE_ID if workspace == WORKSPACE else OTHER_ID
    context = AuthContext(
        workspace_id=public,
        workspace_number=workspace,
        principal="user" if role else "api_key",
        subject_id=USER_ID,
        role=role,
        scopes=frozenset(scopes),
    )
    return {TOKEN_HEADER: InternalTokenIssuer(SECRET).issue(context, "processing"), WORKSPACE_HEADER: public}


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://processing") as client,
    ):
        yield client


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    async with running(bench.settings) as opened:
        yield opened


async def test_stored_request_is_answered_by_its_receipt(bench: Bench, client: httpx.AsyncClient) -> None:
    trace_id = os.urandom(16)
    old = make_span(trace_id, 2, start=1)
    pending = await bench.send(trace_body(make_span(trace_id, 1), old))
    await bench.drain()
    answer = await client.get(f"/api/v1/receipts/{pending.receipt_id}", headers=headers(None, scopes=("ingest",)))
    assert answer.status_code == 200
    assert answer.json() == {
        "state": "partial",
        "received": 2,
        "stored": 1,
        "duplicate": 0,
        "rejected": 1,
        "dead_lettered": 0,
        "reasons": {"start_time_too_old": 1},
    }


async def test_receipt_that_is_not_the_callers_looks_like_none(bench: Bench, client: httpx.AsyncClient) -> None:
    pending = await bench.send(trace_body(make_span(os.urandom(16), 1)))
    await bench.drain()
    answers = [
        await client.get(f"/api/v1/receipts/{receipt}", headers=headers(workspace=8))
        for receipt in (pending.receipt_id, new_uuid7(), uuid4(), "nonsense", "%00")
    ]
    bodies = []
    for answer in answers:
        assert answer.status_code == 404
        bodies.append(answer.json()["error"])
    assert all(body == bodies[0] for body in bodies)


async def test_waiting_request_is_queued_for_its_own_workspace_only(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = asyncio.Event()

    async def wait(self: Storer, prepared: Any) -> None:
        await blocked.wait()
        await commit(self, prepared)

    commit = Storer.commit
    monkeypatch.setattr(Storer, "commit", wait)
    pending = await bench.send(trace_body(make_span(os.urandom(16), 1)))
    path = f"/api/v1/receipts/{pending.receipt_id}"
    assert (await client.get(path, headers=headers())).json()["state"] == "queued"
    assert (await client.get(path, headers=headers(workspace=8))).status_code == 404
    blocked.set()
    await bench.drain()
    assert (await client.get(path, headers=headers())).json()["state"] == "stored"


@pytest.mark.parametrize(
    ("method", "path", "role", "status"),
    [
        ("GET", "/api/v1/receipts/x", "billing", 403),
        ("GET", "/api/v1/ingestion/health", "viewer", 200),
        ("GET", "/api/v1/ingestion/health", "billing", 403),
        ("GET", "/api/v1/dead-letters", "member", 403),
        ("GET", "/api/v1/dead-letters", "owner", 200),
        ("POST", "/api/v1/dead-letters/replay", "member", 403),
        ("POST", "/api/v1/dead-letters/replay", "viewer", 403),
    ],
)
async def test_S02_roles(client: httpx.AsyncClient, method: str, path: str, role: str, status: int) -> None:
    assert (await client.request(method, path, headers=headers(role))).status_code == status
    assert (await client.request(method, path)).status_code == 401
    spoofed = {WORKSPACE_HEADER: WORKSPACE_ID, "X-Role": "admin", "X-Internal": "1"}
    assert (await client.request(method, path, headers=spoofed)).status_code == 401


async def test_health_adds_up_over_requests(bench: Bench, client: httpx.AsyncClient) -> None:
    trace_id, key = os.urandom(16), str(uuid4())
    await bench.send(trace_body(make_span(trace_id, 1), make_span(trace_id, 2, start=1)), key_id=key)
    await bench.send(trace_body(make_span(trace_id, 1)))
    await bench.send(trace_body(make_span(trace_id, 1)), workspace=8)
    report = {"created": 9, "delivered": 5, "sampled": 1, "dropped": {"queue_full": 3}}
    await bench.send(report, "client_report", key_id=key)
    await bench.drain()
    answer = await client.get("/api/v1/ingestion/health", params={"range": "15m"}, headers=headers("viewer"))
    health = answer.json()
    assert answer.status_code == 200
    counts = ("received", "stored", "duplicate", "rejected", "dead_lettered")
    totals = {name: health[f"{name}_spans"] for name in counts}
    assert totals["received"] == 4
    assert (totals["stored"] + totals["duplicate"], totals["rejected"]) == (3, 1)
    assert health["by_reason"] == [{"reason": "start_time_too_old", "count": 1}]
    by_key = {row["key_id"]: row["received_spans"] for row in health["by_key"]}
    assert by_key == {key: 3, None: 1}
    assert health["client_reported"] == {"created": 9, "delivered": 5, "sampled": 1, "dropped": {"queue_full": 3}}
    assert 0 <= health["lag_seconds"]["p50"] <= health["lag_seconds"]["p95"] < 60
    assert (health["backlog_spans"], health["lag_seconds"]["now"]) == (0, 0)
    assert health["throughput_spans_per_s"] == round(totals["stored"] / 900, 3)
    empty = await client.get("/api/v1/ingestion/health", params={"range": "1h"}, headers=headers(workspace=9))
    assert (empty.json()["received_spans"], empty.json()["lag_seconds"]["p50"]) == (0, None)


async def test_health_refuses_a_range_it_does_not_know(client: httpx.AsyncClient) -> None:
    for params in ({"range": "2h"}, {"from": "x"}, {"from": "2015-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}):
        answer = await client.get("/api/v1/ingestion/health", params=params, headers=headers())
        assert answer.status_code == 422


async def make_letters(bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int = 1) -> Any:
    """Leave dead letters, by an error of the normaliser that ``monkeypatch.undo`` mends."""
    normalise = normalisation.normalise_span

    def fail(source: Any) -> Any:
        if MAGIC in source.attributes:
            raise ValueError("cannot read this")
        return normalise(source)

    monkeypatch.setattr(processor, "normalise_span", fail)
    trace_id = os.urandom(16)
    spans = [
        make_span(trace_id, 1),
        *[make_span(trace_id, 2 + each, attributes={MAGIC: "ao_live_" + "x" * 40}) for each in range(number)],
    ]
    pending = await bench.send(trace_body(*spans))
    await bench.drain()
    return pending


async def test_dead_letters_are_listed_in_pages_without_secrets(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_letters(bench, monkeypatch, 5)
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        answer = await client.get("/api/v1/dead-letters", params=params, headers=headers())
        assert answer.status_code == 200
        assert "ao_live_x" not in answer.text
        page = answer.json()
        found += page["data"]
        cursor = page["pagination"]["cursor"]
        if not page["pagination"]["has_more"]:
            break
    assert len({letter["id"] for letter in found}) == len(found) == 5
    letter = found[0]
    assert (letter["state"], letter["reason"], letter["attempts"]) == ("dead", "normalisation_failed", 1)
    assert letter["payload"][0]["span_id"] == letter["span_id"]
    other = await client.get("/api/v1/dead-letters", headers=headers(workspace=8))
    assert other.json()["data"] == []
    assert (await client.get("/api/v1/dead-letters", params={"cursor": "x"}, headers=headers())).status_code == 422
    assert (await client.get("/api/v1/dead-letters", params={"limit": "0"}, headers=headers())).status_code == 422


async def replay(client: httpx.AsyncClient, body: Any, **options: Any) -> httpx.Response:
    return await client.post("/api/v1/dead-letters/replay", json=body, headers=headers(**options))


async def test_F26_replay_while_the_bug_exists_and_after_it_is_mended(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = await make_letters(bench, monkeypatch)
    (letter,) = await bench.rows("dead_letters")
    body = {"ids": [str(letter["dead_letter_id"])]}
    answer = await replay(client, body)
    assert (answer.status_code, answer.json()["data"]["replayed"]) == (202, 1)
    await bench.drain()
    (letter,) = await bench.rows("dead_letters")
    assert (letter["state"], letter["attempts"]) == ("dead", 2)
    assert await bench.counts(pending) == (2, 1, 0, 0, 1)
    await bench.check_sums()

    monkeypatch.undo()
    answers = await asyncio.gather(*[replay(client, body) for _ in range(5)])
    assert sum(answer.json()["data"]["replayed"] for answer in answers) == 1
    await bench.drain()
    (letter,) = await bench.rows("dead_letters")
    assert letter["state"] == "replayed"
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)
    assert len(await bench.rows("spans")) == 2
    assert (await replay(client, body)).json()["data"] == {"replayed": 0, "skipped": 1, "remaining": 0, "ids": []}
    health = await client.get("/api/v1/ingestion/health", headers=headers())
    assert health.json()["by_reason"] == []
    await bench.check_sums()


async def test_F26_replay_by_filter_takes_all_that_agree(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = await make_letters(bench, monkeypatch, 4)
    monkeypatch.undo()
    assert (await replay(client, {"filter": {"reason": "another"}})).json()["data"]["replayed"] == 0
    answer = await replay(client, {"filter": {"reason": "normalisation_failed", "receipt_id": pending.receipt_id}})
    assert answer.json()["data"]["replayed"] == 4
    await bench.drain()
    assert await bench.counts(pending) == (5, 5, 0, 0, 0)
    await bench.check_sums()


async def test_F26_replay_is_audited_and_bound_to_the_workspace(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_letters(bench, monkeypatch)
    (letter,) = await bench.rows("dead_letters")
    theirs = await replay(client, {"ids": [str(letter["dead_letter_id"])]}, workspace=8)
    nobodys = await replay(client, {"ids": [str(uuid4())]}, workspace=8)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json()["error"] == nobodys.json()["error"]
    assert (await replay(client, {"filter": {}}, workspace=8)).json()["data"]["replayed"] == 0
    assert (await bench.rows("dead_letters"))[0]["state"] == "dead"
    await replay(client, {"ids": [str(letter["dead_letter_id"])]})
    connection = await asyncpg.connect(bench.settings.postgres_url)
    try:
        rows = await connection.fetch("select * from audit_log order by audit_id")
    finally:
        await connection.close()
    assert [str(row["workspace_id"]) for row in rows] == [OTHER_ID, WORKSPACE_ID]
    assert (rows[1]["action"], str(rows[1]["actor_id"])) == ("dead_letters.replay", USER_ID)
    assert orjson.loads(rows[1]["details"]) == {"ids": [str(letter["dead_letter_id"])]}
    await bench.drain()


async def test_S59_replay_that_cannot_be_audited_does_not_happen(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_letters(bench, monkeypatch)
    connection = await asyncpg.connect(bench.settings.postgres_url)
    try:
        await connection.execute("alter table audit_log rename to elsewhere")
    finally:
        await connection.close()
    assert (await replay(client, {"filter": {}})).status_code >= 500
    assert (await bench.rows("dead_letters"))[0]["state"] == "dead"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": ["x"]},
        {"ids": [str(uuid4())], "filter": {}},
        {"filter": {"unknown": 1}},
        [],
        {"ids": None},
    ],
)
async def test_replay_refuses_what_names_no_letters(client: httpx.AsyncClient, body: Any) -> None:
    assert (await replay(client, body)).status_code == 422


async def test_operational_routes_show_a_working_service(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.send(trace_body(make_span(os.urandom(16), 1)))
    await bench.drain()
    async with asyncio.timeout(10):
        while (await client.get("/ready")).status_code != 200:
            await asyncio.sleep(0.05)
    assert set((await client.get("/ready")).json()["checks"]) == {
        "redis",
        "traces_database",
        "metadata_database",
        "worker",
        "relay",
        "upkeep",
        "folding",
    }
    metrics = (await client.get("/metrics")).text
    for name in (
        "processing_batches_total",
        "processing_spans_stored_total",
        "processing_commit_seconds_count",
        "processing_stream_lag_seconds",
        'stream_backlog{service="processing"',
    ):
        assert name in metrics


async def test_upkeep_makes_the_partitions_of_coming_days(bench: Bench, client: httpx.AsyncClient) -> None:
    tomorrow = time.strftime("%Y%m%d", time.gmtime(time.time() + 86_400))
    async with asyncio.timeout(20):
        while not await bench.pool.fetchval("select to_regclass($1)::text", f"spans_{tomorrow}"):
            await asyncio.sleep(0.05)
    assert SECOND


async def test_crashing_worker_is_started_again(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashes = 0
    next_batch = Worker._next_batch

    async def crash(self: Worker) -> Any:
        nonlocal crashes
        crashes += 1
        if crashes < 3:
            raise RuntimeError("a defect")
        return await next_batch(self)

    monkeypatch.setattr(Worker, "_next_batch", crash)
    async with asyncio.timeout(20):
        while (await client.get("/ready")).status_code != 503:
            await asyncio.sleep(0.02)
    pending = await bench.send(trace_body(make_span(os.urandom(16), 1)))
    await bench.drain()
    assert await bench.counts(pending) == (1, 1, 0, 0, 0)
    assert crashes > 3
    assert (await client.get("/ready")).status_code == 200
