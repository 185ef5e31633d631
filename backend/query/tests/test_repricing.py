"""Repricing as it is asked for: a job of who asks, and a dry run that tells the difference first."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest

from query.app.routes import prices as routes
from query.tests.conftest import WORKSPACE, WORKSPACE_IDS
from query.tests.shop import USER, Shop, open_shop
from shared.jobs.context import JobContext
from shared.jobs.runner import run_job

RANGE = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


@pytest.fixture
async def shop(traces_url: str, metadata_url: str, redis_url: str, database: asyncpg.Connection) -> AsyncIterator[Shop]:
    async with open_shop(traces_url, metadata_url, redis_url, database) as opened:
        yield opened


async def _finish(shop: Shop, job_id: str, result: dict[str, Any] | None) -> None:
    """End a repricing as its worker does."""

    async def handler(_: JobContext) -> dict[str, Any]:
        if result is None:
            raise ValueError("no such luck")
        return result

    await run_job(
        uuid.UUID(WORKSPACE_IDS[WORKSPACE]),
        uuid.UUID(job_id),
        service="processing",
        worker="tests",
        handlers={"reprice": handler},
        settings=shop.settings,
        stopping=threading.Event(),
    )


async def test_repricing_is_a_job_of_who_asked(shop: Shop) -> None:
    body = {**RANGE, "model": "gpt-4o"}
    assert (await shop.call("POST", "/reprice", body, role="viewer")).status_code == 403
    answer = await shop.call("POST", "/reprice", body)
    assert answer.status_code == 202, answer.text
    data = answer.json()["data"]
    assert (data["status"], data["dry_run"], data["result"]) == ("queued", False, None)
    job = await shop.metadata.fetchrow("select *, params::text as asked from jobs")
    assert job is not None
    assert (str(job["job_id"]), job["type"], job["service"]) == (data["job_id"], "reprice", "processing")
    assert (str(job["owner_id"]), str(job["workspace_id"])) == (str(USER), WORKSPACE_IDS[WORKSPACE])
    assert orjson.loads(job["asked"]) == {**body, "dry_run": False}
    ((action, target, details),) = await shop.audit()
    assert (action, target, details) == ("reprice", data["job_id"], {**body, "dry_run": False})


async def test_a_dry_run_that_ends_soon_answers_with_the_difference(shop: Shop) -> None:
    asking = asyncio.create_task(shop.call("POST", "/reprice", {**RANGE, "dry_run": True}))
    while (job := await shop.metadata.fetchval("select job_id from jobs")) is None:
        await asyncio.sleep(0.01)
    result = {"dry_run": True, "traces": 3, "spans_changed": 2, "by_model": []}
    await _finish(shop, str(job), result)
    answer = await asking
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "succeeded")
    assert answer.json()["data"]["result"] == result


async def test_a_dry_run_that_fails_says_why(shop: Shop) -> None:
    asking = asyncio.create_task(shop.call("POST", "/reprice", {**RANGE, "dry_run": True}))
    while (job := await shop.metadata.fetchval("select job_id from jobs")) is None:
        await asyncio.sleep(0.01)
    await _finish(shop, str(job), None)
    data = (await asking).json()["data"]
    assert (data["status"], data["result"]) == ("failed", None)
    assert data["error"]


async def test_a_dry_run_that_takes_long_goes_on_as_a_job(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_PATIENCE_SECONDS", 0.3)
    answer = await shop.call("POST", "/reprice", {**RANGE, "dry_run": True})
    assert answer.status_code == 202
    assert (answer.json()["data"]["status"], answer.json()["data"]["dry_run"]) == ("queued", True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": RANGE["from"]}, "to"),
        ({"to": RANGE["to"]}, "from"),
        ({"from": RANGE["to"], "to": RANGE["from"]}, ""),
        ({**RANGE, "dry_run": "perhaps"}, "dry_run"),
        ({**RANGE, "from": "2026-01-01"}, "from"),
        ({**RANGE, "from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({**RANGE, "to": "9999-12-31T23:59:59-14:00"}, "to"),
        ({**RANGE, "model": ""}, "model"),
        ({**RANGE, "models": ["m"]}, "models"),
    ],
)
async def test_a_repricing_that_cannot_be_is_refused(shop: Shop, body: dict[str, Any], field: str) -> None:
    answer = await shop.call("POST", "/reprice", body)
    assert answer.status_code == 422, answer.text
    assert [problem["field"] for problem in answer.json()["error"]["details"]] == [field]
    assert await shop.metadata.fetchval("select count(*) from jobs") == 0
