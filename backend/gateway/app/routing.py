"""Which service answers which address: the one table of it, and the exact look-up in it."""

import re
from dataclasses import dataclass
from typing import Literal

Service = Literal["ingestion", "processing", "query"]

# Addresses that OTLP exporters end up at, by how they join a base address and the signal's path.
OTLP_TRACES = (
    "/v1/traces",
    "/api/v1/traces/otlp",
    "/",
    "/v1/traces/v1/traces",
    "/api/public/otel/v1/traces",
    "/otel/v1/traces",
)
OTLP_LOGS = ("/v1/logs", "/otel/v1/logs", "/api/public/otel/v1/logs")
OTLP_METRICS = ("/v1/metrics", "/otel/v1/metrics", "/api/public/otel/v1/metrics")

_ROUTES: dict[Service, tuple[str, ...]] = {
    "ingestion": (
        "POST /api/v1/traces",
        "POST /api/v1/traces/batch",
        "POST /api/v1/spans/batch",
        "POST /api/v1/scores",
        "POST /api/v1/feedback",
        "POST /api/v1/outcomes",
        "POST /api/v1/client-reports",
    ),
    "processing": (
        "GET /api/v1/receipts/{receipt_id}",
        "GET /api/v1/ingestion/health",
        "GET /api/v1/dead-letters",
        "POST /api/v1/dead-letters/replay",
        "DELETE /api/v1/traces/{trace_id}",
    ),
    "query": (
        "GET /api/v1/traces",
        "POST /api/v1/traces/search",
        "GET /api/v1/traces/facets",
        "GET /api/v1/traces/{trace_id}",
        "GET /api/v1/views",
        "POST /api/v1/views",
        "PUT /api/v1/views/{view_id}",
        "DELETE /api/v1/views/{view_id}",
        "POST /api/v1/exports",
        "GET /api/v1/exports/{export_id}",
        "GET /api/v1/exports/{export_id}/download",
        "GET /api/v1/metrics/home-kpis",
        "GET /api/v1/metrics/aggregations",
        "POST /api/v1/metrics/query",
        "GET /api/v1/activity/stream",
        "GET /api/v1/alerts/recent",
        "GET /api/v1/usage/overview",
        "GET /api/v1/usage/calls-over-time",
        "GET /api/v1/usage/agent-distribution",
        "GET /api/v1/usage/top-users",
        "GET /api/v1/cost/overview",
        "GET /api/v1/cost/trend",
        "GET /api/v1/cost/by-model",
        "GET /api/v1/cost/budget",
        "PUT /api/v1/cost/budget",
        "GET /api/v1/prices",
        "POST /api/v1/prices",
        "POST /api/v1/prices/reprice",
        "GET /api/v1/prices/{price_id}",
        "PUT /api/v1/prices/{price_id}",
        "DELETE /api/v1/prices/{price_id}",
        "GET /api/v1/performance/overview",
        "GET /api/v1/performance/latency",
        "GET /api/v1/performance/throughput",
        "GET /api/v1/performance/errors",
        "GET /api/v1/analytics/costs",
        "GET /api/v1/analytics/performance",
        "GET /api/v1/analytics/quality",
        "GET /api/v1/analytics/models",
        "GET /api/v1/quality/overview",
        "GET /api/v1/quality/trend",
        "GET /api/v1/traces/{trace_id}/graph",
        "GET /api/v1/traces/{trace_id}/spans",
        "GET /api/v1/traces/{trace_id}/spans/{span_id}",
        "GET /api/v1/sessions",
        "GET /api/v1/sessions/{session_id}",
        "GET /api/v1/users",
        "GET /api/v1/users/{user_id}",
        "GET /api/v1/agents",
    ),
}

# Encoded separators and dots, path parameters and backslashes mean different things to different servers.
_AMBIGUOUS = re.compile(rb"//|/\.{1,2}(?:/|\Z)|%(?:2[ef]|5c|00)|[;\\]|%(?![0-9a-f]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes; ``path`` is the address as the table writes it."""

    service: Service
    method: str
    path: str
    otlp: bool = False

    @property
    def counts_spans(self) -> bool:
        """Return whether ingestion's span quota applies rather than the limit on requests."""
        return self.service == "ingestion"

    @property
    def is_download(self) -> bool:
        """Return whether the answer is a file of any size."""
        return self.path.endswith("/download")


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The address exists, and these are its methods."""

    allowed: tuple[str, ...]


class RoutingTable:
    """Finds targets by the path as it was sent: no decoding, no normalising, no trailing slash."""

    def __init__(self) -> None:
        self._exact: dict[bytes, dict[str, Target]] = {}
        self._templates: dict[int, list[tuple[tuple[bytes | None, ...], dict[str, Target]]]] = {}
        self.targets: list[Target] = []
        for service, routes in _ROUTES.items():
            for route in routes:
                method, _, path = route.partition(" ")
                self._add(Target(service, method, path))
        for path in OTLP_TRACES + OTLP_LOGS + OTLP_METRICS:
            self._add(Target("ingestion", "POST", path, otlp=True))

    def find(self, method: str, raw_path: bytes) -> Target | WrongMethod | None:
        """Return where a request goes, None when no service has this address."""
        exact = self._exact.get(raw_path)
        if exact is not None and method in exact:
            return exact[method]
        if is_ambiguous(raw_path):
            return None
        found = [exact] if exact is not None else []
        parts = raw_path.split(b"/")
        for template, methods in self._templates.get(len(parts), ()):
            if all(part != b"" if want is None else part == want for want, part in zip(template, parts, strict=True)):
                if method in methods:
                    return methods[method]
                found.append(methods)
        return WrongMethod(tuple(sorted({name for methods in found for name in methods}))) if found else None

    def _add(self, target: Target) -> None:
        self.targets.append(target)
        if "{" not in target.path:
            self._exact.setdefault(target.path.encode(), {})[target.method] = target
            return
        parts = tuple(None if part.startswith("{") else part.encode() for part in target.path.split("/"))
        shelf = self._templates.setdefault(len(parts), [])
        for template, methods in shelf:
            if template == parts:
                methods[target.method] = target
                return
        shelf.append((parts, {target.method: target}))


def is_ambiguous(raw_path: bytes) -> bool:
    """Return whether servers might disagree about what a path names."""
    return _AMBIGUOUS.search(raw_path) is not None
