"""The query service asked in the name of the workspace whose rows are stored, and what of it is asked."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from processing.tests.support import WORKSPACE, WORKSPACE_ID
from query.tests.conftest import INTERNAL_SECRET, Api, calling, make_settings
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer

# Routes whose answers are held against the raw rows, in every range or once.
COMPARED = frozenset(
    {
        "GET metrics/home-kpis",
        "GET metrics/aggregations",
        "POST metrics/query",
        "GET activity/stream",
        "GET usage/overview",
        "GET usage/calls-over-time",
        "GET usage/agent-distribution",
        "GET usage/top-users",
        "GET cost/overview",
        "GET cost/trend",
        "GET cost/by-model",
        "GET cost/budget",
        "GET performance/overview",
        "GET performance/latency",
        "GET performance/throughput",
        "GET performance/errors",
        "GET analytics/costs",
        "GET analytics/performance",
        "GET analytics/quality",
        "GET analytics/models",
        "GET quality/overview",
        "GET quality/trend",
        "GET traces",
        "POST traces/search",
        "GET traces/facets",
        "GET traces/{trace_id}",
        "GET traces/{trace_id}/graph",
        "GET traces/{trace_id}/spans",
        "GET traces/{trace_id}/spans/{span_id}",
        "GET sessions",
        "GET sessions/{session_id}",
        "GET users",
        "GET users/{user_id}",
        "GET agents",
    }
)
# All others, each with the reason.
NOT_COMPARED = {
    "GET alerts/recent": "needs twenty traces of an agent in an hour and a day before it; held by query/tests",
    "GET views": "holds what people wrote and no figures",
    "POST views": "writes",
    "PUT views/{view_id}": "writes",
    "DELETE views/{view_id}": "writes",
    "GET prices": "lists what was entered, which query/tests compares with what was written",
    "GET prices/{price_id}": "shows what was entered",
    "POST prices": "writes",
    "PUT prices/{price_id}": "writes",
    "DELETE prices/{price_id}": "writes",
    "POST prices/reprice": "begins the job that the histories here run and processing/tests counts after",
    "PUT cost/budget": "writes, and answers what GET cost/budget does",
    "POST exports": "begins a job, whose files query/tests/test_exports.py compares with what was stored",
    "GET exports/{export_id}": "tells the state of a job",
    "GET exports/{export_id}/download": "sends the file of a job",
}


@dataclass
class Asking:
    """Asks the service, and remembers which routes were asked."""

    api: Api
    headers: Mapping[str, str]
    asked: set[str] = field(default_factory=set)

    async def get(self, path: str, params: Mapping[str, Any] | None = None, **ids: str) -> Any:
        """Return the data of an answer; ``ids`` fill the braces of the path."""
        answer = await self.answer(path, params, **ids)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def answer(self, path: str, params: Mapping[str, Any] | None = None, **ids: str) -> Any:
        """Return an answer, whatever its status."""
        self.asked.add(f"GET {path}")
        address = f"/api/v1/{path.format(**ids)}"
        return await self.api.client.get(address, params=dict(params or {}), headers=dict(self.headers))

    async def pages(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        """Return the entries of all pages of a list, of which there are at least two if there is more than one."""
        entries: list[Any] = []
        cursor: dict[str, Any] = {}
        while True:
            answer = await self.answer(path, {**params, "limit": 17, **cursor})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            entries += body["data"]
            if body["pagination"]["cursor"] is None:
                return entries
            cursor = {"cursor": body["pagination"]["cursor"]}

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the data of the answer to a question that is a document."""
        self.asked.add(f"POST {path}")
        answer = await self.api.client.post(f"/api/v1/{path}", json=dict(body), headers=dict(self.headers))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@asynccontextmanager
async def asking(traces_url: str, metadata_url: str) -> AsyncIterator[Asking]:
    """Run the service without its cache, and yield who asks it."""
    context = AuthContext(WORKSPACE_ID, WORKSPACE, "user", str(uuid.uuid4()), role="owner")
    token = InternalTokenIssuer(INTERNAL_SECRET).issue(context, "query")
    settings = make_settings(traces_url).model_copy(update={"postgres_url": metadata_url, "query_cache": "off"})
    async with calling(settings) as api:
        yield Asking(api, {TOKEN_HEADER: token, WORKSPACE_HEADER: WORKSPACE_ID})
