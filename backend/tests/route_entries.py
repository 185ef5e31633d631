"""Every route of every service, with what it requires and shows."""

from dataclasses import dataclass
from typing import Any, Literal

from gateway.app.routing import RoutingTable
from shared.serve import SERVICES

OPERATIONAL = ("/health", "/ready", "/metrics", "/openapi.json")
TRACE_ID = "trace of A"
WORKSPACES = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Entry:
    """What is known about a route.

    ``permission`` is what its guard requires, None when anybody may ask. ``body`` is a valid request. ``shows`` says
    which object of a workspace the path or the body names.
    """

    permission: str | None
    body: Any = None
    shows: (
        Literal[
            "trace", "span", "receipt", "key", "member", "letter", "list", "session", "user", "job", "view", "price"
        ]
        | None
    ) = None


FLAT: dict[str, Any] = {
    "trace_id": TRACE_ID,
    "agent_id": "agent",
    "input": "in",
    "output": "out",
    "latency_ms": 5,
    "status": "success",
    "model": "gpt-4o",
    "model_provider": "openai",
    "session_id": "session of A",
    "user_id": "user of A",
}
NATIVE = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "name": "n"}
VIEW: dict[str, Any] = {"name": "Failures", "scope": "workspace", "definition": {"range": "7d"}}
PRICED_MODEL = "model of A"
RATES: dict[str, Any] = {"prices": {"input": 2, "output": 8}}
REPRICE = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
OTLP_BODY: dict[str, Any] = {"resourceSpans": []}

ENTRIES: dict[tuple[str, str, str], Entry] = {
    **{(service, "GET", path): Entry(None) for service in SERVICES for path in OPERATIONAL},
    ("gateway", "POST", "/api/v1/auth/register"): Entry(None),
    ("gateway", "POST", "/api/v1/auth/login"): Entry(None),
    ("gateway", "POST", "/api/v1/auth/refresh"): Entry(None),
    ("gateway", "POST", "/api/v1/auth/forgot-password"): Entry(None),
    ("gateway", "POST", "/api/v1/auth/reset-password"): Entry(None),
    ("gateway", "POST", "/api/v1/auth/logout"): Entry("account"),
    ("gateway", "POST", "/api/v1/auth/switch"): Entry("account"),
    ("gateway", "POST", "/api/v1/auth/change-password"): Entry("account"),
    ("gateway", "GET", "/api/v1/auth/me"): Entry("account"),
    ("gateway", "PUT", "/api/v1/auth/me"): Entry("account"),
    ("gateway", "POST", "/api/v1/api-keys"): Entry("keys"),
    ("gateway", "GET", "/api/v1/api-keys"): Entry("keys", shows="list"),
    ("gateway", "DELETE", "/api/v1/api-keys/{key_id}"): Entry("keys", shows="key"),
    ("gateway", "GET", "/api/v1/workspaces"): Entry("account", shows="list"),
    ("gateway", "POST", "/api/v1/workspaces"): Entry("account"),
    ("gateway", "GET", "/api/v1/workspace"): Entry("workspace:read", shows="list"),
    ("gateway", "PUT", "/api/v1/workspace"): Entry("admin"),
    ("gateway", "DELETE", "/api/v1/workspace"): Entry("workspace:delete"),
    ("gateway", "GET", "/api/v1/team/members"): Entry("admin", shows="list"),
    ("gateway", "POST", "/api/v1/team/invite"): Entry("admin"),
    ("gateway", "POST", "/api/v1/team/accept"): Entry(None),
    ("gateway", "PUT", "/api/v1/team/members/{member_id}/role"): Entry("admin", {"role": "viewer"}, "member"),
    ("gateway", "DELETE", "/api/v1/team/members/{member_id}"): Entry("admin", shows="member"),
    ("gateway", "POST", "/api/v1/jobs"): Entry("write", {"type": "reprice", "params": REPRICE}),
    ("gateway", "GET", "/api/v1/jobs"): Entry("write", shows="list"),
    ("gateway", "GET", "/api/v1/jobs/workers"): Entry("admin", shows="list"),
    ("gateway", "GET", "/api/v1/jobs/active"): Entry("admin", shows="list"),
    ("gateway", "GET", "/api/v1/jobs/stats"): Entry("admin", shows="list"),
    ("gateway", "GET", "/api/v1/jobs/{job_id}"): Entry("write", shows="job"),
    ("gateway", "DELETE", "/api/v1/jobs/{job_id}"): Entry("write", shows="job"),
    ("gateway", "GET", "/api/v1/jobs/{job_id}/logs"): Entry("write", shows="job"),
    ("gateway", "POST", "/api/v1/jobs/{job_id}/retry"): Entry("write", shows="job"),
    ("gateway", "POST", "/api/v1/ws-ticket"): Entry("read"),
    ("ingestion", "POST", "/api/v1/traces"): Entry("ingest", FLAT),
    ("ingestion", "POST", "/api/v1/traces/batch"): Entry("ingest", {"traces": [FLAT]}),
    ("ingestion", "POST", "/api/v1/spans/batch"): Entry("ingest", {"spans": [NATIVE]}),
    ("ingestion", "POST", "/api/v1/scores"): Entry(
        "ingest", {"trace_id": TRACE_ID, "name": "n", "value": 1, "source": "code"}
    ),
    ("ingestion", "POST", "/api/v1/feedback"): Entry("ingest", {"trace_id": TRACE_ID, "rating": 1}),
    ("ingestion", "POST", "/api/v1/outcomes"): Entry("ingest", {"trace_id": TRACE_ID, "success": True}),
    ("ingestion", "POST", "/api/v1/client-reports"): Entry("ingest", {"created": 1, "delivered": 1, "sampled": 0}),
    **{
        ("ingestion", "POST", target.path): Entry("ingest", OTLP_BODY)
        for target in RoutingTable().targets
        if target.otlp
    },
    ("processing", "GET", "/api/v1/receipts/{receipt_id}"): Entry("receipts:read", shows="receipt"),
    ("processing", "GET", "/api/v1/ingestion/health"): Entry("read", shows="list"),
    ("processing", "GET", "/api/v1/dead-letters"): Entry("admin", shows="list"),
    ("processing", "POST", "/api/v1/dead-letters/replay"): Entry("admin"),
    ("processing", "DELETE", "/api/v1/traces/{trace_id}"): Entry("admin", shows="trace"),
    ("query", "GET", "/api/v1/traces"): Entry("read", shows="list"),
    ("query", "POST", "/api/v1/traces/search"): Entry("read", {"range": "24h"}),
    ("query", "GET", "/api/v1/traces/facets"): Entry("read"),
    ("query", "GET", "/api/v1/views"): Entry("read", shows="list"),
    ("query", "POST", "/api/v1/views"): Entry("write", VIEW),
    ("query", "PUT", "/api/v1/views/{view_id}"): Entry("write", VIEW, "view"),
    ("query", "DELETE", "/api/v1/views/{view_id}"): Entry("write", shows="view"),
    ("query", "POST", "/api/v1/exports"): Entry("write", {"format": "csv"}),
    ("query", "GET", "/api/v1/exports/{export_id}"): Entry("read"),
    ("query", "GET", "/api/v1/exports/{export_id}/download"): Entry("read"),
    ("query", "GET", "/api/v1/metrics/home-kpis"): Entry("read"),
    ("query", "GET", "/api/v1/metrics/aggregations"): Entry("read"),
    ("query", "POST", "/api/v1/metrics/query"): Entry("read", {"measures": ["requests"]}),
    ("query", "GET", "/api/v1/activity/stream"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/alerts/recent"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/usage/overview"): Entry("read"),
    ("query", "GET", "/api/v1/usage/calls-over-time"): Entry("read"),
    ("query", "GET", "/api/v1/usage/agent-distribution"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/usage/top-users"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/cost/overview"): Entry("cost:read"),
    ("query", "GET", "/api/v1/cost/trend"): Entry("cost:read"),
    ("query", "GET", "/api/v1/cost/by-model"): Entry("cost:read", shows="list"),
    ("query", "GET", "/api/v1/cost/budget"): Entry("cost:read"),
    ("query", "PUT", "/api/v1/cost/budget"): Entry("cost:write", {"monthly_usd": 100}),
    ("query", "GET", "/api/v1/prices"): Entry("read", shows="list"),
    ("query", "POST", "/api/v1/prices"): Entry("write", {"model": PRICED_MODEL, **RATES}),
    ("query", "POST", "/api/v1/prices/reprice"): Entry(
        "write", {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    ),
    ("query", "GET", "/api/v1/prices/{price_id}"): Entry("read", shows="price"),
    ("query", "PUT", "/api/v1/prices/{price_id}"): Entry("write", RATES, "price"),
    ("query", "DELETE", "/api/v1/prices/{price_id}"): Entry("write", shows="price"),
    ("query", "GET", "/api/v1/performance/overview"): Entry("read"),
    ("query", "GET", "/api/v1/performance/latency"): Entry("read"),
    ("query", "GET", "/api/v1/performance/throughput"): Entry("read"),
    ("query", "GET", "/api/v1/performance/errors"): Entry("read"),
    ("query", "GET", "/api/v1/analytics/costs"): Entry("cost:read"),
    ("query", "GET", "/api/v1/analytics/performance"): Entry("read"),
    ("query", "GET", "/api/v1/analytics/quality"): Entry("read"),
    ("query", "GET", "/api/v1/analytics/models"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/quality/overview"): Entry("read"),
    ("query", "GET", "/api/v1/quality/trend"): Entry("read"),
    ("query", "GET", "/api/v1/traces/{trace_id}"): Entry("read", shows="trace"),
    ("query", "GET", "/api/v1/traces/{trace_id}/graph"): Entry("read", shows="trace"),
    ("query", "GET", "/api/v1/traces/{trace_id}/spans"): Entry("read", shows="trace"),
    ("query", "GET", "/api/v1/traces/{trace_id}/spans/{span_id}"): Entry("read", shows="span"),
    ("query", "GET", "/api/v1/sessions"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/sessions/{session_id}"): Entry("read", shows="session"),
    ("query", "GET", "/api/v1/users"): Entry("read", shows="list"),
    ("query", "GET", "/api/v1/users/{user_id}"): Entry("read", shows="user"),
    ("query", "GET", "/api/v1/agents"): Entry("read", shows="list"),
}
