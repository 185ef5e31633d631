"""OTLP over HTTP, at every address that exporters end up at."""

from functools import partial

from ingestion.app.answers import otlp_answer
from ingestion.app.intake import Signal
from ingestion.app.routes.door import JSON_TYPES, Answer, Door, Incoming, otlp_door

TRACES_PATHS = (
    "/v1/traces",
    "/api/v1/traces/otlp",
    # An exporter that is given the endpoint in its constructor appends nothing.
    "/",
    # One that is given a whole address as base appends the path again.
    "/v1/traces/v1/traces",
    "/api/public/otel/v1/traces",
    "/otel/v1/traces",
)
LOGS_PATHS = ("/v1/logs", "/otel/v1/logs", "/api/public/otel/v1/logs")
METRICS_PATHS = ("/v1/metrics", "/otel/v1/metrics", "/api/public/otel/v1/metrics")


async def _take(signal: Signal, incoming: Incoming) -> Answer:
    json = incoming.media_type in JSON_TYPES
    receipt, result = await incoming.intake.take_otlp(incoming.sender, signal, incoming.body, json=json)
    return Answer(200, otlp_answer(signal, result, json=json), incoming.media_type, receipt)


async def _drop_metrics(incoming: Incoming) -> Answer:
    json = incoming.media_type in JSON_TYPES
    return Answer(200, otlp_answer("metrics", None, json=json), incoming.media_type, None)


OTLP_DOORS: list[tuple[str, Door]] = [
    *[(path, otlp_door("otlp_traces", partial(_take, "traces"))) for path in TRACES_PATHS],
    *[(path, otlp_door("otlp_logs", partial(_take, "logs"))) for path in LOGS_PATHS],
    *[(path, otlp_door("otlp_metrics", _drop_metrics)) for path in METRICS_PATHS],
]
