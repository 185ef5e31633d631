"""Background jobs over the API: who may ask for which, and who sees them."""

import uuid
from typing import Any

import httpx
import orjson
import pytest

from gateway.tests.conftest import Register, create_key, join
from shared.database import Connection
from shared.jobs.client import MAX_UNFINISHED
from shared.jobs.wake import queue_of

REPRICE = {"type": "reprice", "params": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}}
REPLAY = {"type": "replay", "params": {"filter": {}}}
PATH = "/api/v1/jobs"


async def create(client: httpx.AsyncClient, headers: dict[str, str], body: Any = REPRICE) -> dict[str, Any]:
    answer = await client.post(PATH, headers=headers, json=body)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()["data"]
    return job


async def listed(client: httpx.AsyncClient, headers: dict[str, str], **params: Any) -> list[str]:
    answer = await client.get(PATH, headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["data"]]


async def test_a_job_is_made_listed_cancelled_and_repeated(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    job = await create(client, owner.headers)
    assert (job["status"], job["progress"], job["owner_id"]) == ("queued", 0, owner.user_id)
    assert job["params"] == {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "dry_run": False}
    assert await listed(client, owner.headers) == [job["id"]]
    path = f"{PATH}/{job['id']}"
    assert (await client.get(path, headers=owner.headers)).json()["data"] == job
    conflict = await client.post(f"{path}/retry", headers=owner.headers)
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "job_not_ended")
    cancelled = await client.delete(path, headers=owner.headers)
    assert (cancelled.status_code, cancelled.json()["data"]["status"]) == (200, "cancelled")
    conflict = await client.delete(path, headers=owner.headers)
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "job_ended")
    again = (await client.post(f"{path}/retry", headers=owner.headers)).json()["data"]
    assert (again["retry_of"], again["params"], again["status"]) == (job["id"], job["params"], "queued")
    actions = await database.fetch(
        "select action, target_id from audit_log where target_type = 'job' order by audit_id"
    )
    assert [tuple(row) for row in actions] == [
        ("create_job", job["id"]),
        ("cancel_job", job["id"]),
        ("retry_job", again["id"]),
    ]


async def test_S55_a_workspace_may_have_so_many_jobs_wait_and_no_more(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner, other = await register(), await register("other")
    job = await create(client, owner.headers)
    await database.execute(
        "insert into jobs (job_id, workspace_id, owner_id, type, service, params, max_attempts)"
        " select gen_random_uuid(), workspace_id, owner_id, type, service, params, max_attempts"
        " from jobs, generate_series(2, $2) where job_id = $1",
        uuid.UUID(job["id"]),
        MAX_UNFINISHED,
    )
    refused = await client.post(PATH, headers=owner.headers, json=REPLAY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    await create(client, other.headers)
    assert (await client.delete(f"{PATH}/{job['id']}", headers=owner.headers)).status_code == 200
    await create(client, owner.headers)
    # What the platform itself needs done is not kept out.
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200


async def test_members_see_their_own_jobs_and_administrators_all(client: httpx.AsyncClient, register: Register) -> None:
    owner, stranger = await register(), await register("stranger")
    member, other, admin = [await join(client, owner, role) for role in ("member", "member", "admin")]
    key = {"X-API-Key": (await create_key(client, owner, "write"))["key"]}
    theirs, of_key = await create(client, member.headers), await create(client, key)
    assert of_key["owner_id"] is None
    assert of_key["key_id"] is not None
    assert await listed(client, member.headers) == [theirs["id"]]
    assert await listed(client, other.headers) == []
    assert await listed(client, key) == [of_key["id"]]
    assert await listed(client, admin.headers) == [of_key["id"], theirs["id"]]
    for caller, expected in ((member, 200), (admin, 200), (owner, 200), (other, 404), (stranger, 404)):
        for suffix in ("", "/logs"):
            answer = await client.get(f"{PATH}/{theirs['id']}{suffix}", headers=caller.headers)
            assert answer.status_code == expected, caller.email
    for method, suffix in (("DELETE", ""), ("POST", "/retry")):
        for caller in (other, stranger):
            answer = await client.request(method, f"{PATH}/{theirs['id']}{suffix}", headers=caller.headers)
            unknown = await client.request(method, f"{PATH}/{uuid.uuid4()}{suffix}", headers=caller.headers)
            assert answer.status_code == unknown.status_code == 404
            assert answer.json()["error"] == unknown.json()["error"]


async def test_a_job_needs_the_permission_of_what_it_does(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    member, viewer = await join(client, owner, "member"), await join(client, owner, "viewer")
    assert (await client.post(PATH, headers=member.headers, json=REPLAY)).status_code == 403
    assert (await client.post(PATH, headers=viewer.headers, json=REPRICE)).status_code == 403
    key = {"X-API-Key": (await create_key(client, owner, "write"))["key"]}
    assert (await client.post(PATH, headers=key, json=REPLAY)).status_code == 403
    strong = {"X-API-Key": (await create_key(client, owner, "write", "admin"))["key"]}
    await create(client, strong, REPLAY)
    answer = await client.post(PATH, headers=owner.headers, json={"type": "delete_workspace"})
    assert answer.status_code == 422
    for name in ("workers", "active", "stats"):
        assert (await client.get(f"{PATH}/{name}", headers=member.headers)).status_code == 403
        assert (await client.get(f"{PATH}/{name}", headers=owner.headers)).status_code == 200


async def test_the_platform_s_own_jobs_cannot_be_repeated(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    job = await create(client, owner.headers)
    await database.execute("update jobs set type = 'delete_workspace', status = 'failed'")
    assert (await client.post(f"{PATH}/{job['id']}/retry", headers=owner.headers)).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "export", "params": {"format": "csv"}}, "type"),
        ({"type": "reprice", "params": {"to": "2026-01-01T00:00:00Z"}}, "params.from"),
        ({"type": "reindex", "params": {"columns": []}}, "params.columns"),
        ({"type": "reprice", "params": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}}, "params"),
        ({"type": "reprice", "params": {"from": "yesterday", "to": "2026-01-01T00:00:00Z"}}, "params.from"),
        ({"type": "replay", "params": {}}, "params"),
        ({"type": "replay", "params": {"ids": ["x"]}}, "params.ids.0"),
        ({"type": "replay", "params": {"filter": {}, "ids": [str(uuid.uuid4())]}}, "params"),
        ({"type": "dance"}, "type"),
        ({"type": "cleanup", "priority": 1}, "priority"),
        ({"type": "cleanup", "params": []}, "params"),
        ({"type": "replay", "params": {"filter": {"reason": "x" * 70_000}}}, "params"),
    ],
)
async def test_parameters_are_checked_at_once(
    client: httpx.AsyncClient, register: Register, body: Any, field: str
) -> None:
    owner = await register()
    answer = await client.post(PATH, headers=owner.headers, json=body)
    assert answer.status_code == 422, answer.text
    assert field in [detail["field"] for detail in answer.json()["error"]["details"]]


async def test_S46_hostile_parameters_are_stored_or_refused(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    texts = ('"\\u0000b"', '"\\ud800"', "123456789012345678901234567890", "NaN")
    for text in (*texts, _nested(400)):
        body = f'{{"type": "replay", "params": {{"filter": {{"reason": {text}}}}}}}'
        answer = await client.post(
            PATH, headers=owner.headers | {"Content-Type": "application/json"}, content=body.encode()
        )
        assert answer.status_code in (202, 400, 422), (text, answer.text)
    assert (await client.get(PATH, headers=owner.headers)).status_code == 200


async def test_lists_go_on_by_cursor_and_filter(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    made = [(await create(client, owner.headers))["id"] for _ in range(5)]
    first = await client.get(PATH, headers=owner.headers, params={"limit": 2})
    assert first.json()["pagination"]["has_more"] is True
    found, cursor = [job["id"] for job in first.json()["data"]], first.json()["pagination"]["cursor"]
    while cursor:
        page = (await client.get(PATH, headers=owner.headers, params={"limit": 2, "cursor": cursor})).json()
        found += [job["id"] for job in page["data"]]
        cursor = page["pagination"]["cursor"]
    assert found == made[::-1]
    await client.delete(f"{PATH}/{made[0]}", headers=owner.headers)
    assert await listed(client, owner.headers, status="cancelled") == [made[0]]
    assert await listed(client, owner.headers, type="export") == []
    for params in ({"state": "queued"}, {"status": "done"}, {"type": "x"}, {"cursor": "x"}, {"limit": 0}):
        answer = await client.get(PATH, headers=owner.headers, params=params)
        assert answer.status_code == 422, params
    refused = await client.get(PATH, headers=owner.headers, params={"statu": "queued"})
    assert refused.json()["error"]["details"][0]["message"] == "is not a parameter; the nearest is 'status'"


async def test_logs_come_in_pages(client: httpx.AsyncClient, register: Register, database: Connection) -> None:
    owner = await register()
    job = await create(client, owner.headers)
    await database.executemany(
        "insert into job_logs (job_id, level, message) values ($1, 'info', $2)",
        [(uuid.UUID(job["id"]), f"line {number}") for number in range(5)],
    )
    path, cursor, found = f"{PATH}/{job['id']}/logs", None, []
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(path, headers=owner.headers, params=params)).json()
        found += [line["message"] for line in page["data"]]
        cursor = page["pagination"]["cursor"]
        if cursor is None:
            break
    assert found == [f"line {number}" for number in range(5)]


async def test_a_workspace_has_so_many_unfinished_jobs_at_most(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    await create(client, owner.headers)
    await database.execute(
        "insert into jobs (job_id, workspace_id, type, service) "
        "select gen_random_uuid(), workspace_id, type, service from jobs, generate_series(1, 199)"
    )
    answer = await client.post(PATH, headers=owner.headers, json=REPRICE)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_statistics_count_by_status_and_type(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner, other = await register(), await register("other")
    for _ in range(2):
        await create(client, owner.headers)
    await create(client, owner.headers, REPLAY)
    await create(client, other.headers)
    await database.execute("update jobs set created_at = now() - interval '1 hour' where type = 'replay'")
    data = (await client.get(f"{PATH}/stats", headers=owner.headers)).json()["data"]
    assert data["by_status"] == {"queued": 3}
    assert data["by_type"] == {"reprice": {"queued": 2}, "replay": {"queued": 1}}
    assert data["oldest_waiting_seconds"] >= 3600
    active = (await client.get(f"{PATH}/active", headers=owner.headers)).json()["data"]
    assert len(active) == 3


async def test_a_wake_up_names_job_and_workspace(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    job = await create(client, owner.headers)
    queue = client._transport.app.state.gateway.jobs._redis  # type: ignore[attr-defined]
    (message,) = await queue.lrange(queue_of("processing"), 0, -1)
    assert job["id"] in orjson.loads(message)["headers"]["kwargsrepr"]
    assert owner.workspace_id in orjson.loads(message)["headers"]["kwargsrepr"]


def _nested(depth: int) -> str:
    return '{"and":[' * depth + "{}" + "]}" * depth


async def test_an_export_is_asked_for_where_its_filter_is_checked(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    refused = await client.post(PATH, headers=owner.headers, json={"type": "export", "params": {"format": "csv"}})
    assert refused.status_code == 422
    (detail,) = refused.json()["error"]["details"]
    assert detail["field"] == "type"
    assert "POST /api/v1/exports" in detail["message"]
    # One that was made there is repeated here.
    job = await create(client, owner.headers)
    await database.execute(
        """update jobs set type = 'export', service = 'query', params = '{"format": "csv"}', status = 'failed'"""
    )
    again = await client.post(f"{PATH}/{job['id']}/retry", headers=owner.headers)
    assert (again.status_code, again.json()["data"]["type"]) == (202, "export")
