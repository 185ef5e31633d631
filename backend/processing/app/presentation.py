"""Dead letters in a form that people read, without secrets."""

from collections.abc import Mapping
from typing import Any

import orjson

from processing.app.models import DeadLetter
from processing.app.processor import KILLED_WORKERS
from shared.ids import span_hex
from shared.logging import redact, redact_text
from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.source import SourceLog, SourceSpan

_SHOWN_BYTES = 64 * 1024
_SHOWN_ITEMS = 20
_SHOWN_TEXT = 2000


def present_letter(row: Mapping[str, Any]) -> DeadLetter:
    """Return a row of ``dead_letters`` as it is shown."""
    payload: bytes = row["payload"]
    return DeadLetter(
        id=str(row["dead_letter_id"]),
        state=row["state"],
        reason=row["reason"],
        error=redact_text(row["error"]),
        attempts=row["attempts"],
        format=row["format"],
        receipt_id=_text(row["receipt_id"]),
        key_id=_text(row["key_id"]),
        item_index=row["item_index"],
        trace_id=None if row["trace_id"] is None else row["trace_id"].hex,
        span_id=None if row["span_id"] is None else span_hex(row["span_id"]),
        received_at=row["received_at"],
        created_at=row["created_at"],
        replayed_at=row["replayed_at"],
        payload_bytes=len(payload),
        payload=present_payload(row["reason"], row["format"], payload),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def present_payload(reason: str, item_format: str, payload: bytes) -> object:
    """Return the content of a dead letter with secrets replaced, or a sentence where it is not shown."""
    if reason == KILLED_WORKERS:
        return "Not shown, since processes died when they read it."
    if len(payload) > _SHOWN_BYTES:
        return f"Not shown, since it has {len(payload)} bytes."
    try:
        return _read(item_format, payload)
    except ValueError:
        return "Not shown, since it cannot be decoded."


def _read(item_format: str, payload: bytes) -> object:
    match item_format:
        case "otlp_traces" | "otlp_traces_json":
            spans = decode_traces(payload, json=item_format.endswith("_json"))
            return [_span(span) for span, _ in zip(spans, range(_SHOWN_ITEMS), strict=False)]
        case "otlp_logs" | "otlp_logs_json":
            logs = decode_logs(payload, json=item_format.endswith("_json"))
            return [_log(log) for log, _ in zip(logs, range(_SHOWN_ITEMS), strict=False)]
        case _:
            document: object = orjson.loads(payload)
            return _show(document[:_SHOWN_ITEMS] if isinstance(document, list) else document)


def _span(span: SourceSpan) -> dict[str, object]:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span_hex(span.span_id),
        "parent_span_id": None if span.parent_span_id is None else span_hex(span.parent_span_id),
        "name": _show(span.name),
        "start_time_unix_nano": str(span.start_ns),
        "end_time_unix_nano": None if span.end_ns is None else str(span.end_ns),
        "status_message": _show(span.status_message),
        "attributes": _show(span.attributes),
        "resource": _show(span.scope.resource),
    }


def _log(log: SourceLog) -> dict[str, object]:
    return {
        "trace_id": log.trace_id.hex(),
        "span_id": None if log.span_id is None else span_hex(log.span_id),
        "time_unix_nano": str(log.time_ns),
        "event_name": _show(log.event_name),
        "body": _show(log.body),
        "attributes": _show(log.attributes),
        "resource": _show(log.scope.resource),
    }


def _show(value: object) -> object:
    # Identifiers stay out of this: some look like the number of a card.
    return redact(_cut(value))


def _cut(value: Any, depth: int = 0) -> Any:
    """Return a JSON-ready copy with long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= _SHOWN_TEXT else value[:_SHOWN_TEXT] + "…"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        return str(value)
    if depth > 16:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _cut(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cut(item, depth + 1) for item in value]
    return value
