"""What the OpenAPI document says of the addresses, which are plain routes that the framework cannot describe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ingestion.app.models import CLIENT_REPORT, FEEDBACK, FLAT_TRACE, OUTCOME, SCORE, SPAN_BATCH, TRACE_BATCH
from shared.http.schema import FieldError

_REFERENCE = "#/components/schemas/{model}"
_RECEIPT = "0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"


class Accepted(BaseModel):
    """The request is in the durable queue; ``receipt_id`` asks later what became of it."""

    status: Literal["accepted"]
    receipt_id: UUID


class TraceAccepted(Accepted):
    """The trace is in the durable queue."""

    trace_id: str


class ItemError(BaseModel):
    """Why an item was refused."""

    code: str = Field(examples=["time_too_old"])
    message: str
    details: list[FieldError]


class TraceResult(BaseModel):
    """What became of one trace of a batch; ``error`` is there when it was rejected."""

    index: int = Field(description="Place in the request, from 0")
    trace_id: str | None
    status: Literal["accepted", "rejected"]
    error: ItemError | None = None


class SpanResult(TraceResult):
    """What became of one span of a batch."""

    span_id: str | None


class TraceBatchAnswer(BaseModel):
    """How many traces were taken, and what became of each."""

    accepted: int
    rejected: int
    results: list[TraceResult]
    receipt_id: UUID


class SpanBatchAnswer(BaseModel):
    """How many spans were taken, and what became of each."""

    accepted: int
    rejected: int
    results: list[SpanResult]
    receipt_id: UUID


class OtlpPartialSuccess(BaseModel):
    """How many items were refused, as text since it has 64 bits, and why."""

    model_config = ConfigDict(extra="forbid")

    rejectedSpans: str | None = None  # noqa: N815
    rejectedLogRecords: str | None = None  # noqa: N815
    errorMessage: str  # noqa: N815


class OtlpAnswer(BaseModel):
    """An Export…ServiceResponse; ``partialSuccess`` is there only when something was refused."""

    model_config = ConfigDict(extra="forbid")

    partialSuccess: OtlpPartialSuccess | None = None  # noqa: N815


_FLAT: dict[str, Any] = {
    "trace_id": "order-7",
    "agent_id": "support",
    "input": "Where is my order?",
    "output": "On its way.",
    "latency_ms": 420,
    "status": "success",
    "model": "gpt-4o",
    "model_provider": "openai",
    "tokens_input": 900,
    "tokens_output": 80,
    "session_id": "s-1",
    "user_id": "u-42",
    "environment": "production",
    "tags": ["beta"],
    "metadata": {"plan": "pro"},
}
_SPAN: dict[str, Any] = {
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "name": "invoke_agent support",
    "kind": "agent",
    "agent_id": "support",
    "start_time": "2026-01-31T12:00:00Z",
    "duration_ms": 900,
}
_REFUSED: dict[str, Any] = {
    "code": "time_too_old",
    "message": "timestamp: The time is older than the retention",
    "details": [{"field": "timestamp", "message": "The time is older than the retention"}],
}
_OTLP_SPAN: dict[str, Any] = {
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    "spanId": "00f067aa0ba902b7",
    "name": "chat gpt-4o",
    "startTimeUnixNano": "1769860800000000000",
    "endTimeUnixNano": "1769860800420000000",
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "900"}},
    ],
}
_OTLP_LOG: dict[str, Any] = {
    "timeUnixNano": "1769860800000000000",
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
    "spanId": "00f067aa0ba902b7",
    "body": {"stringValue": "Where is my order?"},
    "attributes": [{"key": "event.name", "value": {"stringValue": "gen_ai.user.message"}}],
}
_OTLP_METRIC: dict[str, Any] = {"name": "gen_ai.client.token.usage", "sum": {"dataPoints": [{"asInt": "900"}]}}


@dataclass(frozen=True, slots=True)
class _Operation:
    summary: str
    text: str
    body: TypeAdapter[Any]
    example: Any
    answer: TypeAdapter[Any]
    answered: Any


@dataclass(frozen=True, slots=True)
class _OtlpOperation:
    summary: str
    text: str
    lists: tuple[str, str, str]
    item: dict[str, Any]
    refused: dict[str, Any] | None


_ACCEPTED: TypeAdapter[Any] = TypeAdapter(Accepted)
_RECORDED = {"status": "accepted", "receipt_id": _RECEIPT}

_ITEMS: dict[str, _Operation] = {
    "flat_trace": _Operation(
        "Send one trace as one object",
        "The object becomes a trace with one span. `timestamp` is its start, the arrival when absent. Cost comes from"
        " the price table unless `cost_usd` is given.",
        FLAT_TRACE,
        _FLAT,
        TypeAdapter(TraceAccepted),
        {**_RECORDED, "trace_id": "order-7"},
    ),
    "flat_batch": _Operation(
        "Send up to 100 traces, each as one object",
        "A bad trace never sinks a good one: each has a result of its own.",
        TRACE_BATCH,
        {"traces": [_FLAT, {**_FLAT, "trace_id": "order-8", "timestamp": "2020-01-01T00:00:00Z"}]},
        TypeAdapter(TraceBatchAnswer),
        {
            "accepted": 1,
            "rejected": 1,
            "results": [
                {"index": 0, "trace_id": "order-7", "status": "accepted"},
                {"index": 1, "trace_id": "order-8", "status": "rejected", "error": _REFUSED},
            ],
            "receipt_id": _RECEIPT,
        },
    ),
    "span_batch": _Operation(
        "Send spans in the platform's own form",
        "Up to 50,000 spans. Without `end_time` and `duration_ms` a span is open and may be sent again with one:"
        " versions of a span merge, in any order, to the one that ended last.",
        SPAN_BATCH,
        {
            "spans": [
                _SPAN,
                {
                    **_SPAN,
                    "span_id": "00f067aa0ba902b8",
                    "parent_span_id": "00f067aa0ba902b7",
                    "name": "search",
                    "kind": "tool",
                    "tool_name": "search",
                    "tool_arguments": {"q": "order"},
                    "tool_result": "found",
                    "duration_ms": 120,
                },
            ]
        },
        TypeAdapter(SpanBatchAnswer),
        {
            "accepted": 2,
            "rejected": 0,
            "results": [
                {"index": 0, "trace_id": _SPAN["trace_id"], "span_id": "00f067aa0ba902b7", "status": "accepted"},
                {"index": 1, "trace_id": _SPAN["trace_id"], "span_id": "00f067aa0ba902b8", "status": "accepted"},
            ],
            "receipt_id": _RECEIPT,
        },
    ),
    "score": _Operation(
        "Score a trace or a span",
        "`value` is a number, a truth value or a label. The last score of a name and source counts.",
        SCORE,
        {"trace_id": "order-7", "name": "helpful", "value": 0.9, "source": "user"},
        _ACCEPTED,
        _RECORDED,
    ),
    "feedback": _Operation(
        "Say what a user thought of a trace",
        "`rating` is -1, 0 or 1 for thumbs, or 1 to 5 for stars.",
        FEEDBACK,
        {"trace_id": "order-7", "rating": 1, "comment": "quick", "user_id": "u-42"},
        _ACCEPTED,
        _RECORDED,
    ),
    "outcome": _Operation(
        "Say what came of a trace or session",
        "Names a `trace_id` or a `session_id`.",
        OUTCOME,
        {"trace_id": "order-7", "success": True, "value_usd": 12.5, "name": "sale"},
        _ACCEPTED,
        _RECORDED,
    ),
    "client_report": _Operation(
        "Report what a client did with its items",
        "Counts as the client made them itself; the health of ingestion shows them beside what arrived.",
        CLIENT_REPORT,
        {"created": 10, "delivered": 8, "sampled": 1, "dropped": {"queue_full": 1}},
        _ACCEPTED,
        _RECORDED,
    ),
}
_OTLP: dict[str, _OtlpOperation] = {
    "otlp_traces": _OtlpOperation(
        "Send traces as an OpenTelemetry exporter does",
        "An ExportTraceServiceRequest in protobuf or JSON, compressed with gzip, deflate or zstd or not at all. What"
        " cannot be taken is refused span by span and counted in `partialSuccess`.",
        ("resourceSpans", "scopeSpans", "spans"),
        _OTLP_SPAN,
        {"rejectedSpans": "1", "errorMessage": "1 refused: the trace id is not 16 bytes (invalid_trace_id)"},
    ),
    "otlp_logs": _OtlpOperation(
        "Send logs as an OpenTelemetry exporter does",
        "An ExportLogsServiceRequest in protobuf or JSON. Logs that name a span are joined to it, in any order.",
        ("resourceLogs", "scopeLogs", "logRecords"),
        _OTLP_LOG,
        {"rejectedLogRecords": "1", "errorMessage": "1 refused: the time is too old (time_too_old)"},
    ),
    "otlp_metrics": _OtlpOperation(
        "Take metrics of an OpenTelemetry exporter, and drop them",
        "So that exporters that send all three signals to one address meet no error. Nothing is stored.",
        ("resourceMetrics", "scopeMetrics", "metrics"),
        _OTLP_METRIC,
        None,
    ),
}


def describe(addresses: Sequence[tuple[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return paths and schemas as OpenAPI has them.

    Args:
        addresses: Path and name of each route.
    """
    adapters = [adapter for item in _ITEMS.values() for adapter in (item.body, item.answer)]
    otlp_answer: TypeAdapter[Any] = TypeAdapter(OtlpAnswer)
    named, definitions = TypeAdapter.json_schemas(
        [
            *((str(place), "validation", adapter) for place, adapter in enumerate(adapters)),
            ("otlp", "serialization", otlp_answer),
        ],
        ref_template=_REFERENCE,
    )
    schemas = {str(key): schema for (key, _), schema in named.items()}
    paths: dict[str, Any] = {}
    for path, name in addresses:
        if name in _OTLP:
            paths[path] = {"post": _otlp_operation(name, _OTLP[name], schemas["otlp"])}
        else:
            place = 2 * list(_ITEMS).index(name)
            paths[path] = {"post": _item_operation(name, _ITEMS[name], schemas[str(place)], schemas[str(place + 1)])}
    return paths, definitions.get("$defs", {})


def _item_operation(name: str, operation: _Operation, body: Any, answer: Any) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["sending"],
        "summary": operation.summary,
        "description": operation.text,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": operation.example}},
        },
        "responses": {
            "202": {
                "description": "In the durable queue",
                "content": {"application/json": {"schema": answer, "example": operation.answered}},
            }
        },
    }


def _otlp_operation(name: str, operation: _OtlpOperation, answer: Any) -> dict[str, Any]:
    outer, middle, inner = operation.lists
    binary = {"type": "string", "format": "binary"}
    examples: dict[str, Any] = {"all": {"summary": "All were taken", "value": {}}}
    if operation.refused is not None:
        examples["some"] = {"summary": "Some were refused", "value": {"partialSuccess": operation.refused}}
    return {
        "operationId": name,
        "tags": ["opentelemetry"],
        "summary": operation.summary,
        "description": operation.text,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-protobuf": {"schema": binary},
                "application/json": {
                    "schema": _request_schema(operation.lists),
                    "example": {outer: [{middle: [{inner: [operation.item]}]}]},
                },
            },
        },
        "responses": {
            "200": {
                "description": "Taken; in the encoding of the request",
                "content": {
                    "application/x-protobuf": {"schema": binary},
                    "application/json": {"schema": answer, "examples": examples},
                },
            }
        },
    }


def _request_schema(lists: Sequence[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for name in reversed(lists):
        schema = {"type": "object", "properties": {name: {"type": "array", "items": schema}}}
    return schema
