"""S55: what would cost without bound is refused before anything is looked at."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from query.tests.conftest import WORKSPACE, Api, calling, headers_of, make_settings
from tests.route_entries import ENTRIES

_PREFIX = "/api/v1/"
_SINCE_2015 = {"from": "2015-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
_GETS = sorted(path for service, method, path in ENTRIES if (service, method) == ("query", "GET") and _PREFIX in path)
# These look for what the path names before they read parameters, or take none.
_WITHOUT_PARAMETERS = {"/api/v1/exports/{export_id}", "/api/v1/exports/{export_id}/download", "/api/v1/views"}


@pytest.fixture
async def door() -> AsyncIterator[Api]:
    """Yield a service without a database, which answers 503 to whatever it does not refuse."""
    async with calling(make_settings("postgresql://user:pw@127.0.0.1:1/traces")) as caller:
        yield caller


async def _status(door: Api, path: str, params: dict[str, str]) -> int:
    headers = headers_of(WORKSPACE, role="owner")
    return (await door.get(path.replace("{", "").replace("}", ""), params, headers=headers)).status_code


@pytest.mark.parametrize("path", sorted(set(_GETS) - _WITHOUT_PARAMETERS))
async def test_S55_no_route_reads_a_billion_rows_or_ten_years(door: Api, path: str) -> None:
    for params in (
        {"limit": "1000000000"},
        {"limit": "-1"},
        {"max_nodes": "1000000000"},
        {"range": "10y"},
        _SINCE_2015,
    ):
        assert await _status(door, path, params) == 422, params


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("metrics/query", {"measures": ["requests"], "limit": 10**9}, "limit"),
        ("metrics/query", {"measures": ["requests"], **_SINCE_2015}, "from"),
        ("metrics/query", {"measures": ["requests"], "dimensions": ["agent"] * 6}, "dimensions"),
        ("metrics/query", {"measures": ["requests"] * 18}, "measures"),
        ("metrics/query", {"measures": ["requests"], "filters": {"agent": ["a"] * 51}}, "filters.agent"),
        ("traces/search", {"limit": 10**9}, "limit"),
        ("traces/search", {"range": "10y"}, "range"),
        ("traces/search", _SINCE_2015, "from"),
        ("traces/search", {"filter": {"field": "name", "op": "regex", "value": "(a+)+$"}}, "filter.op"),
        ("traces/search", {"filter": {"and": [{"field": "name", "op": "eq", "value": "a"}] * 1000}}, "filter"),
        ("traces/search", {"q": "a " * 10_000}, "q"),
        ("exports", {"format": "csv", "range": "10y"}, "range"),
        ("exports", {"format": "csv", **_SINCE_2015}, "from"),
        ("exports", {"format": "csv", "fields": ["name"] * 1000}, "fields"),
    ],
)
async def test_S55_no_question_is_wider_than_its_bounds(door: Api, path: str, body: Any, field: str) -> None:
    answer = await door.client.post(_PREFIX + path, json=body, headers=headers_of(WORKSPACE, role="owner"))
    assert answer.status_code == 422, answer.text
    fields = [detail["field"] for detail in answer.json()["error"]["details"]]
    assert any(found == field or found.startswith(f"{field}.") for found in fields), fields
