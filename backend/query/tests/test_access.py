"""Who may read what: nobody without the gateway's token, and no workspace another's traces."""

from typing import Any

import asyncpg
import pytest

from query.app.main import create_app
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, WORKSPACE_IDS, Api, headers_of, make_settings
from shared.auth.permissions import Permission
from shared.domain import PayloadFormat, SpanKind
from shared.http.guard import iter_guards
from shared.ids import span_hex
from shared.testing.traces import recently, store_payload, store_score, store_trace

PATH = "/api/v1/traces"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = span_hex(1)
OPEN_ROUTES = {"/health", "/ready", "/metrics", "/openapi.json"}
ROUTES = {
    "/api/v1/traces": PATH,
    "/api/v1/traces/{trace_id}": f"{PATH}/{TRACE}",
    "/api/v1/traces/{trace_id}/graph": f"{PATH}/{TRACE}/graph",
    "/api/v1/traces/{trace_id}/spans": f"{PATH}/{TRACE}/spans",
    "/api/v1/traces/{trace_id}/spans/{span_id}": f"{PATH}/{TRACE}/spans/{SPAN}",
}


def test_S01_every_route_needs_the_permission_to_read() -> None:
    app = create_app(make_settings("postgresql://127.0.0.1:1/traces"))
    guards = {context.path: guard for context, guard in iter_guards(app)}
    assert {path for path, guard in guards.items() if guard is None or guard.permission is None} == OPEN_ROUTES
    for path in ROUTES:
        guard = guards[path]
        assert guard is not None
        assert guard.permission == Permission.READ


@pytest.mark.parametrize("path", ROUTES.values())
async def test_S01_another_workspace_sees_what_it_sees_for_a_random_id(
    api: Api, database: asyncpg.Connection, path: str
) -> None:
    await store_trace(database, WORKSPACE, TRACE)
    await store_payload(database, WORKSPACE, TRACE, [1], PayloadFormat.FLAT, b"[]")
    await store_score(database, WORKSPACE, TRACE, "helpful", 1)
    assert (await api.get(path)).status_code == 200
    foreign = await api.get(path, workspace=OTHER_WORKSPACE)
    random = await api.get(path.replace(TRACE, "0" * 31 + "1"), workspace=OTHER_WORKSPACE)
    assert foreign.status_code == random.status_code == (200 if path == PATH else 404)
    assert _without_meta(foreign.json()) == _without_meta(random.json())
    assert foreign.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["workspace_id", "workspace"])
@pytest.mark.parametrize("path", ROUTES.values())
async def test_S01_naming_another_workspace_is_refused(
    api: Api, database: asyncpg.Connection, path: str, name: str
) -> None:
    await store_trace(database, WORKSPACE, TRACE)
    for workspace in (WORKSPACE_IDS[OTHER_WORKSPACE], "00000000-0000-4000-8000-000000000000"):
        answer = await api.get(path, {name: workspace})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "workspace_mismatch"
    assert (await api.get(path, {name: WORKSPACE_IDS[WORKSPACE]})).status_code == 200


async def test_S07_two_workspaces_hold_a_trace_of_the_same_id_apart(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    for workspace, name in ((WORKSPACE, "mine"), (OTHER_WORKSPACE, "theirs")):
        spans = [{"span_id": 1, "name": name, "kind": SpanKind.TOOL, "tool_name": name}]
        await store_trace(database, workspace, TRACE, start_time=start, name=name, spans=spans)
        await store_score(database, workspace, TRACE, "of", name)
    for workspace, name in ((WORKSPACE, "mine"), (OTHER_WORKSPACE, "theirs")):
        trace = (await api.read(f"{PATH}/{TRACE}", workspace=workspace))["data"]
        assert (trace["name"], trace["scores"]) == (name, {"of": name})
        assert [span["name"] for span in trace["spans"]] == [name]
        assert (await api.read(f"{PATH}/{TRACE}/spans/{SPAN}", workspace=workspace))["data"]["name"] == name
        assert await api.trace_ids({"tool_name": name}, workspace=workspace) == [TRACE]
    assert await api.trace_ids({"tool_name": "theirs"}) == []


async def test_S06_a_cursor_of_another_workspace_shows_nothing_of_it(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    for index in range(3):
        await store_trace(database, WORKSPACE, f"mine-{index}", start_time=start)
        await store_trace(database, OTHER_WORKSPACE, f"theirs-{index}", start_time=start)
    cursor = (await api.read(PATH, {"limit": 1}))["pagination"]["cursor"]
    found = await api.trace_ids({"cursor": cursor}, workspace=OTHER_WORKSPACE)
    assert all(trace_id.startswith("theirs-") for trace_id in found)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Workspace-ID": WORKSPACE_IDS[WORKSPACE], "X-User-ID": "1", "X-Role": "owner", "X-Internal": "1"},
        {"Authorization": "Bearer ao_live_" + "a" * 49},
        {**headers_of(WORKSPACE), "X-Workspace-ID": WORKSPACE_IDS[OTHER_WORKSPACE]},
        {"X-Internal-Token": headers_of(WORKSPACE)["X-Internal-Token"]},
        headers_of(WORKSPACE, audience="processing"),
    ],
    ids=["none", "spoofed", "api_key", "workspaces_differ", "workspace_missing", "audience"],
)
@pytest.mark.parametrize("path", ROUTES.values())
async def test_S08_only_the_gateways_token_opens_the_service(door: Api, path: str, headers: dict[str, str]) -> None:
    answer = await door.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("path", ROUTES.values())
async def test_strangers_learn_nothing_of_the_parameters(door: Api, path: str) -> None:
    assert (await door.get(path, {"colour": "1", "limit": "-1", "full": "perhaps"}, headers={})).status_code == 401


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("viewer", 200), ("billing", 403), ("root", 403)])
async def test_S02_roles_that_do_not_read_traces_are_refused(api: Api, role: str, status: int) -> None:
    assert (await api.get(PATH, headers=headers_of(WORKSPACE, role=role))).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        f"/{PATH}/{TRACE}",
        f"{PATH}/{TRACE}/",
        f"/API/v1/traces/{TRACE}",
        f"/api/v1/tr%61ces/{TRACE}",
        f"/api%2Fv1%2Ftraces%2F{TRACE}",
        f"/api/v1/x/%2e%2e/traces/{TRACE}",
        f"{PATH}/{TRACE};x=1",
    ],
)
async def test_S09_other_spellings_of_an_address_lead_nowhere(
    api: Api, database: asyncpg.Connection, path: str
) -> None:
    await store_trace(database, WORKSPACE, TRACE)
    assert (await api.get(path)).status_code == 404
    assert (await api.get(path, headers={})).status_code in (401, 404)


def _without_meta(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "meta"}
