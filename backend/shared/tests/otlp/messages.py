"""OTLP requests for tests, built with the official classes."""

import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

NOW_NS = time.time_ns()
TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))
RETENTION_DAYS = 90


def any_value(value: object) -> AnyValue:
    """Return a Python value as AnyValue."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
    if isinstance(value, dict):
        pairs = [KeyValue(key=key, value=any_value(item)) for key, item in value.items()]
        return AnyValue(kvlist_value=KeyValueList(values=pairs))
    return AnyValue(string_value=str(value))


def pairs(values: dict[str, object]) -> list[KeyValue]:
    """Return attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def span(**overrides: object) -> Span:
    """Return a valid span."""
    values: dict[str, Any] = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "name": "chat",
        "kind": Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": NOW_NS - 2_000_000_000,
        "end_time_unix_nano": NOW_NS - 1_000_000_000,
        **overrides,
    }
    return Span(**values)


def log(**overrides: object) -> LogRecord:
    """Return a valid log record."""
    values: dict[str, Any] = {"trace_id": TRACE_ID, "span_id": SPAN_ID, "time_unix_nano": NOW_NS, **overrides}
    return LogRecord(**values)


def traces(*spans: Span) -> ExportTraceServiceRequest:
    """Return a request with these spans."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(pairs({"service.name": "test"}))
    scope = resource.scope_spans.add()
    scope.scope.name = "tests"
    scope.spans.extend(spans)
    return request


def logs(*records: LogRecord) -> ExportLogsServiceRequest:
    """Return a request with these log records."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return request
