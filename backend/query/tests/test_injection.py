"""S42: no parameter reaches the database as anything but a value."""

from urllib.parse import quote

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query.app.dependencies import _SPAN_NAMES, _SPAN_PAGE_NAMES, _TRACE_NAMES
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, Api
from shared.testing.traces import store_trace

PATH = "/api/v1/traces"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CORPUS = [
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "' or '1'='1",
    "' or 1=1 --",
    "') or ('1'='1",
    '") or ("1"="1',
    "1; select pg_sleep(60)",
    "'; drop table traces; --",
    "' union select null, email, password_hash from users --",
    "1) or pg_sleep(60) is null --",
    "$1",
    "$$; select 1; $$",
    "%' escape '",
    "{}",
    "{0.__class__}",
    "%s%d%(a)s",
    "'||(select version())||'",
    "array[1]",
    "{a,b,'}",
    "null",
    "start_time desc, (select 1)",
    "-start_time; --",
    "metadata->>'plan'",
    "1e309",
    "0x7f",
    "\u02bc or 1=1",
    "＇ or 1=1",
    "\ufffd\u202e\u0000",
    "\x00",
    "%00",
    "%27%20or%201=1",
    "/**/or/**/1=1",
    "a" * 400,
]
LIST_NAMES = [*_TRACE_NAMES, "metadata.plan", "metadata.' or '1'='1", "metadata.a'||pg_sleep(60)||'", "nosuch"]


async def _check(api: Api, path: str, params: dict[str, str]) -> None:
    answer = await api.get(path, params)
    assert answer.status_code in (200, 403, 404, 422), (params, answer.text)
    text = answer.text.lower()
    for word in ("syntax error", "asyncpg", "traceback", "select ", "t.workspace_id", "relation "):
        sent = "".join(params).lower() + "".join(params.values()).lower() + path.lower()
        assert word not in text or word in sent, (params, answer.text)
    assert "theirs" not in text


@pytest.mark.parametrize("name", LIST_NAMES)
async def test_S42_the_list_of_traces(api: Api, database: asyncpg.Connection, name: str) -> None:
    await store_trace(database, OTHER_WORKSPACE, "theirs", metadata={"plan": "theirs"})
    for value in CORPUS:
        await _check(api, PATH, {name: value})
    assert await database.fetchval("select count(*) from traces") == 1


@pytest.mark.parametrize("name", [*_SPAN_PAGE_NAMES, *_SPAN_NAMES])
async def test_S42_the_spans_of_a_trace(api: Api, database: asyncpg.Connection, name: str) -> None:
    await store_trace(database, OTHER_WORKSPACE, "theirs")
    await store_trace(database, WORKSPACE, TRACE)
    for value in CORPUS:
        await _check(api, f"{PATH}/{TRACE}/spans", {name: value})
        await _check(api, f"{PATH}/{TRACE}/spans/0000000000000001", {name: value})


async def test_S42_ids_in_the_path(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, OTHER_WORKSPACE, "theirs")
    await store_trace(database, WORKSPACE, TRACE)
    for value in CORPUS:
        encoded = quote(value, safe="")
        await _check(api, f"{PATH}/{encoded}", {})
        await _check(api, f"{PATH}/{encoded}/spans", {})
        await _check(api, f"{PATH}/{TRACE}/spans/{encoded}", {})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(LIST_NAMES), value=st.text(max_size=60))
async def test_S42_any_text(api: Api, name: str, value: str) -> None:
    await _check(api, PATH, {name: value.encode("utf-8", "replace").decode()})
