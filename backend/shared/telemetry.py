"""Prometheus metrics that every service has; a service adds its own beside the code that counts."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

HTTP_REQUESTS = Counter("http_requests_total", "HTTP requests", ["service", "method", "route", "status"])
HTTP_DURATION = Histogram(
    "http_request_duration_seconds",
    "Time from the first byte of a request to the last byte of its answer",
    ["service", "method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HTTP_IN_FLIGHT = Gauge("http_requests_in_flight", "HTTP requests under way", ["service"])
DATABASE_DURATION = Histogram(
    "database_query_duration_seconds",
    "Time of one database statement or transaction",
    ["service", "query"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DATABASE_CONNECTIONS = Gauge("database_pool_connections", "Connections of a pool", ["service", "database", "state"])
CACHE_LOOKUPS = Counter("cache_lookups_total", "Look-ups in a cache", ["service", "cache", "result"])
STREAM_BACKLOG = Gauge("stream_backlog", "What waits in a stream", ["service", "stream", "unit"])
FAILURES = Counter("failures_total", "Failures that were handled", ["service", "operation", "reason"])


def render_metrics() -> tuple[bytes, str]:
    """Return all metrics in Prometheus' text format and the content type to send them with."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
