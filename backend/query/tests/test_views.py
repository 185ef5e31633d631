"""Saved views: who sees and changes them, and what they may hold."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from query.tests.conftest import INTERNAL_SECRET, OTHER_WORKSPACE, WORKSPACE, WORKSPACE_IDS, Api, calling, make_settings
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer

PATH = "/api/v1/views"
BODY: dict[str, Any] = {
    "name": "Failures",
    "scope": "workspace",
    "definition": {
        "range": "7d",
        "filter": {"field": "status", "op": "ne", "value": "success"},
        "columns": ["name", "error"],
        "sort": "-cost_usd",
    },
}
ANN, BEN, ADA = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")


def as_user(user: str, role: str = "member", workspace: int = WORKSPACE) -> dict[str, str]:
    context = AuthContext(
        workspace_id=WORKSPACE_IDS[workspace],
        workspace_number=workspace,
        principal="user",
        subject_id=user,
        role=role,
    )
    return {
        TOKEN_HEADER: InternalTokenIssuer(INTERNAL_SECRET).issue(context, "query"),
        WORKSPACE_HEADER: context.workspace_id,
    }


@pytest.fixture
async def views(traces_url: str, metadata_url: str) -> AsyncIterator[Api]:
    connection = await asyncpg.connect(metadata_url)
    for number, known in WORKSPACE_IDS.items():
        await connection.execute(
            "insert into workspaces (workspace_id, name, slug) values ($1, $2, $2)", uuid.UUID(known), f"w{number}"
        )
    await connection.close()
    async with calling(make_settings(traces_url).model_copy(update={"postgres_url": metadata_url})) as caller:
        yield caller


async def _call(
    views: Api, method: str, path: str, headers: dict[str, str], body: Any = None, status: int = 200
) -> Any:
    answer: httpx.Response = await views.client.request(method, path, headers=headers, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def _names(views: Api, headers: dict[str, str]) -> list[str]:
    return [view["name"] for view in (await _call(views, "GET", PATH, headers))["data"]]


async def test_a_view_is_saved_listed_replaced_and_deleted(views: Api) -> None:
    ann = as_user(ANN)
    made = (await _call(views, "POST", PATH, ann, BODY, 201))["data"]
    assert made["definition"] == BODY["definition"]
    assert (made["owner_id"], made["can_change"], made["problem"]) == (ANN, True, None)
    changed = {**BODY, "name": "All", "definition": {"sort": "start_time"}}
    stored = (await _call(views, "PUT", f"{PATH}/{made['id']}", ann, changed))["data"]
    assert (stored["name"], stored["definition"]) == ("All", {"sort": "start_time"})
    assert await _names(views, ann) == ["All"]
    assert (await _call(views, "DELETE", f"{PATH}/{made['id']}", ann))["data"] == {"id": made["id"], "deleted": True}
    assert await _names(views, ann) == []


async def test_private_views_are_their_owners_and_shared_ones_change_by_owner_or_admin(views: Api) -> None:
    ann, ben, ada = as_user(ANN), as_user(BEN), as_user(ADA, "admin")
    private = (await _call(views, "POST", PATH, ann, {**BODY, "name": "mine", "scope": "private"}, 201))["data"]["id"]
    shared = (await _call(views, "POST", PATH, ann, {**BODY, "name": "ours"}, 201))["data"]["id"]
    assert await _names(views, ann) == ["mine", "ours"]
    assert await _names(views, ben) == await _names(views, ada) == ["ours"]
    assert await _names(views, as_user(BEN, "viewer")) == ["ours"]
    assert await _names(views, as_user(ANN, "owner", OTHER_WORKSPACE)) == []
    for other in (ben, ada, as_user(ANN, "owner", OTHER_WORKSPACE)):
        await _call(views, "PUT", f"{PATH}/{private}", other, BODY, 404)
        await _call(views, "DELETE", f"{PATH}/{private}", other, status=404)
    await _call(views, "PUT", f"{PATH}/{shared}", ben, BODY, 403)
    await _call(views, "DELETE", f"{PATH}/{shared}", ben, status=403)
    await _call(views, "POST", PATH, as_user(BEN, "viewer"), BODY, 403)
    await _call(views, "PUT", f"{PATH}/{shared}", ada, {**BODY, "name": "tidied"})
    assert await _names(views, ben) == ["tidied"]
    await _call(views, "DELETE", f"{PATH}/{shared}", ada)
    for nothing in (shared, "no-id", str(uuid.uuid4())):
        await _call(views, "DELETE", f"{PATH}/{nothing}", ann, status=404)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scope": "public"}, "scope"),
        ({"page": "nowhere"}, "page"),
        ({"definition": {"filter": {"field": "statsu", "value": "error"}}}, "definition.filter.field"),
        ({"definition": {"range": "2d"}}, "definition.range"),
        ({"definition": {"columns": ["cost"]}}, "definition.columns"),
        ({"definition": {"sort": "cost"}}, "definition.sort"),
        ({"definition": {"colums": []}}, "definition.colums"),
        ({"definition": {"filter": {"field": "name", "op": "in", "value": ["x" * 500] * 80}}}, "definition"),
        ({"definition": {"filter": {"field": "name", "value": "\x00"}}}, "definition"),
    ],
)
async def test_a_view_holds_only_what_a_search_would_take(views: Api, change: dict[str, Any], field: str) -> None:
    answer = await _call(views, "POST", PATH, as_user(ANN), {**BODY, **change}, 422)
    assert field in [problem["field"] for problem in answer["error"]["details"]], answer
    assert await _names(views, as_user(ANN)) == []


async def test_a_view_that_no_longer_holds_says_so(views: Api, metadata_url: str) -> None:
    await _call(views, "POST", PATH, as_user(ANN), BODY, 201)
    connection = await asyncpg.connect(metadata_url)
    await connection.execute("""update views set definition = '{"filter": {"field": "gone", "value": "x"}}'""")
    await connection.close()
    (view,) = (await _call(views, "GET", PATH, as_user(ANN)))["data"]
    assert view["problem"].startswith("filter.field is not a field")


async def test_a_workspace_has_at_most_two_hundred_views(views: Api, metadata_url: str) -> None:
    connection = await asyncpg.connect(metadata_url)
    await connection.execute(
        "insert into views (workspace_id, owner_id, name, scope, page, definition)"
        " select $1, $1, i::text, 'private', 'traces', '{}' from generate_series(1, 199) i",
        uuid.UUID(WORKSPACE_IDS[WORKSPACE]),
    )
    await connection.close()
    await _call(views, "POST", PATH, as_user(ANN), BODY, 201)
    assert (await _call(views, "POST", PATH, as_user(ANN), BODY, 409))["error"]["code"] == "too_many_views"
    await _call(views, "POST", PATH, as_user(ANN, workspace=OTHER_WORKSPACE), BODY, 201)
