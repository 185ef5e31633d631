"""Reads the captured requests of real frameworks."""

import base64
import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.otlp.source import SourceEvent, SourceLink, SourceLog, SourceScope, SourceSpan

FOLDER = Path(__file__).parents[3] / "tests" / "data" / "captures"


@cache
def capture_sets() -> dict[str, tuple[list[SourceSpan], list[SourceLog]]]:
    """Return the spans and log records of every capture set by its name."""
    sets: dict[str, tuple[list[SourceSpan], list[SourceLog]]] = defaultdict(lambda: ([], []))
    for headers in sorted(FOLDER.glob("*.headers.json")):
        name = headers.name.split(".")[0]
        meta = json.loads(headers.read_text())
        spans, logs = read_request(headers.with_name(headers.name.removesuffix(".headers.json") + ".bin"), meta)
        sets[name][0].extend(spans)
        sets[name][1].extend(logs)
    return dict(sets)


def read_request(path: Path, meta: dict[str, Any]) -> tuple[list[SourceSpan], list[SourceLog]]:
    """Return the spans and log records in one captured request."""
    headers = {key.lower(): value for key, value in meta["headers"]} if isinstance(meta["headers"], list) else {}
    body = path.read_bytes()
    encoding = headers.get("content-encoding")
    if encoding == "gzip":
        body = gzip.decompress(body)
    elif encoding == "deflate":
        body = zlib.decompress(body)
    is_json = headers.get("content-type", "").startswith("application/json")
    target = meta.get("path", "/v1/traces")
    signal = meta.get("signal") or ("logs" if target.endswith("/logs") else "traces")
    if signal == "traces" and "scores" not in target and "ingestion" not in target:
        traces = ExportTraceServiceRequest()
        _parse(traces, body, is_json)
        return list(_spans(traces)), []
    if signal == "logs":
        logs = ExportLogsServiceRequest()
        _parse(logs, body, is_json)
        return [], list(_logs(logs))
    return [], []


def _parse(message: Any, body: bytes, is_json: bool) -> None:
    if not is_json:
        message.ParseFromString(body)
        return

    def convert(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: base64.b64encode(bytes.fromhex(value)).decode()
                if key in ("traceId", "spanId", "parentSpanId") and value
                else convert(value)
                for key, value in node.items()
                if value is not None
            }
        return [convert(item) for item in node] if isinstance(node, list) else node

    json_format.ParseDict(convert(json.loads(body)), message, ignore_unknown_fields=True)


def _value(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    held: object = getattr(value, kind)
    return held


def _attributes(pairs: Any) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _scope(resource: Any, scope: Any) -> SourceScope:
    return SourceScope(_attributes(resource.attributes), scope.name, scope.version)


def _key(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True)


def _spans(request: Any) -> Iterator[SourceSpan]:
    for resource in request.resource_spans:
        for group in resource.scope_spans:
            scope = _scope(resource.resource, group.scope)
            for span in group.spans:
                yield SourceSpan(
                    trace_id=span.trace_id,
                    span_id=_key(span.span_id),
                    parent_span_id=_key(span.parent_span_id) or None,
                    name=span.name,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano or None,
                    status_code=span.status.code,
                    status_message=span.status.message,
                    attributes=_attributes(span.attributes),
                    scope=scope,
                    events=[SourceEvent(e.name, e.time_unix_nano, _attributes(e.attributes)) for e in span.events],
                    links=[SourceLink(k.trace_id, k.span_id, _attributes(k.attributes)) for k in span.links],
                    otel_kind=span.kind,
                    attribute_count=len(span.attributes),
                    dropped_attributes_count=span.dropped_attributes_count,
                    raw=span.SerializeToString(),
                )


def _logs(request: Any) -> Iterator[SourceLog]:
    for resource in request.resource_logs:
        for group in resource.scope_logs:
            scope = _scope(resource.resource, group.scope)
            for log in group.log_records:
                yield SourceLog(
                    trace_id=log.trace_id,
                    span_id=_key(log.span_id) or None,
                    time_ns=log.time_unix_nano or log.observed_time_unix_nano,
                    event_name=log.event_name,
                    body=_value(log.body),
                    attributes=_attributes(log.attributes),
                    scope=scope,
                    severity_number=log.severity_number,
                    severity_text=log.severity_text,
                    raw=log.SerializeToString(),
                )
